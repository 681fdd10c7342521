package provenance

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Texts are compared in their tight form: letters, digits and symbols alone, in
// lower case, without accents, look-alikes replaced by what they look like.
// Each rune is folded by itself, whatever stands beside it, so that folding can
// start anywhere in a text and two ways of composing a letter come out alike.

// ascii is the tight form of the ASCII characters; 0 drops.
var ascii = func() (t [utf8.RuneSelf]byte) {
	for c := range t {
		switch {
		case '0' <= c && c <= '9' || 'a' <= c && c <= 'z':
			t[c] = byte(c)
		case 'A' <= c && c <= 'Z':
			t[c] = byte(c) + 'a' - 'A'
		}
	}
	return t
}()

// appendTight appends the tight form of the rune.
func appendTight(dst []byte, r rune) []byte {
	if r < utf8.RuneSelf {
		if c := ascii[r]; c != 0 {
			dst = append(dst, c)
		}
		return dst
	}
	if s, ok := plain(r); ok {
		for i := range len(s) {
			dst = appendTight(dst, rune(s[i]))
		}
		return dst
	}
	if r == utf8.RuneError {
		return dst
	}
	var b [utf8.UTFMax]byte
	n := utf8.EncodeRune(b[:], r)
	if d := norm.NFKD.Properties(b[:n]).Decomposition(); d != nil {
		for len(d) > 0 {
			part, size := utf8.DecodeRune(d)
			d = d[size:]
			if part != r {
				dst = appendTight(dst, part)
			}
		}
		return dst
	}
	if !carries(r) {
		return dst
	}
	return utf8.AppendRune(dst, unicode.ToLower(r))
}

// carries reports whether a character beyond ASCII, not decomposable, is kept:
// letters, digits, vowel signs that stand by themselves, emoji and the like.
func carries(r rune) bool {
	return unicode.In(r, unicode.L, unicode.N, unicode.Mc, unicode.So, unicode.Sc, unicode.Co)
}

// tight is the tight form of a text.
func tight(s string) string {
	dst := make([]byte, 0, len(s))
	for _, r := range s {
		dst = appendTight(dst, r)
	}
	return string(dst)
}

// plain is the ASCII text that a character beyond ASCII stands for at a glance,
// in the character's own case; "" for one that cannot be seen. It does not know
// what NFKD knows.
func plain(r rune) (string, bool) {
	if s, ok := lookAlikes[r]; ok {
		return s, true
	}
	switch {
	case invisible(r):
		if 0xE0020 <= r && r <= 0xE007E { // tag characters: ASCII nobody sees
			return string(r - 0xE0000), true
		}
		return "", true
	case 0x1F150 <= r && r <= 0x1F169: // white on black, circled
		return string('A' + r - 0x1F150), true
	case 0x1F170 <= r && r <= 0x1F189: // white on black, squared
		return string('A' + r - 0x1F170), true
	case 0x1F1E6 <= r && r <= 0x1F1FF: // regional indicators
		return string('A' + r - 0x1F1E6), true
	case unicode.Is(unicode.Nd, r):
		return string('0' + digit(r)), true
	}
	if low := unicode.ToLower(r); low != r {
		if s, ok := lookAlikes[low]; ok {
			return strings.ToUpper(s), true
		}
	}
	return "", false
}

// digit is the value of a decimal digit of any script: each script's ten are in
// a row (Unicode standard, 4.6), and the table's ranges begin with a zero.
func digit(r rune) rune {
	for _, in := range unicode.Nd.R16 {
		if rune(in.Lo) <= r && r <= rune(in.Hi) {
			return (r - rune(in.Lo)) % 10
		}
	}
	for _, in := range unicode.Nd.R32 {
		if rune(in.Lo) <= r && r <= rune(in.Hi) {
			return (r - rune(in.Lo)) % 10
		}
	}
	return 0
}

// invisible reports whether the character leaves no trace on a page: format
// characters, tags, variation selectors, fillers, soft hyphen.
func invisible(r rune) bool {
	switch {
	case r == 0x00AD, r == 0x034F, r == 0x115F, r == 0x1160, r == 0x17B4, r == 0x17B5, r == 0x2800, r == 0x3164, r == 0xFFA0:
		return true
	case 0xFE00 <= r && r <= 0xFE0F, 0xE0100 <= r && r <= 0xE01EF, 0x180B <= r && r <= 0x180F:
		return true
	}
	return r >= utf8.RuneSelf && unicode.In(r, unicode.Cf)
}

// clean is the text in ASCII where it looks like ASCII, case and punctuation
// kept: what decoders are given.
func clean(s string) string {
	if isASCII(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range norm.NFKC.String(s) {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
		} else if p, ok := plain(r); ok {
			b.WriteString(p)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// weight is how much a tight form says, in letters, counted up to enough: a
// character of a script that writes words or syllables with one counts as three.
func weight(tight string, enough int) (n int) {
	for _, r := range tight {
		if n >= enough {
			break
		}
		switch {
		case r < utf8.RuneSelf:
			n++
		case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul):
			n += 3
		default:
			n++
		}
	}
	return n
}
