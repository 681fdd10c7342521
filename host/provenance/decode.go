package provenance

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"html"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Depth and breadth of decoding: encodings within encodings, and how many
// decoded parts one text may have. Beyond, a text counts as read in part.
const (
	maxDepth = 4
	maxParts = 512
)

// shortestToken is the fewest characters of a run that is tried as an encoding.
const shortestToken = 12

// unescape takes off the escapes that text is written with in JSON, in HTML and
// in URLs, wherever they stand. It returns their names, none if nothing changed.
func unescape(s string) (text string, how []string) {
	try := func(name, next string) {
		if next != s {
			s, how = next, append(how, name)
		}
	}
	if strings.Contains(s, `\`) {
		try("escapes", backslashes(s))
	}
	if strings.Contains(s, "&") {
		try("HTML entities", html.UnescapeString(s))
	}
	if strings.Contains(s, "%") {
		try("percent", percents(s))
	}
	return s, how
}

// percents decodes %XX and leaves what is not. What is no text afterwards is
// left as it is.
func percents(s string) string {
	t, err := url.PathUnescape(s)
	if err != nil {
		t = loosePercents(s)
	}
	if utf8.ValidString(t) {
		return t
	}
	return s
}

func loosePercents(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+3 <= len(s) {
			if c, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
				b.Write(c)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// backslashes decodes the escapes of JSON, Go and C strings and leaves what is
// not one.
func backslashes(s string) string {
	var b strings.Builder
	var half rune // the first half of a surrogate pair
	for i := 0; i < len(s); {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			i++
			continue
		}
		r, size := escape(s[i+1:])
		switch {
		case size == 0:
			b.WriteByte('\\')
		case utf16High(r):
			half = r
		case half != 0 && 0xDC00 <= r && r < 0xE000:
			b.WriteRune(0x10000 + (half-0xD800)<<10 + r - 0xDC00)
			half = 0
		case size == 3 && r >= utf8.RuneSelf: // \xNN is a byte
			b.WriteByte(byte(r))
		default:
			b.WriteRune(r)
		}
		i += 1 + size
	}
	return b.String()
}

func utf16High(r rune) bool { return 0xD800 <= r && r < 0xDC00 }

// escape reads what follows a backslash; size 0 if it is no escape.
func escape(s string) (r rune, size int) {
	switch s[0] {
	case 'n', 'r', 't':
		return ' ', 1
	case '"', '\'', '\\', '/':
		return rune(s[0]), 1
	case 'u', 'U', 'x':
		digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[0]]
		if len(s) < 1+digits {
			return 0, 0
		}
		n := rune(0)
		for _, c := range []byte(s[1 : 1+digits]) {
			v := strings.IndexByte("0123456789abcdef", c|0x20)
			if v < 0 {
				return 0, 0
			}
			n = n<<4 | rune(v)
		}
		return n, 1 + digits
	}
	return 0, 0
}

// part is what a run of characters within a text decodes to.
type part struct {
	from, to int // the run
	how      string
	text     string
}

// parts finds the runs of a text that decode to something readable. more says
// that there are more than the limit.
func parts(s string, limit int) (found []part, more bool) {
	add := func(from, to int, how, text string) bool {
		if len(found) == limit {
			return false
		}
		found = append(found, part{from, to, how, text})
		return true
	}
	for n, in := range []func(byte) bool{isBase64URL, isBase64, isWrapped, isHexRun} {
		for i := 0; i < len(s); {
			if !in(s[i]) {
				i++
				continue
			}
			from := i
			for i < len(s) && in(s[i]) {
				i++
			}
			run := s[from:i]
			if len(run) < shortestToken || n == 3 && !strings.ContainsAny(run, " :-,xX\\\n\r") || n == 1 && !strings.ContainsAny(run, "+/") || n == 2 && !strings.Contains(run, "\n") {
				continue
			}
			if how, text := token(run); how != "" && !add(from, i, how, text) {
				return found, true
			}
		}
	}
	return found, false
}

func isBase64URL(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c == '-' || c == '_' || c == '='
}

func isBase64(c byte) bool { return c != '-' && c != '_' && isBase64URL(c) || c == '+' || c == '/' }

// isWrapped takes in line ends, because mail wraps base64.
func isWrapped(c byte) bool { return isBase64(c) || c == '\n' || c == '\r' }

// isHexRun takes in the usual separators of bytes.
func isHexRun(c byte) bool { return hexRun[c] }

var hexRun = func() (t [256]bool) {
	for _, c := range []byte("0123456789abcdefABCDEF :-,xX\\\n\r") {
		t[c] = true
	}
	return t
}()

// token decodes a run of characters, as it is, rotated, or backwards.
func token(s string) (how, text string) {
	if strings.ContainsAny(s, " \t\r\n") {
		s = strings.Join(strings.Fields(s), "")
	}
	if len(s) < shortestToken {
		return "", ""
	}
	for _, turn := range turns {
		turned := turn.apply(s)
		for _, d := range decoders {
			if text, ok := d.decode(turned); ok {
				return strings.TrimPrefix(turn.name+", "+d.name, ", "), text
			}
		}
	}
	return "", ""
}

// turns are the rearrangements that undo themselves: to search a text for the
// turned value is to search the turned text for the value.
var turns = []struct {
	name  string
	apply func(string) string
}{
	{"", func(s string) string { return s }},
	{"ROT13", rot13},
	{"reversed", reverse},
	{"reversed, ROT13", func(s string) string { return rot13(reverse(s)) }},
}

func rot13(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return 'a' + (r-'a'+13)%26
		case 'A' <= r && r <= 'Z':
			return 'A' + (r-'A'+13)%26
		}
		return r
	}, s)
}

func reverse(s string) string {
	b := make([]byte, 0, len(s))
	for len(s) > 0 {
		r, size := utf8.DecodeLastRuneInString(s)
		b = utf8.AppendRune(b, r)
		s = s[:len(s)-size]
	}
	return string(b)
}

var decoders = []struct {
	name   string
	decode func(string) (string, bool)
}{
	{"hex", fromHex},
	{"base64", fromBase64},
	{"base32", fromBase32},
	{"binary", fromBinary},
}

// hexMarks are what is written around the bytes of a dump.
var hexMarks = strings.NewReplacer("0x", "", "0X", "", `\x`, "", `\X`, "", " ", "", ":", "", "-", "", ",", "", `\`, "")

func fromHex(s string) (string, bool) {
	for i := range len(s) {
		if !isHexRun(s[i]) {
			return "", false
		}
	}
	b, err := hex.DecodeString(hexMarks.Replace(s))
	return text(b, err)
}

// base64Value is a character's six bits, 64 for what is no base64.
var base64Value = func() (t [256]byte) {
	for i := range t {
		t[i] = 64
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		t[c] = byte(i)
	}
	t['-'], t['_'] = 62, 63
	return t
}()

// begins tells by the first bytes whether it is worth while to decode: most
// words are base64 of something, but not of anything that begins like text.
func begins(s string) bool {
	for i := 0; i+4 <= len(s) && i < 16; i += 4 {
		a, b, c, d := base64Value[s[i]], base64Value[s[i+1]], base64Value[s[i+2]], base64Value[s[i+3]]
		if a|b|c|d >= 64 {
			return false
		}
		for _, c := range [3]byte{a<<2 | b>>4, b<<4 | c>>2, c<<6 | d} {
			if c < 0x20 && c != '\n' && c != '\r' && c != '\t' || c == 0x7F {
				return false
			}
		}
	}
	return true
}

// standard turns the alphabet for URLs into the usual one.
var standard = strings.NewReplacer("-", "+", "_", "/")

// fromBase64 tries the four ways a run can be aligned, because a word may stand
// before the code.
func fromBase64(s string) (string, bool) {
	s = strings.TrimRight(s, "=")
	for shift := range 4 {
		if len(s)-shift < shortestToken {
			break
		}
		if !begins(s[shift:]) {
			continue
		}
		if got, ok := text(base64.RawStdEncoding.DecodeString(standard.Replace(groups(s[shift:], 4, 1)))); ok {
			return got, true
		}
	}
	return "", false
}

// groups drops a last group of so few characters that it stands for no byte.
func groups(s string, group, few int) string {
	if len(s)%group == few {
		return s[:len(s)-few]
	}
	return s
}

func fromBase32(s string) (string, bool) {
	for i := range len(s) {
		if c := s[i]; (c&^0x20 < 'A' || c&^0x20 > 'Z') && (c < '2' || c > '7') && c != '=' {
			return "", false
		}
	}
	return text(base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(strings.TrimRight(s, "="))))
}

func fromBinary(s string) (string, bool) {
	if len(s)%8 != 0 || strings.Trim(s, "01") != "" {
		return "", false
	}
	b := make([]byte, len(s)/8)
	for i := range len(s) {
		b[i/8] = b[i/8]<<1 | s[i]&1
	}
	return text(b, nil)
}

// selectors reads bytes hidden in variation selectors (VS1 to VS256), "" if
// there are no more than emoji need.
func selectors(s string) string {
	if isASCII(s) {
		return ""
	}
	var b []byte
	for _, r := range s {
		switch {
		case 0xFE00 <= r && r <= 0xFE0F:
			b = append(b, byte(r-0xFE00))
		case 0xE0100 <= r && r <= 0xE01EF:
			b = append(b, byte(r-0xE0100+16))
		}
	}
	t, _ := text(b, nil)
	return t
}

// text accepts bytes that may be read: UTF-8, hardly a control character in it,
// four characters at least.
func text(b []byte, err error) (string, bool) {
	if err != nil || len(b) < 4 || !utf8.Valid(b) {
		return "", false
	}
	s, n, bad := string(b), 0, 0
	for _, r := range s {
		n++
		if unicode.IsControl(r) && !unicode.IsSpace(r) {
			bad++
		}
	}
	return s, n >= 4 && bad*20 <= n
}
