package markdown

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Split cuts the document into parts of at most limit, as measured by the
// size of each rune: between paragraphs if it can, else between lines,
// sentences, words, and at last between characters that belong together. A
// span that is cut goes on in the next part. Limit must be at least 16.
func (d Document) Split(limit int, size func(rune) int) []Document {
	limit = max(limit, 16)
	var parts []Document
	for from := 0; from < len(d.Text); {
		fits := from // as far as it would go
		for used := 0; fits < len(d.Text); {
			r, n := utf8.DecodeRuneInString(d.Text[fits:])
			if used += size(r); used > limit {
				break
			}
			fits += n
		}
		to, next := len(d.Text), len(d.Text)
		if fits < len(d.Text) {
			to = d.end(from, fits)
			next = d.resume(to)
		}
		if part := d.cut(from, to).trimRight(); strings.TrimSpace(part.Text) != "" {
			parts = append(parts, part)
		}
		from = next
	}
	return parts
}

func (d Document) trimRight() Document {
	return d.cut(0, len(strings.TrimRight(d.Text, " \t\n")))
}

// end chooses where a part ends that may reach from one position to the other.
func (d Document) end(from, fits int) int {
	window := d.Text[from:fits]
	for _, c := range []struct {
		breaks []string
		least  int // of the window that a part must keep, in percent
	}{{[]string{"\n\n"}, 40}, {[]string{"\n"}, 30}, {[]string{". ", "! ", "? ", "。", "！", "？"}, 50}, {[]string{" ", "\t"}, 25}} {
		best := 0
		for _, b := range c.breaks {
			for at := len(window); at > 0; {
				i := strings.LastIndex(window[:at], b)
				if i < 0 || i*100 < len(window)*c.least {
					break
				}
				end := i + len(strings.TrimRight(b, " \t\n"))
				if !d.within(from + end) {
					best = max(best, end)
					break
				}
				at = i
			}
		}
		if best > 0 {
			return from + best
		}
	}
	return d.whole(from, fits)
}

// within reports whether a cut there would go through a link or code within a
// line, short enough to be kept in one.
func (d Document) within(at int) bool {
	for _, s := range d.Spans {
		if (s.Kind == Link || s.Kind == Code) && s.From < at && at < s.To && s.To-s.From < 500 {
			return true
		}
	}
	return false
}

// resume passes over the white space at a cut; in a block of code over one line
// end only, for what follows may be indented.
func (d Document) resume(at int) int {
	for _, s := range d.Spans {
		if s.Kind == Pre && s.From < at && at < s.To {
			return at + len(d.Text[at:]) - len(strings.TrimPrefix(d.Text[at:], "\n"))
		}
	}
	rest := strings.TrimLeft(d.Text[at:], " \t")
	return len(d.Text) - len(strings.TrimLeft(rest, "\n"))
}

// whole moves a cut back so that it does not part what is read as one
// character. What goes on for longer than any character does is cut anyway.
func (d Document) whole(from, at int) int {
	cut := at
	for range 40 {
		if cut <= from {
			return at
		}
		before, n := utf8.DecodeLastRuneInString(d.Text[from:cut])
		after, _ := utf8.DecodeRuneInString(d.Text[cut:])
		if !joined(before, after) && !(regional(before) && regional(after) && regionals(d.Text[from:cut])%2 == 1) {
			return cut
		}
		cut -= n
	}
	return at
}

const joiner = '\u200d'

// joined reports whether the second rune belongs to the first: the part of
// UAX #29 that people's writing meets.
func joined(before, after rune) bool {
	switch {
	case before == joiner, after == joiner, unicode.Is(unicode.M, after):
		return true
	case after >= 0x1F3FB && after <= 0x1F3FF: // skin tones
		return true
	case after >= 0xE0020 && after <= 0xE007F: // tags of flags
		return true
	case after >= 0x1160 && after <= 0x11FF: // vowels and finals of Hangul
		return true
	}
	return before == '\r' && after == '\n'
}

func regional(r rune) bool { return r >= 0x1F1E6 && r <= 0x1F1FF }

// regionals counts the regional indicators at the end of s; two make a flag.
func regionals(s string) (n int) {
	for {
		r, size := utf8.DecodeLastRuneInString(s)
		if !regional(r) {
			return n
		}
		n++
		s = s[:len(s)-size]
	}
}
