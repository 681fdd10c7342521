package markdown

import (
	"html"
	"strings"
)

// HTML writes the document in the few elements that messaging services know.
func (d Document) HTML() string {
	var b strings.Builder
	var open []Span
	at := 0
	text := func(to int) {
		s := html.EscapeString(d.Text[at:to])
		if len(open) == 0 || open[len(open)-1].Kind != Pre {
			s = strings.ReplaceAll(s, "\n", "<br>\n")
		}
		b.WriteString(s)
		at = to
	}
	closeTo := func(pos int) {
		for len(open) > 0 && open[len(open)-1].To <= pos {
			text(open[len(open)-1].To)
			_, end := open[len(open)-1].tags()
			b.WriteString(end)
			open = open[:len(open)-1]
		}
	}
	for _, s := range d.Spans {
		closeTo(s.From)
		text(s.From)
		begin, _ := s.tags()
		b.WriteString(begin)
		open = append(open, s)
	}
	closeTo(len(d.Text))
	text(len(d.Text))
	return b.String()
}

func (s Span) tags() (begin, end string) {
	switch s.Kind {
	case Bold:
		return "<strong>", "</strong>"
	case Italic:
		return "<em>", "</em>"
	case Strike:
		return "<del>", "</del>"
	case Code:
		return "<code>", "</code>"
	case Quote:
		return "<blockquote>", "</blockquote>"
	case Link:
		return `<a href="` + html.EscapeString(s.URL) + `">`, "</a>"
	case Pre:
		if s.Language != "" {
			return `<pre><code class="language-` + html.EscapeString(s.Language) + `">`, "</code></pre>"
		}
		return "<pre><code>", "</code></pre>"
	}
	return "", ""
}
