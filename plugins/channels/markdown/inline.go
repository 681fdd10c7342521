package markdown

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxLabel  = 2000 // bytes of a link's text that are looked at for its end
	maxTarget = 2000 // of its URL
	lookBack  = 100  // open marks of emphasis among which one is looked for
)

// mark is a run of characters that may open or close emphasis. It stands in
// the output as text; what is used of it is taken out at the end.
type mark struct {
	char        byte
	from, to    int // what is left of it, in out
	length      int // as written
	open, close bool
}

// reader reads one block's text.
type reader struct {
	src    string
	at     int
	out    []byte
	spans  []Span
	marks  []mark
	gone   [][2]int     // parts of out to take away
	noCode map[int]bool // lengths of backtick runs that nothing closes
	inLink bool         // a link holds no link
}

func inline(src string, inLink bool) Document {
	r := &reader{src: src, inLink: inLink, noCode: map[int]bool{}}
	for r.at < len(src) {
		r.step()
	}
	return r.document()
}

// step reads what stands at r.at.
func (r *reader) step() {
	c := r.src[r.at]
	done := false
	switch c {
	case '\\':
		if r.at+1 < len(r.src) && punctuation(r.src[r.at+1]) {
			r.out = append(r.out, r.src[r.at+1])
			r.at += 2
			return
		}
	case '`':
		done = r.code()
	case '!':
		done = strings.HasPrefix(r.src[r.at+1:], "[") && r.link(1)
	case '[':
		done = r.link(0)
	case '<':
		done = r.autolink()
	case '*', '_', '~':
		r.emphasis(c)
		return
	}
	if !done {
		r.out = append(r.out, c)
		r.at++
	}
}

func punctuation(c byte) bool {
	return c > ' ' && c < 0x7f && !(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z')
}

func runOf(s string, c byte) int { return len(s) - len(strings.TrimLeft(s, string(rune(c)))) }

// code reads `code`, whose end is a run of as many backticks.
func (r *reader) code() bool {
	rest := r.src[r.at:]
	n := runOf(rest, '`')
	if !r.noCode[n] {
		for i := n; i < len(rest); {
			if rest[i] != '`' {
				i++
				continue
			}
			if m := runOf(rest[i:], '`'); m != n {
				i += m
				continue
			}
			r.span(Span{Kind: Code}, Document{Text: codeText(rest[n:i])})
			r.at += i + n
			return true
		}
		r.noCode[n] = true
	}
	r.out = append(r.out, rest[:n]...)
	r.at += n
	return true
}

func codeText(s string) string {
	s = strings.ReplaceAll(s, "\n", " ")
	if len(s) > 2 && s[0] == ' ' && s[len(s)-1] == ' ' && strings.TrimSpace(s) != "" {
		s = s[1 : len(s)-1]
	}
	return s
}

// span adds a part that is marked as a whole.
func (r *reader) span(s Span, part Document) {
	s.From = len(r.out)
	r.out = append(r.out, part.Text...)
	s.To = len(r.out)
	if s.From < s.To {
		r.spans = append(r.spans, s)
	}
	for _, inner := range part.Spans {
		inner.From, inner.To = inner.From+s.From, inner.To+s.From
		r.spans = append(r.spans, inner)
	}
}

// link reads "[text](url)", or "![text](url)" with one byte before it. What a
// link may lead to is the web and mail; another stays as it was written.
func (r *reader) link(skip int) bool {
	if r.inLink {
		return false
	}
	rest := r.src[r.at+skip:]
	end := labelEnd(rest)
	if end < 0 || !strings.HasPrefix(rest[end+1:], "(") {
		return false
	}
	target, n := targetOf(rest[end+2:])
	if n < 0 || !linkable(target) {
		return false
	}
	label := inline(rest[1:end], true)
	if strings.TrimSpace(label.Text) == "" {
		label = Document{Text: target}
	}
	r.span(Span{Kind: Link, URL: target}, label)
	r.at += skip + end + 2 + n
	return true
}

// labelEnd is where the bracket that s begins with is closed, or -1.
func labelEnd(s string) int {
	depth := 0
	for i := 0; i < len(s) && i < maxLabel; i++ {
		switch s[i] {
		case '\\':
			i++
		case '[':
			depth++
		case ']':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// targetOf reads a URL, and perhaps a title, up to the parenthesis that closes
// it. It returns how many bytes that took, or -1.
func targetOf(s string) (target string, n int) {
	depth := 0
	for i := 0; i < len(s) && i < maxTarget; i++ {
		switch c := s[i]; {
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case c == ')':
			target, _, _ = strings.Cut(strings.TrimSpace(s[:i]), " ")
			return strings.Trim(target, "<>"), i + 1
		case c == '\n':
			return "", -1
		}
	}
	return "", -1
}

func linkable(target string) bool {
	u, err := url.Parse(target)
	if err != nil || strings.ContainsFunc(target, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return false
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "https":
		return u.Host != ""
	case "mailto":
		return u.Opaque != ""
	}
	return false
}

// autolink reads "<https://example.org>".
func (r *reader) autolink() bool {
	rest := r.src[r.at+1:]
	end := strings.IndexByte(rest[:min(len(rest), maxTarget)], '>')
	if end < 0 || !linkable(rest[:end]) {
		return false
	}
	r.out = append(r.out, rest[:end]...)
	r.at += end + 2
	return true
}

// emphasis reads a run of marks, closes what it can close and keeps the rest
// for later ones (CommonMark, "delimiter runs").
func (r *reader) emphasis(c byte) {
	n := runOf(r.src[r.at:], c)
	before, _ := utf8.DecodeLastRuneInString(r.src[:r.at])
	after, _ := utf8.DecodeRuneInString(r.src[r.at+n:])
	if r.at == 0 {
		before = ' '
	}
	if r.at+n == len(r.src) {
		after = ' '
	}
	m := mark{char: c, from: len(r.out), to: len(r.out) + n, length: n}
	left := !unicode.IsSpace(after) && (!isPunct(after) || unicode.IsSpace(before) || isPunct(before))
	right := !unicode.IsSpace(before) && (!isPunct(before) || unicode.IsSpace(after) || isPunct(after))
	m.open, m.close = left, right
	if c == '_' { // not within a word
		m.open, m.close = left && (!right || isPunct(before)), right && (!left || isPunct(after))
	}
	if c == '~' && n != 2 {
		m.open, m.close = false, false
	}
	r.out = append(r.out, r.src[r.at:r.at+n]...)
	r.at += n
	for m.close && m.from < m.to && r.closeWith(&m) {
	}
	if m.open && m.from < m.to {
		r.marks = append(r.marks, m)
	}
}

func isPunct(r rune) bool { return unicode.IsPunct(r) || unicode.IsSymbol(r) }

// closeWith matches a closing run with the nearest one that opens.
func (r *reader) closeWith(m *mark) bool {
	for i := len(r.marks) - 1; i >= 0 && i >= len(r.marks)-lookBack; i-- {
		o := &r.marks[i]
		odd := (o.close || m.open) && (o.length+m.length)%3 == 0 && (o.length%3 != 0 || m.length%3 != 0)
		if o.char != m.char || m.char != '~' && odd || o.to == m.from {
			continue
		}
		use, kind := 1, Italic
		if o.to-o.from > 1 && m.to-m.from > 1 {
			use, kind = 2, Bold
		}
		if m.char == '~' {
			kind = Strike
		}
		r.spans = append(r.spans, Span{Kind: kind, From: o.to, To: m.from})
		r.gone = append(r.gone, [2]int{o.to - use, o.to}, [2]int{m.from, m.from + use})
		o.to -= use
		m.from += use
		if o.to > o.from {
			i++
		}
		r.marks = r.marks[:i]
		return true
	}
	return false
}

// document takes the used marks out of the text.
func (r *reader) document() Document {
	slices.SortFunc(r.gone, func(a, b [2]int) int { return a[0] - b[0] })
	order(r.spans)
	var text strings.Builder
	moved := make([]int, 0, len(r.gone)) // bytes taken away up to and with each part
	at, sum := 0, 0
	for _, g := range r.gone {
		text.Write(r.out[at:g[0]])
		at = g[1]
		sum += g[1] - g[0]
		moved = append(moved, sum)
	}
	text.Write(r.out[at:])
	place := func(pos int) int {
		i, _ := slices.BinarySearchFunc(r.gone, pos, func(g [2]int, pos int) int { return g[1] - pos - 1 })
		if i == 0 {
			return pos
		}
		return pos - moved[i-1]
	}
	d := Document{Text: text.String()}
	var open []Span
	for _, s := range r.spans {
		s.From, s.To = place(s.From), place(s.To)
		for len(open) > 0 && open[len(open)-1].To <= s.From {
			open = open[:len(open)-1]
		}
		twice := slices.ContainsFunc(open, func(o Span) bool { return o.Kind == s.Kind })
		if s.From < s.To && !twice {
			d.Spans = append(d.Spans, s)
			open = append(open, s)
		}
	}
	return d
}
