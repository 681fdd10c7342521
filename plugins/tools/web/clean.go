package main

import (
	"strings"
	"unicode"
)

// clean removes what a person would not see: control characters and those that
// hide, reorder or smuggle text.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\u00a0':
			return ' '
		case unicode.Is(unicode.Cc, r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Co, r),
			r >= 0xe0000 && r <= 0xe0fff: // tags and variation selectors
			return -1
		}
		return r
	}, s)
}

// tidy cleans text, ends lines without blanks, and leaves at most one empty
// line between paragraphs.
func tidy(s string) string {
	s = clean(strings.ReplaceAll(s, "\r\n", "\n"))
	var b strings.Builder
	empty := 0
	code := false
	for l := range strings.Lines(s) {
		l = strings.TrimRight(l, " \t\n")
		if strings.HasPrefix(l, "```") {
			code = !code
		}
		if !code {
			l = strings.TrimSuffix(l, " |")
			if trimmed := strings.TrimLeft(l, " "); len(l)-len(trimmed) < 2 {
				l = trimmed
			}
		}
		if l == "" || l == "-" {
			empty++
			continue
		}
		if b.Len() > 0 {
			b.WriteString(strings.Repeat("\n", min(empty, 1)+1))
		}
		empty = 0
		b.WriteString(l)
	}
	return b.String()
}
