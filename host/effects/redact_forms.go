package effects

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// pattern is one form of a secret: for each character the ways in which it can
// be written. Servers mix escapes freely (a JSON string in HTML, a part of a
// URL), so that listing whole escaped forms would miss most of them.
type pattern struct {
	chars   []char
	wrapped bool // line ends may stand between characters
}

// char holds the spellings of one character by the byte they begin with.
type char []spelling

type spelling struct {
	first byte
	texts []string
}

// beginning finds the spellings that begin with a byte.
func (c char) beginning(b byte) []string {
	for i := range c {
		if c[i].first == b {
			return c[i].texts
		}
	}
	return nil
}

// forms lists the patterns of a secret: plain, hexadecimal, and base64 at each
// alignment.
func forms(raw []byte) []pattern {
	out := []pattern{{chars: spell(string(raw))}, {chars: hexDigits(raw)}}
	for _, f := range base64Forms(raw) {
		out = append(out, pattern{chars: spellBase64(f), wrapped: true})
	}
	return out
}

// base64Forms lists what base64 of a text that contains raw has in it, for
// each alignment of raw in that text: all characters that depend on raw alone.
func base64Forms(raw []byte) []string {
	var out []string
	for offset := range 3 {
		whole := (offset + len(raw)) * 8 / 6 // characters without bits of what follows
		first := (offset*8 + 5) / 6          // and of what precedes
		out = append(out, base64.RawStdEncoding.EncodeToString(append(make([]byte, offset), raw...))[first:whole])
	}
	return out
}

// spellBase64 spells both alphabets of base64.
func spellBase64(s string) []char {
	out := spell(s)
	for i := range s {
		switch s[i] {
		case '+':
			out[i] = byFirst(append(spellings("+", '+', false), "-"))
		case '/':
			out[i] = byFirst(append(spellings("/", '/', false), "_"))
		}
	}
	return out
}

func hexDigits(raw []byte) []char {
	var out []char
	for _, c := range hex.EncodeToString(raw) {
		out = append(out, byFirst([]string{string(c), strings.ToUpper(string(c))}))
	}
	return out
}

// spell lists for each character of s how it may be written: as it is, in
// percent-encoding once or twice, with the escapes of JSON, of JSON in JSON,
// of Go and of HTML.
func spell(s string) []char {
	var out []char
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		out = append(out, byFirst(spellings(s[:n], r, r == utf8.RuneError && n == 1)))
		s = s[n:]
	}
	return out
}

func byFirst(all []string) char {
	slices.Sort(all)
	var c char
	for _, s := range slices.Compact(all) {
		if len(c) == 0 || c[len(c)-1].first != s[0] {
			c = append(c, spelling{first: s[0]})
		}
		last := &c[len(c)-1]
		last.texts = append(last.texts, s)
	}
	return c
}

var (
	shortEscapes = map[rune]string{'"': `"`, '\\': `\`, '/': `/`, '\b': `b`, '\f': `f`, '\n': `n`, '\r': `r`, '\t': `t`, '\'': `'`}
	entities     = map[rune][]string{
		'&': {"&amp;"}, '<': {"&lt;"}, '>': {"&gt;"}, '"': {"&quot;"}, '\'': {"&apos;"},
		'/': {"&sol;"}, '+': {"&plus;"}, '=': {"&equals;"},
	}
)

func spellings(char string, r rune, invalid bool) []string {
	var percent, double, bytesOf string
	for i := range len(char) {
		percent += fmt.Sprintf("%%%02x", char[i])
		double += fmt.Sprintf("%%25%02x", char[i])
		bytesOf += fmt.Sprintf(`\x%02x`, char[i])
	}
	all := []string{char}
	escaped := []string{percent, double, bytesOf, `\` + bytesOf}
	if r == ' ' {
		all, escaped = append(all, "+"), append(escaped, "%2b")
	}
	if !invalid {
		units := fmt.Sprintf(`\u%04x`, r)
		if hi, lo := utf16.EncodeRune(r); hi != utf8.RuneError {
			units = fmt.Sprintf(`\u%04x\u%04x`, hi, lo)
		}
		escaped = append(escaped, units, strings.ReplaceAll(units, `\`, `\\`), fmt.Sprintf("&#x%x;", r))
		all = append(all, fmt.Sprintf("&#%d;", r), fmt.Sprintf("&#0%d;", r))
		all = append(all, entities[r]...)
		for _, e := range entities[r] {
			all = append(all, "&amp;"+e[1:])
		}
	}
	if short, ok := shortEscapes[r]; ok {
		once := `\` + short
		all = append(all, once, strings.ReplaceAll(strings.ReplaceAll(once, `\`, `\\`), `"`, `\"`), `\`+once)
	}
	for _, e := range escaped {
		all = append(all, e, upperHex(e))
	}
	return all
}

// upperHex writes the hexadecimal digits of an escape in upper case.
func upperHex(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'f' {
			return r - 'a' + 'A'
		}
		return r
	}, s)
}

// at matches the pattern at the start of b: the length of the longest match, 0
// for none, and whether more input could make a match, or a longer one.
func (p *pattern) at(b []byte) (length int, more bool) {
	var here, there [8]int // positions reached; more are rare
	ends, next := append(here[:0], 0), there[:0]
	for i, c := range p.chars {
		if i > 0 && p.wrapped {
			var open bool
			ends, open = overLineEnds(b, ends)
			more = more || open
		}
		next = next[:0]
		for _, end := range ends {
			rest := b[end:]
			if len(rest) == 0 {
				more = true
				continue
			}
			for _, s := range c.beginning(rest[0]) {
				switch {
				case len(s) > len(rest):
					more = more || s[:len(rest)] == string(rest)
				case string(rest[:len(s)]) == s && !slices.Contains(next, end+len(s)):
					next = append(next, end+len(s))
				}
			}
		}
		if len(next) == 0 {
			return 0, more
		}
		ends, next = next, ends
	}
	return slices.Max(ends), more
}

// overLineEnds adds to positions those behind a line end that stands there; it
// tells whether one may be cut off by the end of b.
func overLineEnds(b []byte, ends []int) (_ []int, more bool) {
	for _, end := range ends {
		rest := b[end:]
		if len(rest) == 0 || rest[0] != '\r' && rest[0] != '\n' && rest[0] != '\\' && rest[0] != '%' {
			continue
		}
		for _, nl := range []string{"\r\n", "\n", `\r\n`, `\n`, "%0D%0A", "%0A"} {
			if n := min(len(rest), len(nl)); string(rest[:n]) == nl[:n] {
				if n < len(nl) {
					more = true
				} else {
					ends = append(ends, end+n)
				}
			}
		}
	}
	return ends, more
}
