package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ambithost/ambit/sdk/capability"
)

// style is an SGR code (ECMA-48).
type style string

const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
)

func paint(on bool, s style, text string) string {
	if !on || s == plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

func (a *app) paint(s style, text string) string { return paint(a.color, s, text) }

// riskStyle draws the eye to what can't be undone.
func riskStyle(r capability.Risk) style {
	switch r {
	case capability.Irreversible, capability.Control:
		return red
	case capability.Write:
		return yellow
	}
	return plain
}

// col is one column of a row; its text is cleaned when printed.
type col struct {
	text  string
	style style
}

// table aligns columns.
type table struct {
	indent string
	rows   [][]col
}

func (t *table) add(texts ...string) {
	row := make([]col, len(texts))
	for i, s := range texts {
		row[i] = col{text: s}
	}
	t.rows = append(t.rows, row)
}

func (t *table) head(texts ...string) {
	t.add(texts...)
	for i := range t.rows[len(t.rows)-1] {
		t.rows[len(t.rows)-1][i].style = dim
	}
}

func (t *table) addStyled(cells ...col) { t.rows = append(t.rows, cells) }

// print writes the table. The last column is as long as it needs to be.
func (t *table) print(w io.Writer, color bool) {
	var widths []int
	for _, row := range t.rows {
		for i := range row {
			row[i].text = line(row[i].text)
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if i < len(row)-1 {
				widths[i] = max(widths[i], utf8.RuneCountInString(row[i].text))
			}
		}
	}
	for _, row := range t.rows {
		var b strings.Builder
		b.WriteString(t.indent)
		for i, c := range row {
			b.WriteString(paint(color, c.style, c.text))
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.text)+2))
			}
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}

// span is a duration for people: its two largest units.
func span(d time.Duration) string {
	d = d.Abs()
	type unit struct {
		size time.Duration
		name string
	}
	units := []unit{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}}
	for i, u := range units {
		if d < u.size {
			continue
		}
		text := fmt.Sprintf("%d %s", d/u.size, u.name)
		if i < 2 {
			if rest := d % u.size / units[i+1].size; rest > 0 {
				text += fmt.Sprintf(" %d %s", rest, units[i+1].name)
			}
		}
		return text
	}
	return "under 1 s"
}

// ago says when something was or will be, from now.
func (a *app) ago(t time.Time) string {
	d := a.now().Sub(t)
	switch {
	case t.IsZero():
		return "never"
	case d.Abs() < time.Second:
		return "just now"
	case d < 0:
		return "in " + span(d.Round(time.Second))
	}
	return span(d) + " ago"
}

// micros is a short duration.
func micros(n int64) string {
	switch {
	case n < 1000:
		return strconv.FormatInt(n, 10) + " µs"
	case n < 10_000:
		return strconv.FormatFloat(float64(n)/1000, 'f', 1, 64) + " ms"
	case n < 1_000_000:
		return strconv.FormatInt(n/1000, 10) + " ms"
	case n < 60_000_000:
		return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + " s"
	}
	return span(time.Duration(n) * time.Microsecond)
}

// bytesText is a size: decimal units, as on disks.
func bytesText(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	exp := min(int(math.Log10(float64(n)))/3, 4)
	v := float64(n) / math.Pow10(3*exp)
	digits := 0
	if v < 10 {
		digits = 1
	}
	return strconv.FormatFloat(v, 'f', digits, 64) + " " + [...]string{"B", "KB", "MB", "GB", "TB"}[exp]
}

// count writes a number with its thing: 1 call, 2 calls, 12,804 entries.
func count(n int64, one, many string) string {
	word := many
	if n == 1 {
		word = one
	}
	return thousands(n) + " " + word
}

func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// scopeText tells a scope in the order of the vocabulary: the entries, and
// between the keys a middle dot.
func scopeText(name string, s capability.Scope) string {
	var parts []string
	var known []string
	if c, ok := capability.Lookup(name); ok {
		for _, k := range c.Scope {
			known = append(known, k.Name)
			if entries, ok := s.Allow[k.Name]; ok {
				parts = append(parts, strings.Join(entries, ", "))
			}
			if n, ok := s.Max[k.Name]; ok {
				parts = append(parts, fmt.Sprintf("%s at most %s", k.Attribute, thousands(n)))
			}
		}
	}
	for key := range s.Allow {
		if !slices.Contains(known, key) { // nothing is hidden
			b, err := json.Marshal(s)
			if err == nil {
				return string(b)
			}
		}
	}
	return strings.Join(parts, " · ")
}
