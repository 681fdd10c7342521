package provenance

import (
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// layer is a text that was read, or what a part of it decodes to, made ready
// to be searched.
type layer struct {
	how   []string // the encodings taken off, outermost first; none for the text itself
	text  string
	tight string
	marks []mark // one in about every markEvery bytes of tight
}

// mark ties a place in the tight form to the place in the text that gave it.
type mark struct{ tight, text int }

const markEvery = 512

func newLayer(text string, how []string) *layer {
	l := &layer{how: how, text: text}
	dst := make([]byte, 0, len(text))
	next := 0
	for i, r := range text {
		if len(dst) >= next {
			l.marks = append(l.marks, mark{len(dst), i})
			next = len(dst) + markEvery
		}
		dst = appendTight(dst, r)
	}
	l.tight = string(dst)
	return l
}

// span is the part of the text that gave the tight bytes from a to b.
func (l *layer) span(a, b int) (from, to int) {
	i := max(0, sort.Search(len(l.marks), func(i int) bool { return l.marks[i].tight > a })-1)
	if len(l.marks) == 0 {
		return 0, 0
	}
	at, from := l.marks[i].tight, -1
	var buf [64]byte
	for j := l.marks[i].text; j < len(l.text); {
		r, size := utf8.DecodeRuneInString(l.text[j:])
		at += len(appendTight(buf[:0], r))
		if from < 0 && at > a {
			from = j
		}
		j += size
		if at >= b {
			return max(from, 0), j
		}
	}
	return max(from, 0), len(l.text)
}

// sentence is the sentence around the part of the text, for people.
func (l *layer) sentence(from, to int) string {
	const reach = 4 * MaxSentence
	begin, end := max(0, from-reach), min(len(l.text), to+reach)
	for begin > 0 && !utf8.RuneStart(l.text[begin]) {
		begin--
	}
	for end < len(l.text) && !utf8.RuneStart(l.text[end]) {
		end++
	}
	before, after := l.text[begin:from], l.text[to:end]
	if i := lastStop(before); i >= 0 {
		before = before[i:]
	}
	if i := firstStop(after); i >= 0 {
		after = after[:i]
	}
	middle := readable(l.text[from:min(to, from+reach)])
	before, after = readable(before), readable(after)
	room := MaxSentence - utf8.RuneCountInString(middle)
	if room <= 0 {
		return cut(middle, MaxSentence)
	}
	if rs := []rune(before); len(rs) > room/2 {
		before = "…" + string(rs[len(rs)-room/2+1:])
	}
	return cut(strings.Join(strings.Fields(before+middle+after), " "), MaxSentence)
}

// cut is at most n characters of the text.
func cut(s string, n int) string {
	if rs := []rune(s); len(rs) > n {
		return string(rs[:n-1]) + "…"
	}
	return s
}

// lastStop is where the last sentence of the text begins, -1 if it has one only.
func lastStop(s string) int {
	at := -1
	for i, r := range s {
		next := i + utf8.RuneLen(r)
		if r == '\n' || strings.ContainsRune("。！？", r) || strings.ContainsRune(".!?", r) && next < len(s) && unicode.IsSpace(rune(s[next])) {
			at = next
		}
	}
	return at
}

// firstStop is where the sentence that the text begins in ends, -1 if it does not.
func firstStop(s string) int {
	for i, r := range s {
		next := i + max(1, utf8.RuneLen(r))
		switch {
		case r == '\n':
			return i
		case strings.ContainsRune("。！？", r), strings.ContainsRune(".!?", r) && (next >= len(s) || unicode.IsSpace(rune(s[next]))):
			return next
		}
	}
	return -1
}

// readable replaces what a terminal or a page would obey or hide.
func readable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, invisible(r):
			return -1
		case unicode.IsSpace(r), unicode.IsControl(r):
			return ' '
		}
		return r
	}, s)
}
