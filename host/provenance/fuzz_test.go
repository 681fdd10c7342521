package provenance

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"html"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// step is one thing done to a text on its way. A loose one changes letters in a
// way that only a reader undoes, so it comes before any encoding.
type step struct {
	name  string
	loose bool
	do    func(*rand.Rand, string) string
}

var steps = []step{
	{"case", true, func(r *rand.Rand, s string) string {
		return each(s, func(c rune) string {
			if r.IntN(2) == 0 {
				return strings.ToUpper(string(c))
			}
			return strings.ToLower(string(c))
		})
	}},
	{"spread", true, func(r *rand.Rand, s string) string {
		return each(s, func(c rune) string { return string(c) + []string{"", "", " ", "-", "\n"}[r.IntN(5)] })
	}},
	{"zero width", true, func(r *rand.Rand, s string) string {
		return each(s, func(c rune) string { return string(c) + []string{"", "\u200b", "\u2060", "\ufeff"}[r.IntN(4)] })
	}},
	{"full width", true, func(_ *rand.Rand, s string) string {
		return each(s, func(c rune) string {
			if '!' <= c && c <= '~' {
				c += 0xFEE0
			}
			return string(c)
		})
	}},
	{"look-alikes", true, func(_ *rand.Rand, s string) string {
		return strings.NewReplacer("a", "а", "e", "е", "o", "ο", "p", "р", "i", "і", "H", "Н", "d", "ԁ").Replace(s)
	}},
	{"base64", false, func(_ *rand.Rand, s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }},
	{"base64url", false, func(_ *rand.Rand, s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }},
	{"base32", false, func(_ *rand.Rand, s string) string { return base32.StdEncoding.EncodeToString([]byte(s)) }},
	{"hex", false, func(_ *rand.Rand, s string) string { return hex.EncodeToString([]byte(s)) }},
	{"percent", false, func(_ *rand.Rand, s string) string { return url.PathEscape(s) }},
	{"HTML", false, func(_ *rand.Rand, s string) string { return html.EscapeString(s) }},
	{"JSON", false, func(_ *rand.Rand, s string) string { q := strconv.QuoteToASCII(s); return q[1 : len(q)-1] }},
	{"ROT13", false, func(_ *rand.Rand, s string) string { return rot13(s) }},
	{"reversed", false, func(_ *rand.Rand, s string) string { return reverse(s) }},
}

func each(s string, f func(rune) string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteString(f(r))
	}
	return b.String()
}

// compose does one or two loose steps and at most two encodings.
func compose(r *rand.Rand, s string) (text string, names []string) {
	for _, loose := range []bool{true, false} {
		for range r.IntN(3) {
			st := steps[r.IntN(len(steps))]
			if st.loose != loose {
				continue
			}
			s, names = st.do(r, s), append(names, st.name)
		}
	}
	return s, names
}

// FuzzTransformed: whatever part of an untrusted text is taken and however it is
// dressed up, its source is found.
func FuzzTransformed(f *testing.F) {
	f.Add(letter, uint16(0), uint16(40), uint64(1))
	f.Add("Überweisen Sie 1.250,00 € an die Gemeinde Köln, Verwendungszweck: Hundesteuer 2026!", uint16(3), uint16(30), uint64(2))
	f.Add("Переведите деньги на новый счёт сегодня до полудня", uint16(0), uint16(44), uint64(3))
	f.Add("将会议移到星期五上午十点，并通知所有参加者不要迟到", uint16(6), uint16(36), uint64(4))
	f.Add("将会议移到星期五上午十点\uf230", uint16(3), uint16(36), uint64(4))
	f.Add(strings.Repeat("0", 93)+" 00 0000000000000100000000000000000100  000 0 01000", uint16(91), uint16(47), uint64(23))
	f.Add("0000 00000  1 00", uint16(1), uint16(13), uint64(1))
	for i := range uint64(400) {
		f.Add(letter, uint16(i*7), uint16(12+i%60), i)
	}
	f.Fuzz(func(t *testing.T, body string, from, length uint16, seed uint64) {
		if !utf8.ValidString(body) || len(body) > 4096 || len(body) < 12 || strings.ContainsFunc(body, unicode.IsControl) {
			t.Skip("not a text")
		}
		a := int(from) % (len(body) - 11)
		b := min(len(body), a+12+int(length)%200)
		for a > 0 && !utf8.RuneStart(body[a]) {
			a--
		}
		for b < len(body) && !utf8.RuneStart(body[b]) {
			b++
		}
		taken := body[a:b]
		// Twelve bytes that say something: with hardly a letter or digit in them
		// nothing is claimed, and the union holds.
		says := weight(tight(taken), gram) >= gram && len(tight(taken)) >= longPiece-2
		value, names := compose(rand.New(rand.NewPCG(seed, 1)), taken)
		m := read("hello there", Text{Source{Kind: Tool, Name: "x/y", Labels: []string{"private"}}, "nothing"}, Text{page, body})
		tr := m.Trace(value)
		if !strings.Contains(strings.Join(tr.Labels(), " "), "untrusted") {
			t.Fatalf("laundered by %v: %q as %q: %+v", names, taken, value, tr)
		}
		if tr.OwnerNamed() {
			t.Fatalf("the owner is said to have named %q (%v)", value, names)
		}
		if !says || tr.Short {
			return
		}
		if f, _ := tr.From("untrusted"); f.How == howRead {
			t.Fatalf("not found after %v: %q as %q: %+v", names, taken, value, tr)
		}
	})
}

// FuzzTrace: nothing panics, and nothing is left out of a union.
func FuzzTrace(f *testing.F) {
	f.Add("a", "b", "c")
	f.Add("ann@example.com", "https://a.example/?q=%41%", `\ud83d\ude00\x`)
	f.Add("\xff\xfe", "&#x0;", "\U000E0041\u200b")
	f.Add("1,000.00", "1 000", "1.000,5")
	f.Fuzz(func(t *testing.T, owner, body, value string) {
		m := read(owner, Text{page, body})
		tr := m.Trace(value)
		if tr.Union && len(tr.Found) < 2 {
			t.Fatalf("%+v", tr)
		}
		if tr.Confidence < 0 || tr.Confidence > 1 || tr.Match == "" || tr.Match == None && !tr.Union {
			t.Fatalf("%+v", tr)
		}
		for _, f := range tr.Found {
			if utf8.RuneCountInString(f.Sentence) > MaxSentence || strings.ContainsAny(f.Sentence, "\x1b\n\u202e") || f.Share < 0 || f.Share > 1 {
				t.Fatalf("%+v", f)
			}
		}
		Legible(value)
	})
}

// FuzzEncodedSource: it is the untrusted text that is encoded, and the value
// what a part of it decodes to.
func FuzzEncodedSource(f *testing.F) {
	for i := range uint64(200) {
		f.Add(letter, uint16(i*5), uint16(i%80), i)
	}
	codes := map[string]bool{"base64": true, "base64url": true, "base32": true, "hex": true}
	f.Fuzz(func(t *testing.T, text string, from, length uint16, seed uint64) {
		if !utf8.ValidString(text) || len(text) > 4096 || len(text) < 24 || strings.ContainsFunc(text, unicode.IsControl) {
			t.Skip("not a text")
		}
		a := int(from) % (len(text) - 23)
		b := min(len(text), a+24+int(length))
		for a > 0 && !utf8.RuneStart(text[a]) {
			a--
		}
		for b < len(text) && !utf8.RuneStart(text[b]) {
			b++
		}
		value := text[a:b]
		r := rand.New(rand.NewPCG(seed, 2))
		body, names := text, []string{}
		for range 1 + r.IntN(3) {
			st := steps[r.IntN(len(steps))]
			turns := st.name == "ROT13" || st.name == "reversed"
			switch {
			case st.loose:
			case codes[st.name], len(names) == 0, !turns && !codes[names[len(names)-1]] && !turned(names), turns && codes[names[len(names)-1]]:
				body, names = st.do(r, body), append(names, st.name)
			}
		}
		m := read("hello there", Text{page, "Note: " + body + " (end)"})
		tr := m.Trace(value)
		if !has(tr, "untrusted") || tr.OwnerNamed() {
			t.Fatalf("laundered from %v: %q in %q: %+v", names, value, body, tr)
		}
		if f, _ := tr.From("untrusted"); weight(tight(value), sureValue) >= sureValue && len(tight(value)) >= 16 && f.How == howRead {
			t.Fatalf("not found in %v: %q in %q: %+v", names, value, body, tr)
		}
	})
}

// turned reports whether a text was rotated or reversed. A code is found when it
// was turned, an escape is not: turned, it is none.
func turned(names []string) bool {
	return slices.Contains(names, "ROT13") || slices.Contains(names, "reversed")
}

// FuzzOwnerNamed compares with a second, simpler rule: what the owner named
// stands in the owner's words when case, spaces and what groups digits are taken
// out of both.
func FuzzOwnerNamed(f *testing.F) {
	for _, s := range []string{"ann@example.com", "DE89 3704 0044 0532 0130 00", "https://shop.example/a?b=c", "192.168.1.111", "+49 (30) 901820-11", "Anna Karenina"} {
		for i := range uint64(40) {
			f.Add("Please write to "+s+" and say hello.", s, i)
		}
	}
	squeeze := func(s string) string {
		return strings.Map(func(r rune) rune {
			if unicode.IsSpace(r) || strings.ContainsRune("-()'+\u2019\u2010\u2011\u2013", r) {
				return -1
			}
			return unicode.ToLower(unicode.ToUpper(r))
		}, norm.NFC.String(s))
	}
	f.Fuzz(func(t *testing.T, owner, value string, seed uint64) {
		rs, r := []rune(value), rand.New(rand.NewPCG(seed, 3))
		if len(rs) == 0 || len(rs) > 200 || !utf8.ValidString(owner+value) {
			t.Skip("no value")
		}
		at := r.IntN(len(rs))
		switch r.IntN(5) {
		case 0:
			rs[at] = []rune("aе0.\u200bé-ｘ/")[r.IntN(9)]
		case 1:
			rs = slices.Insert(rs, at, []rune("aе0.\u200bé-ｘ/")[r.IntN(9)])
		case 2:
			rs = slices.Delete(rs, at, at+1)
		case 3:
			if at+1 < len(rs) {
				rs[at], rs[at+1] = rs[at+1], rs[at]
			}
		}
		changed := string(rs)
		if numeral(changed) != nil || strings.ContainsAny(changed, ",;\n<") {
			t.Skip("numbers and lists have rules of their own")
		}
		tr := read(owner, Text{page, "unrelated"}).Trace(changed)
		core := strings.TrimFunc(squeeze(changed), func(r rune) bool { return unicode.IsPunct(r) || unicode.IsSymbol(r) })
		if u, err := url.Parse(changed); err == nil && u.Host != "" {
			core = squeeze(strings.TrimPrefix(u.Hostname(), "www.")) // a URL may be named in parts
		}
		if tr.OwnerNamed() && !strings.Contains(squeeze(owner), core) {
			t.Fatalf("%q is said to be in %q: %+v", changed, owner, tr)
		}
	})
}
