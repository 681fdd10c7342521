package provenance

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Legible reports whether a text that goes to another agent can be read by a
// person, and if not, why, in a few words for people. It looks for characters
// that cannot be seen, letters that pass for others, known encodings, ciphers
// that move letters, and long or disordered runs of characters.
//
// Text in any script is meant to pass, and so are emoji, hashtags, numbers,
// URLs of ordinary length, and code between ``` or `, in which only hidden
// characters, encodings and shifted letters are looked for. A message that is agreed upon (every
// first letter, the choice of a word) passes: it is legible. What is longer than
// MaxValue bytes is not judged and does not pass.
func Legible(text string) (ok bool, why string) {
	if len(text) > MaxValue {
		return false, fmt.Sprintf("it has %d bytes, more than the %d that are judged", len(text), MaxValue)
	}
	if !utf8.ValidString(text) {
		return false, "it has bytes that are no text"
	}
	prose, code := codeApart(text)
	for _, check := range []func() string{
		func() string { return hiddenIn(text) },
		func() string { return homoglyphsIn(text) },
		func() string { return dressedIn(text) },
		func() string { return encodedIn(prose + "\n" + code) },
		func() string { return unbrokenIn(prose) },
		func() string { return codesIn(prose) },
		func() string { return cipherIn(prose) },
		func() string { return shiftIn(code, 2) },
		func() string { return oddScriptsIn(prose) },
	} {
		if why := check(); why != "" {
			return false, why
		}
	}
	return true, ""
}

var (
	fenced = regexp.MustCompile("(?s)```.*?(```|$)")
	inline = regexp.MustCompile("`[^`\n]{1,120}`")
)

// codeApart takes what is marked as code out of a text.
func codeApart(text string) (prose, code string) {
	var b strings.Builder
	take := func(s string) string { b.WriteString(s); b.WriteByte('\n'); return " " }
	prose = fenced.ReplaceAllStringFunc(text, take)
	prose = inline.ReplaceAllStringFunc(prose, take)
	return prose, b.String()
}

// sample is the beginning of what was found, fit to be shown.
func sample(s string) string {
	return fmt.Sprintf("%q", cut(readable(s), 32))
}

// hiddenIn looks for characters that leave no trace on a page.
func hiddenIn(text string) string {
	rs, soft := []rune(text), 0
	for i, r := range rs {
		before, after := rs[max(0, i-1)], rs[min(len(rs)-1, i+1)]
		switch {
		case ' ' <= r && r < 0x7F || r == '\n' || r == '\t' || r == '\r' || r == 0xFEFF && i == 0:
		case unicode.IsControl(r):
			return "it has control characters"
		case r == 0x00AD:
			if soft++; !unicode.IsLetter(before) || !unicode.IsLetter(after) || soft > 2+len(rs)/80 {
				return "it has soft hyphens where no word breaks"
			}
		case 0xE0000 <= r && r <= 0xE007F && inFlag(rs[:i]):
		case invisible(r):
			directs := r == 0x200E || r == 0x200F || 0x2066 <= r && r <= 0x2069 || r == 0x061C
			if directs && strings.ContainsFunc(text, rightToLeft) {
				continue
			}
			if why := misplaced(before, r, after); why != "" {
				return why
			}
		case unicode.Is(unicode.Co, r), !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z):
			return fmt.Sprintf("it has characters without a meaning (U+%04X)", r)
		}
	}
	return unevenIn(text)
}

// misplaced says what is wrong with an invisible character between two others;
// "" where a script or an emoji is written with it.
func misplaced(before, r, after rune) string {
	switch {
	case 0xE0000 <= r && r <= 0xE007F:
		return "it has tag characters, which are invisible"
	case r == 0xFE0E, r == 0xFE0F:
		if unicode.In(before, unicode.S, unicode.N, unicode.Po, unicode.Sk) || before == 0x2139 || before == 0x24C2 {
			return ""
		}
		return "it has variation selectors where there is nothing to vary"
	case 0xFE00 <= r && r <= 0xFE0D, 0xE0100 <= r && r <= 0xE01EF:
		if unicode.Is(unicode.Han, before) {
			return ""
		}
		return "it has variation selectors where there is nothing to vary"
	case r == 0x200C, r == 0x200D:
		if joinable(before) && joinable(after) {
			return ""
		}
		return "it has invisible joiners between letters that don't join"
	case r == 0x200B && unicode.In(before, unicode.Thai, unicode.Khmer, unicode.Lao, unicode.Myanmar):
		return ""
	}
	return fmt.Sprintf("it has invisible characters (U+%04X)", r)
}

// inFlag reports whether a tag character that follows belongs to the flag of a
// region, which is a black flag and a few tags.
func inFlag(before []rune) bool {
	for n := 1; n <= 7 && n <= len(before); n++ {
		switch r := before[len(before)-n]; {
		case r == 0x1F3F4:
			return true
		case r < 0xE0020 || r > 0xE007E:
			return false
		}
	}
	return false
}

// joinable reports whether the character is of a script, or an emoji, in which
// invisible joiners change the shape of what stands beside them.
func joinable(r rune) bool {
	return unicode.In(r, unicode.So, unicode.Sk, unicode.Mn, unicode.Mc) && r != 0x200D || r == 0xFE0F || r == '♀' || r == '♂' ||
		unicode.IsLetter(r) && !unicode.In(r, unicode.Latin, unicode.Cyrillic, unicode.Greek, unicode.Han, unicode.Hangul)
}

func rightToLeft(r rune) bool {
	return unicode.In(r, unicode.Arabic, unicode.Hebrew, unicode.Syriac, unicode.Thaana, unicode.Nko)
}

var (
	doubleSpace  = regexp.MustCompile(`[^\s.!?:|]  [^\s|]`)
	oddSpace     = regexp.MustCompile(`[\x{2000}-\x{200A}\x{205F}\x{1680}]`)
	trailing     = regexp.MustCompile(`(?m)[ \t]{3,}$`)
	trailingTabs = regexp.MustCompile(`(?m) ?\t[ \t]*$`)
)

// unevenIn looks for messages in spaces.
func unevenIn(text string) string {
	prose := inline.ReplaceAllString(fenced.ReplaceAllString(text, "x"), "x")
	if len(doubleSpace.FindAllString(prose, -1)) >= 6 {
		return "it has single and double spaces in no order"
	}
	if len(oddSpace.FindAllString(prose, -1)) > 2+len(prose)/200 {
		return "it has spaces of unusual widths"
	}
	if len(trailing.FindAllString(prose, -1))+len(trailingTabs.FindAllString(prose, -1)) >= 3 {
		return "it has spaces and tabs at the ends of lines"
	}
	return ""
}

// homoglyphsIn looks for words with letters of another alphabet that look alike,
// and for marks heaped upon letters.
func homoglyphsIn(text string) string {
	latin, marks, heap := 0, 0, 0
	for _, r := range text {
		switch {
		case unicode.Is(unicode.Latin, r):
			latin++
			heap = 0
		case unicode.In(r, unicode.Mn, unicode.Me):
			marks++
			if heap++; heap > 3 {
				return "it has marks heaped upon letters"
			}
		default:
			heap = 0
		}
	}
	if latin > 10 && marks*4 > latin {
		return "it has marks on letters that have none"
	}
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) }) {
		own, alike, other := 0, 0, 0
		for _, r := range w {
			_, a := lookAlikes[unicode.ToLower(r)]
			_, b := lookAlikes[r]
			switch {
			case unicode.Is(unicode.Latin, r):
				own++
			case (a || b) && unicode.In(r, unicode.Cyrillic, unicode.Greek, unicode.Armenian, unicode.Cherokee, unicode.Coptic, unicode.Lisu):
				alike++
			default:
				other++
			}
		}
		greek := strings.ContainsFunc(w, func(r rune) bool { return unicode.Is(unicode.Greek, r) })
		if own > 0 && alike > 0 && other == 0 && (!greek || own+alike > 3) ||
			own == 0 && other == 0 && alike > 3 && latin*2 > len(text) {
			return "it mixes alphabets within a word: " + sample(w)
		}
	}
	return ""
}

// dressedIn looks for letters in disguise: mathematical, circled, full width.
func dressedIn(text string) string {
	n := 0
	wide := strings.ContainsFunc(text, func(r rune) bool {
		return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul)
	})
	for _, r := range text {
		switch {
		case 0x1D400 <= r && r <= 0x1D7FF, 0x249C <= r && r <= 0x24E9, 0x1F110 <= r && r <= 0x1F189,
			(0xFF21 <= r && r <= 0xFF3A || 0xFF41 <= r && r <= 0xFF5A) && !wide, 0x1D00 <= r && r <= 0x1D2B, r == 'ꜰ', r == 'ꜱ', r == 'ʀ', r == 'ʏ', r == 'ʟ':
			if n++; n > 3 {
				return "it has letters that pass for others"
			}
		}
	}
	return ""
}
