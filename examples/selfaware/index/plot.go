package index

import (
	"fmt"
	"html"
	"strings"
)

// The plot's measures, in its own units.
const (
	plotWidth  = 720
	rowHeight  = 110
	plotLeft   = 215
	plotRight  = plotWidth - 30
	plotTop    = 64
	plotRadius = 3.5
)

// SVG draws the guesses: a row a framing, a dot a guess, a bar at the median.
func (r Result) SVG(title string) string {
	height := plotTop + rowHeight*len(r.Framings) + 60
	bottom := plotTop + rowHeight*len(r.Framings)
	x := func(v float64) float64 { return plotLeft + v/100*(plotRight-plotLeft) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif" font-size="13">`+"\n", plotWidth, height, plotWidth, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", plotWidth, height)
	fmt.Fprintf(&b, `<text x="20" y="28" font-size="16" font-weight="bold" fill="#1b1f24">%s</text>`+"\n", html.EscapeString(title))
	fmt.Fprintf(&b, `<text x="20" y="48" fill="#57606a">guesses of two thirds of the average, by who the others are</text>`+"\n")
	for v := 0; v <= 100; v += 10 {
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#e3e6ea"/>`+"\n", x(float64(v)), plotTop, x(float64(v)), bottom)
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle" fill="#57606a">%d</text>`+"\n", x(float64(v)), bottom+20, v)
	}
	colours := []string{"#b35900", "#0a66c2", "#1a7f5a"}
	for i, s := range r.Framings {
		middle := plotTop + rowHeight*i + rowHeight/2
		fmt.Fprintf(&b, `<text x="20" y="%d" font-weight="bold" fill="%s">%s</text>`+"\n", middle-4, colours[i], html.EscapeString(string(s.Framing)+"  "+s.Framing.Against()))
		fmt.Fprintf(&b, `<text x="20" y="%d" fill="#57606a">%s</text>`+"\n", middle+14, html.EscapeString(s.caption()))
		stacked := map[int]int{}
		for _, g := range s.Guesses {
			column := int(x(g) / (2 * plotRadius))
			n := stacked[column]
			stacked[column]++
			up := float64((n+1)/2) * 2 * plotRadius // from the middle outwards, both ways in turn
			if n%2 == 1 {
				up = -up
			}
			up = max(-rowHeight/2+10, min(rowHeight/2-10, up)) // what is more lies on each other
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="%.1f" fill="%s" fill-opacity="0.55"/>`+"\n", x(g), float64(middle)+up, plotRadius, colours[i])
		}
		if s.Median != nil {
			fmt.Fprintf(&b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#1b1f24" stroke-width="2.5"/>`+"\n", x(*s.Median), middle-rowHeight/2+8, x(*s.Median), middle+rowHeight/2-8)
		}
	}
	fmt.Fprintf(&b, `<text x="20" y="%d" fill="#1b1f24">%s</text>`+"\n</svg>\n", height-16, html.EscapeString("profile: "+string(r.Profile)))
	return b.String()
}

func (s Summary) caption() string {
	text := fmt.Sprintf("%d guesses", len(s.Guesses))
	if s.Median != nil {
		text = fmt.Sprintf("median %.1f of %d", *s.Median, len(s.Guesses))
	}
	if s.NoGuess > 0 {
		text += fmt.Sprintf(", %d none", s.NoGuess)
	}
	return text
}
