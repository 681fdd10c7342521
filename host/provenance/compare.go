package provenance

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// level is how much a place in a text differs from the value found there.
type level int

const (
	same        level = iota // byte for byte
	spaced                   // case, spacing, grouping of digits
	number                   // another spelling of the same number
	punctuation              // other punctuation
	disguised                // look-alikes, accents, invisible characters, odd case or spacing
	decoded                  // in another encoding
)

var levelNames = [...]string{"verbatim", "case or spacing", "number", "punctuation", "disguised", "decoded"}

// differ says how the text from..to differs from the core of a value, which has
// the same tight form.
func differ(text, core string) level {
	switch {
	case text == core:
		return same
	case grouped(text) != "" && grouped(text) == grouped(core):
		return spaced
	case !evenCase(core, text) || !evenSpace(core, text):
		return disguised
	case strict(text) == strict(core):
		return spaced
	case letters(text) == letters(core) && !hides(core) && signs(core) <= signs(text)+2:
		return punctuation
	}
	return disguised
}

// signs counts the characters that the tight form drops, spaces apart.
func signs(s string) (n int) {
	var b [64]byte
	for _, r := range s {
		if !unicode.IsSpace(r) && len(appendTight(b[:0], r)) == 0 {
			n++
		}
	}
	return n
}

// strict folds case and spacing and nothing else.
func strict(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFC.String(s))
}

// letters is strict without punctuation.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf && ascii[r] == 0 || unicode.IsPunct(r) {
			return -1
		}
		return r
	}, strict(s))
}

// grouped is a long number without what groups its digits for the eye (IBAN,
// card, telephone); "" for anything else. Dots, commas and strokes are kept:
// they tell 192.168.1.111 from 192.168.11.11.
func grouped(s string) string {
	digits := 0
	out := strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			digits++
		}
		if unicode.IsSpace(r) || strings.ContainsRune("-()'\u2019\u2010\u2011\u2013+", r) {
			return -1
		}
		return unicode.ToUpper(r)
	}, s)
	if digits < 7 || digits*2 < len(out) {
		return ""
	}
	return out
}

// evenCase reports whether the value's case is the source's but for a word or
// two, or the same kind for all words, or the value is one name or address. Otherwise it may be a message of its own.
func evenCase(value, source string) bool {
	if !strings.ContainsFunc(value, unicode.IsLetter) || value == source {
		return true
	}
	apart := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) }
	words, others := strings.FieldsFunc(value, apart), strings.FieldsFunc(seen(source), apart)
	low, up, title, differ := 0, 0, 0, 0
	for i, w := range words {
		_, first := utf8.DecodeRuneInString(w)
		lower, upper := w == strings.ToLower(w), w == strings.ToUpper(w)
		capital := !lower && w[first:] == strings.ToLower(w[first:])
		if lower {
			low++
		}
		if upper {
			up++
		}
		if capital {
			title++
		}
		switch {
		case len(words) == len(others) && w == others[i]:
		case lower, upper, capital:
			differ++
		default:
			return false
		}
	}
	name := len(value) < 80 && !strings.ContainsFunc(value, unicode.IsSpace)
	return (differ <= 2 || name) && len(words) == len(others) || slices.Contains([]int{low, up, title}, len(words))
}

// seen is the text without what cannot be seen.
func seen(s string) string {
	if isASCII(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if invisible(r) {
			return -1
		}
		return r
	}, s)
}

// evenSpace reports whether the value's words are told apart as the source's, or
// not at all: where words are split, and how, may be a message of its own.
func evenSpace(value, source string) bool {
	if !strings.ContainsFunc(value, unicode.IsSpace) {
		return true
	}
	words := len(strings.Fields(value))
	if d := words - len(strings.Fields(source)); d < -1 || d > 1 {
		return false
	}
	return spacing(value) && strings.Count(value, "\n") <= strings.Count(source, "\n")+1+words/12
}

// spacing reports whether the text has one ordinary space at a time.
func spacing(s string) bool {
	previous := 'a'
	for _, r := range s {
		horizontal := r == ' ' || r == '\t'
		if horizontal && (previous == ' ' || previous == '\t') || unicode.IsSpace(r) && r >= utf8.RuneSelf && r != 0xA0 && r != 0x202F && r != 0x3000 {
			return false
		}
		previous = r
	}
	return true
}

// hides reports whether the text has characters that look like others or like
// nothing.
func hides(s string) bool {
	if isASCII(s) {
		return false
	}
	return strings.ContainsFunc(s, func(r rune) bool {
		if r < utf8.RuneSelf || r == 0xFE0F || r == 0x200D || strings.ContainsRune("ßẞæœøđłþðıÆŒØĐŁ‐‑–—−", r) {
			return false
		}
		if 0xFF10 <= r && r <= 0xFF5A && !unicode.IsPunct(r) || 0x1D400 <= r && r <= 0x1D7FF || 0x2460 <= r && r <= 0x24FF {
			return true // full-width, mathematical and circled letters and digits
		}
		if p, ok := plain(r); ok {
			return !unicode.In(r, unicode.Cyrillic, unicode.Greek, unicode.Armenian, unicode.Nd) || p == ""
		}
		return false
	}) || mixedScripts(s)
}

// mixedScripts reports whether a word has letters of the Latin and of another
// alphabet that looks like it.
func mixedScripts(s string) bool {
	return slices.ContainsFunc(strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) }), func(w string) bool {
		in := func(t ...*unicode.RangeTable) bool {
			return strings.ContainsFunc(w, func(r rune) bool { return unicode.In(r, t...) })
		}
		return in(unicode.Latin) && in(unicode.Cyrillic, unicode.Greek, unicode.Armenian, unicode.Cherokee)
	})
}

// newSentence is a full stop after which somebody forgot the space: "to
// www.example.org.They are". No name of a host goes on like this.
var newSentence = regexp.MustCompile(`^[.!?]\p{Lu}\p{Ll}*,?\s+\pL`)

// bounded reports whether the part of the text stands by itself: it is not a
// part of a longer word, number, address or path. As a host it may stand in a
// URL.
func bounded(text string, from, to int, host bool) bool {
	before, after := text[:from], text[to:]
	r, size := utf8.DecodeLastRuneInString(before)
	if joined(r) || endsInDigitAnd(before, ",") && from < to && isDigit(text[from]) {
		return false
	}
	if strings.ContainsRune(`@.-_+%/\&~`, r) && size > 0 {
		if r, _ := utf8.DecodeLastRuneInString(before[:len(before)-size]); joined(r) {
			return false
		}
	}
	r, size = utf8.DecodeRuneInString(after)
	if joined(r) {
		return false
	}
	if strings.HasPrefix(after, ",") && len(after) > 1 && isDigit(after[1]) && from < to && isDigit(text[to-1]) {
		return false
	}
	if host && strings.ContainsRune("/:?#", r) {
		return true
	}
	if newSentence.MatchString(after) {
		return true
	}
	if strings.ContainsRune(`@.-_+%/\&=#~:?`, r) && size > 0 {
		if r, _ := utf8.DecodeRuneInString(after[size:]); joined(r) {
			return false
		}
	}
	return true
}

// endsInDigitAnd reports whether the text ends in a digit and the mark.
func endsInDigitAnd(before, mark string) bool {
	head, ok := strings.CutSuffix(before, mark)
	return ok && head != "" && isDigit(head[len(head)-1])
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// joined reports whether a character would continue a word. Scripts that are
// written without spaces have no such bound.
func joined(r rune) bool {
	if unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar) {
		return false
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r) || invisible(r) || unicode.IsMark(r)
}
