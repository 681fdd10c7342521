// Package markdown reads what a model writes as Markdown into plain text with
// marked spans, which is the form that messaging services want: [Parse], then
// [Document.Split] for the service's limit. Nothing needs to be escaped on the
// way, and what is no valid Markdown stays in the text as it was written.
//
// It knows emphasis, strikethrough, code, fenced code, links, headings, lists,
// quotes and tables, by the rules of CommonMark 0.31 where two readings are
// possible. Work is linear in the length of the text but for bounded look-ahead.
package markdown

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Kind is what a span is.
type Kind uint8

const (
	Bold Kind = iota + 1
	Italic
	Strike
	Code  // within a line
	Pre   // a block of code, or a table
	Link  // with a URL
	Quote // a block
)

// Span marks Text[From:To] of its Document. Spans lie within each other or
// apart, never across.
type Span struct {
	Kind     Kind
	From, To int // bytes
	URL      string
	Language string // of Pre, may be empty
}

// Document is text without marks, and what was marked in it. Spans are in the
// order of From; where two begin together the outer one is first.
type Document struct {
	Text  string
	Spans []Span
}

// Parse reads Markdown. It never fails: what it does not understand is text.
func Parse(source string) Document {
	source = strings.ReplaceAll(strings.ToValidUTF8(source, "\uFFFD"), "\r\n", "\n")
	source = strings.ReplaceAll(strings.ReplaceAll(source, "\r", "\n"), "\x00", "\uFFFD")
	var b blocks
	b.read(strings.Split(strings.Trim(source, "\n"), "\n"))
	return Document{string(b.text), b.spans}.trim()
}

// trim takes white space off both ends, and empty spans out.
func (d Document) trim() Document {
	end := len(strings.TrimRight(d.Text, " \t\n"))
	start := len(d.Text[:end]) - len(strings.TrimLeft(d.Text[:end], "\n"))
	return d.cut(start, end)
}

// cut is the part of the document between two positions.
func (d Document) cut(from, to int) Document {
	part := Document{Text: d.Text[from:to]}
	for _, s := range d.Spans {
		if s.From, s.To = max(s.From, from)-from, min(s.To, to)-from; s.From < s.To {
			part.Spans = append(part.Spans, s)
		}
	}
	order(part.Spans)
	return part
}

func order(spans []Span) {
	slices.SortStableFunc(spans, func(a, b Span) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(b.To, a.To))
	})
}

// blocks reads lines into a document.
type blocks struct {
	text  []byte
	spans []Span
	plain []string // lines of text that are not yet in text
}

func (b *blocks) read(lines []string) {
	for i := 0; i < len(lines); {
		line := lines[i]
		if n := b.block(lines[i:]); n > 0 {
			i += n
			continue
		}
		if strings.TrimSpace(line) == "" {
			b.flush()
			b.newline("")
		} else {
			b.plain = append(b.plain, line)
		}
		i++
	}
	b.flush()
}

// block reads one block that is more than text, and says how many lines it
// took; 0 when there is none.
func (b *blocks) block(lines []string) int {
	line := lines[0]
	if f, ok := fenceOf(line); ok {
		return b.fenced(f, lines)
	}
	if level, title := heading(line); level > 0 {
		b.flush()
		b.inline(title, Bold)
		return 1
	}
	if strings.HasPrefix(strings.TrimLeft(line, " "), ">") {
		return b.quote(lines)
	}
	if thematic(line) {
		b.flush()
		b.newline("———")
		return 1
	}
	if indent, rest, ok := bullet(line); ok {
		b.flush()
		b.item(indent+"• ", rest)
		return 1
	}
	if len(lines) > 1 && strings.Contains(line, "|") && delimiterRow(lines[1]) {
		return b.table(lines)
	}
	return 0
}

// flush takes the lines of text into the document.
func (b *blocks) flush() {
	if len(b.plain) > 0 {
		text := strings.Join(b.plain, "\n")
		b.plain = nil
		b.inline(text, 0)
	}
}

// newline begins a line with text that holds no marks.
func (b *blocks) newline(text string) int {
	if len(b.text) > 0 {
		b.text = append(b.text, '\n')
	}
	b.text = append(b.text, text...)
	return len(b.text) - len(text)
}

// inline takes in text with marks in it, all of it marked as kind unless that
// is 0.
func (b *blocks) inline(text string, kind Kind) {
	at := b.newline("")
	b.add(at, inline(text, false), kind)
}

func (b *blocks) item(mark, text string) {
	b.newline(mark)
	b.add(len(b.text), inline(text, false), 0)
}

func (b *blocks) add(at int, part Document, kind Kind) {
	b.text = append(b.text, part.Text...)
	if kind != 0 && part.Text != "" {
		b.spans = append(b.spans, Span{Kind: kind, From: at, To: len(b.text)})
	}
	for _, s := range part.Spans {
		if s.Kind == kind { // bold in a heading
			continue
		}
		s.From, s.To = s.From+at, s.To+at
		b.spans = append(b.spans, s)
	}
}

type fence struct {
	mark     byte
	length   int
	language string
}

// fenceOf reads the line that opens a block of code.
func fenceOf(line string) (fence, bool) {
	s := strings.TrimLeft(line, " ")
	if len(line)-len(s) > 3 || s == "" || s[0] != '`' && s[0] != '~' {
		return fence{}, false
	}
	rest := strings.TrimLeft(s, s[:1])
	f := fence{mark: s[0], length: len(s) - len(rest)}
	if f.length < 3 || f.mark == '`' && strings.Contains(rest, "`") {
		return fence{}, false
	}
	if words := strings.Fields(rest); len(words) > 0 && len(words[0]) <= 40 && plainWord(words[0]) {
		f.language = words[0]
	}
	return f, true
}

// plainWord holds a name of a language to what no service could misread.
func plainWord(s string) bool {
	return strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz0123456789+-#._") == ""
}

// closes reports whether the line ends the block.
func (f fence) closes(line string) bool {
	s := strings.TrimSpace(line)
	return len(s) >= f.length && strings.Trim(s, string(rune(f.mark))) == ""
}

func (b *blocks) fenced(f fence, lines []string) int {
	b.flush()
	n := 1
	for n < len(lines) && !f.closes(lines[n]) {
		n++
	}
	b.pre(strings.Join(lines[1:n], "\n"), f.language)
	return min(n+1, len(lines))
}

func (b *blocks) pre(code, language string) {
	at := b.newline(code)
	if strings.TrimSpace(code) != "" {
		b.spans = append(b.spans, Span{Kind: Pre, From: at, To: len(b.text), Language: language})
	}
}

func (b *blocks) quote(lines []string) int {
	b.flush()
	var inner []string
	for _, line := range lines {
		s, ok := strings.CutPrefix(strings.TrimLeft(line, " "), ">")
		if !ok {
			break
		}
		inner = append(inner, strings.TrimLeft(s, "> "))
	}
	b.inline(strings.Join(inner, "\n"), Quote)
	return len(inner)
}

func (b *blocks) table(lines []string) int {
	b.flush()
	n := 2
	for n < len(lines) && strings.Contains(lines[n], "|") {
		n++
	}
	b.pre(strings.Join(lines[:n], "\n"), "")
	return n
}

func heading(line string) (level int, title string) {
	rest := strings.TrimLeft(line, "#")
	level = len(line) - len(rest)
	if level == 0 || level > 6 || rest != "" && rest[0] != ' ' && rest[0] != '\t' {
		return 0, ""
	}
	title = strings.TrimSpace(rest)
	if bare := strings.TrimRight(title, "#"); bare == "" || strings.HasSuffix(bare, " ") {
		title = strings.TrimSpace(bare)
	}
	return level, title
}

func thematic(line string) bool {
	s := strings.ReplaceAll(strings.TrimSpace(line), " ", "")
	return len(s) >= 3 && (strings.Trim(s, "-") == "" || strings.Trim(s, "*") == "" || strings.Trim(s, "_") == "")
}

func bullet(line string) (indent, rest string, ok bool) {
	s := strings.TrimLeft(line, " \t")
	if len(s) < 2 || strings.IndexByte("-*+", s[0]) < 0 || s[1] != ' ' || strings.TrimSpace(s) == s[:1] {
		return "", "", false
	}
	return line[:len(line)-len(s)], strings.TrimSpace(s[2:]), true
}

// delimiterRow is the second line of a table: "|---|:-:|".
func delimiterRow(line string) bool {
	s := strings.TrimSpace(line)
	return strings.Contains(s, "-") && strings.Contains(s, "|") && strings.Trim(s, "|-: ") == "" && utf8.ValidString(s)
}
