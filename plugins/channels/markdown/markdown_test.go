package markdown

import (
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"plain", "plain"},
		{"**bold** and *it* and _it_", "<strong>bold</strong> and <em>it</em> and <em>it</em>"},
		{"***both***", "<em><strong>both</strong></em>"},
		{"**a *b* c**", "<strong>a <em>b</em> c</strong>"},
		{"*a **b** c*", "<em>a <strong>b</strong> c</em>"},
		{"~~gone~~ ~5 ~6", "<del>gone</del> ~5 ~6"},
		{"2 * 3 * 4 = 24", "2 * 3 * 4 = 24"},
		{"snake_case_name and __init__", "snake_case_name and <strong>init</strong>"},
		{"**open", "**open"},
		{"*open **and** more", "*open <strong>and</strong> more"},
		{"a**", "a**"},
		{"****", "———"},
		{`\*not\* \_it\_ \q`, `*not* _it_ \q`},
		{"`a*b*` ``c`d`` `open", "<code>a*b*</code> <code>c`d</code> `open"},
		{"`<b>&`", "<code>&lt;b&gt;&amp;</code>"},
		{"[text](https://example.org/a?b=c&d)", `<a href="https://example.org/a?b=c&amp;d">text</a>`},
		{"[**t** x](https://example.org/(a))", `<a href="https://example.org/(a)"><strong>t</strong> x</a>`},
		{"![alt](https://example.org/i.png \"title\")", `<a href="https://example.org/i.png">alt</a>`},
		{"[](https://example.org)", `<a href="https://example.org">https://example.org</a>`},
		{"[x](javascript:alert(1)) [y](file:///etc/passwd) [z](/rel)", "[x](javascript:alert(1)) [y](file:///etc/passwd) [z](/rel)"},
		{"[x](https://example.org", "[x](https://example.org"},
		{"[a [b](https://example.org) c", `[a <a href="https://example.org">b</a> c`},
		{"<https://example.org> <b>", "https://example.org &lt;b&gt;"},
		{"# Title\ntext", "<strong>Title</strong><br>\ntext"},
		{"## **Bold** title ##", "<strong>Bold title</strong>"},
		{"#nothing", "#nothing"},
		{"- a\n- **b**\n  * c\n1. d", "• a<br>\n• <strong>b</strong><br>\n  • c<br>\n1. d"},
		{"> said\n> *so*\n\nyes", "<blockquote>said<br>\n<em>so</em></blockquote><br>\n<br>\nyes"},
		{"```go\nif a < b {\n\t*p = 1\n}\n```\nafter", "<pre><code class=\"language-go\">if a &lt; b {\n\t*p = 1\n}</code></pre><br>\nafter"},
		{"```\nopen *x*", "<pre><code>open *x*</code></pre>"},
		{"~~~\na\n```\n~~~", "<pre><code>a\n```</code></pre>"},
		{"```" + `"><script>` + "\nx\n```", "<pre><code>x</code></pre>"},
		{"a\n\n---\n\nb", "a<br>\n<br>\n———<br>\n<br>\nb"},
		{"|a|b|\n|-|-|\n|1|*2*|\nend", "<pre><code>|a|b|\n|-|-|\n|1|*2*|</code></pre><br>\nend"},
		{"a || b | c\nd", "a || b | c<br>\nd"},
		{"bad \xff byte \x00", "bad \uFFFD byte \uFFFD"},
		{"**日本**語 *é*", "<strong>日本</strong>語 <em>é</em>"},
		{"", ""},
		{"\n\n  \n", ""},
	} {
		if got := Parse(c.in).HTML(); got != c.want {
			t.Errorf("%q\n gives %q\n want  %q", c.in, got, c.want)
		}
	}
}

func units(r rune) int { return max(1, utf16.RuneLen(r)) }

func TestSplit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in string
		limit    int
		want     []string
	}{
		{"fits", "short", 16, []string{"short"}},
		{"paragraphs", "first one\n\nsecond one", 16, []string{"first one", "second one"}},
		{"lines", "first line\nsecond line", 16, []string{"first line", "second line"}},
		{"sentences", "One is here. Two is not", 16, []string{"One is here.", "Two is not"}},
		{"words", "alpha beta gamma delta", 16, []string{"alpha beta", "gamma delta"}},
		{"one word", strings.Repeat("x", 20), 16, []string{strings.Repeat("x", 16), "xxxx"}},
		{"surrogate pairs", strings.Repeat("𝕏", 9), 17, []string{strings.Repeat("𝕏", 8), "𝕏"}},
		{"a family stays together", strings.Repeat("y", 10) + "👨‍👩‍👧", 16, []string{strings.Repeat("y", 10), "👨‍👩‍👧"}},
		{"a flag stays together", strings.Repeat("y", 13) + "🇫🇷", 16, []string{strings.Repeat("y", 13), "🇫🇷"}},
		{"two flags", strings.Repeat("y", 12) + "🇫🇷🇩🇪", 17, []string{strings.Repeat("y", 12) + "🇫🇷", "🇩🇪"}},
		{"an accent stays", strings.Repeat("y", 15) + "e\u0301", 16, []string{strings.Repeat("y", 15), "e\u0301"}},
		{"bold goes on", "**" + strings.Repeat("ab ", 8) + "c**", 16, []string{"<strong>ab ab ab ab ab</strong>", "<strong>ab ab ab c</strong>"}},
		{"a link is not cut", "see the [page of it](https://example.org)", 16, []string{"see the", `<a href="https://example.org">page of it</a>`}},
		{"code keeps its indent", "```\nif a {\n    return b\n}\n```", 16, []string{"<pre><code>if a {</code></pre>", "<pre><code>    return b\n}</code></pre>"}},
	} {
		var got []string
		for _, d := range Parse(c.in).Split(c.limit, units) {
			got = append(got, d.HTML())
		}
		if strings.Join(got, "§") != strings.Join(c.want, "§") {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestZalgo: what is joined without end is cut all the same.
func TestZalgo(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"\u0301", "\u200d", "🇫"} {
		parts := Document{Text: "a" + strings.Repeat(unit, 500)}.Split(16, units)
		if len(parts) < 20 {
			t.Errorf("%q: %d parts", unit, len(parts))
		}
	}
}

// TestLinear: texts made to be slow. They take milliseconds; a square would
// take minutes, and the test's time would be up.
func TestLinear(t *testing.T) {
	t.Parallel()
	var ticks strings.Builder
	for n := 1; ticks.Len() < 1<<16; n++ {
		ticks.WriteString(strings.Repeat("`", n) + "a")
	}
	for _, s := range []string{"[", "*a ", "**a", "_a*", "![", "<", "[](", "`", "> ", "- ", "|\n", "~~a", "[a](b(", "\\", "***a** "} {
		Parse(strings.Repeat(s, (1<<16)/len(s))).Split(4096, units)
	}
	Parse(ticks.String())
}

// FuzzParse holds every document to what its readers rely on.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"**a** *b* `c`", "[x](https://e.org) > q", "```go\nx\n```", "# h\n- a\n|a|b|\n|-|-|", "***a** b* ~~c~~", "👨‍👩‍👧 *é* \\*", "a\x00\xff\r\nb"} {
		f.Add(s, 20)
	}
	f.Fuzz(func(t *testing.T, s string, limit int) {
		if len(s) > 1<<14 {
			return
		}
		d := Parse(s)
		check(t, d)
		limit = 16 + max(0, limit%5000)
		kept := 0
		for _, part := range d.Split(limit, units) {
			check(t, part)
			size := 0
			for _, r := range part.Text {
				size += units(r)
			}
			if size > limit || strings.TrimSpace(part.Text) == "" {
				t.Fatalf("part of %d units, limit %d: %q", size, limit, part.Text)
			}
			kept += len(strings.Join(strings.Fields(part.Text), ""))
		}
		if all := len(strings.Join(strings.Fields(d.Text), "")); kept != all {
			t.Fatalf("%d bytes of text in the parts, %d in %q", kept, all, d.Text)
		}
	})
}

func check(t *testing.T, d Document) {
	t.Helper()
	if !utf8.ValidString(d.Text) {
		t.Fatalf("text is not UTF-8: %q", d.Text)
	}
	var open []Span
	for i, s := range d.Spans {
		if s.From < 0 || s.From >= s.To || s.To > len(d.Text) || i > 0 && s.From < d.Spans[i-1].From {
			t.Fatalf("span %+v of %d bytes", s, len(d.Text))
		}
		if !utf8.RuneStart(d.Text[s.From]) || s.To < len(d.Text) && !utf8.RuneStart(d.Text[s.To]) {
			t.Fatalf("span %+v cuts a rune of %q", s, d.Text)
		}
		for len(open) > 0 && open[len(open)-1].To <= s.From {
			open = open[:len(open)-1]
		}
		if len(open) > 0 && open[len(open)-1].To < s.To {
			t.Fatalf("spans cross: %+v and %+v", open[len(open)-1], s)
		}
		open = append(open, s)
	}
	html := d.HTML()
	if strings.Count(html, "<strong>") != strings.Count(html, "</strong>") || strings.Contains(html, "<script") {
		t.Fatalf("html %q", html)
	}
}
