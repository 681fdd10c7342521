package effects

import (
	"strings"
	"unicode/utf8"
)

// clean makes text of a plugin fit for people, logs and models: valid UTF-8,
// no control characters but newline and tab, none that hide or reorder text.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && hidden(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// oneLine cleans text and puts it on one line of at most limit bytes.
func oneLine(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\u2028' || r == '\u2029':
			return ' '
		case hidden(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	cut, _ := cutText(s, limit)
	return cut
}

// hidden reports control characters and those that deceive a reader:
// directional overrides, zero-width spaces, invisible tags. The joiners
// U+200C and U+200D stay: scripts and emoji need them.
func hidden(r rune) bool {
	return r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0x200b || r == 0x200e || r == 0x200f ||
		r >= 0x202a && r <= 0x202e || r >= 0x2060 && r <= 0x2069 || r == 0xfeff || r >= 0xe0000 && r <= 0xe007f
}

// cutText shortens text to at most limit bytes at a character's border.
func cutText(s string, limit int) (string, bool) {
	if len(s) <= limit {
		return s, false
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit], true
}

// badName reports what a key or path may not hold.
func badName(s string) bool {
	return !utf8.ValidString(s) || strings.ContainsFunc(s, hidden)
}
