package provenance

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Lengths of runs of characters, in characters.
const (
	suspectRun   = 16  // from here on a run is looked at
	longestWord  = 70  // German law has one of 63
	longestMixed = 48  // letters with digits or marks
	longestURL   = 240 // what people still send each other
)

var (
	webAddress  = regexp.MustCompile(`(?i)\b(https?://|www\.)[^\s<>"]+`)
	mailAddress = regexp.MustCompile(`(?i)\b[a-z0-9._%+-]+@[a-z0-9.-]+\.[a-z]{2,}\b`)
	uuid        = regexp.MustCompile(`(?i)\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`)
	account     = regexp.MustCompile(`\b[A-Z]{2}[0-9]{2}[A-Z]{0,6}[0-9]{8,26}\b`) // IBAN
	hexRuns     = regexp.MustCompile(`(?i)\b(0x)?[0-9a-f]{20,}\b`)
	hexBytes    = regexp.MustCompile(`(?i)\b(0x)?[0-9a-f]{2}([ ,:;-]+(\\x|0x|%)?[0-9a-f]{2}\b){7,}|((\\x|%|=)[0-9a-f]{2}){6,}|(\\u[0-9a-f]{4}){4,}|(&#x?[0-9a-f]+;){4,}`)
	bits        = regexp.MustCompile(`[01]{8}([ ,_-]?[01]{8}){2,}|([01]{4,} ){5,}`)
	morse       = regexp.MustCompile(`([.·•*_−–-]{1,6}[ /|]+){8,}`)
	numbers     = regexp.MustCompile(`\b\d{2,3}([ ,;-]+\d{2,3}\b){9,}`)
	spelled     = regexp.MustCompile(`(?:\b\pL[ .,_/-]+){9,}\pL\b`)
	emojis      = regexp.MustCompile(`[\x{1F000}-\x{1FAFF}\x{2600}-\x{27BF}\x{2B00}-\x{2BFF}]`)
	picture     = regexp.MustCompile(`[\x{2801}-\x{28FF}\x{2580}-\x{259F}\x{16A0}-\x{16FF}\x{1D300}-\x{1D356}\x{4DC0}-\x{4DFF}]`)
)

// encodedIn looks for runs of characters that are known encodings, in code too.
func encodedIn(text string) string {
	text = account.ReplaceAllString(uuid.ReplaceAllString(text, " "), " ")
	for _, u := range webAddress.FindAllString(text, -1) {
		if utf8.RuneCountInString(u) > longestURL {
			return "it has a URL of " + strconv.Itoa(len(u)) + " characters"
		}
	}
	// One checksum may be named, not a row of them.
	sums := hexRuns.FindAllString(text, -1)
	for _, s := range sums {
		if n := len(s); len(sums) > 1 || n != 32 && n != 40 && n != 64 || readableHex(s) {
			return "it has hexadecimal code: " + sample(s)
		}
	}
	text = hexRuns.ReplaceAllString(text, " ")
	if s := hexBytes.FindString(text); s != "" && strings.ContainsAny(s, `abcdefABCDEF%\=&`) {
		return "it has bytes written as numbers: " + sample(s)
	}
	if s := bits.FindString(text); s != "" {
		return "it has binary code: " + sample(s)
	}
	runs := strings.FieldsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf || !isBase64(byte(r)) && r != '-' && r != '_' })
	runs = append(runs, strings.FieldsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf || !isBase64URL(byte(r)) || r == '-' || r == '_' })...)
	for _, run := range runs {
		if len(run) < suspectRun {
			continue
		}
		if how, inner := token(run); how != "" && wordy(inner) && (len(run) >= 2*suspectRun || !strings.Contains(how, ",")) {
			return "it has " + how + ": " + sample(run)
		}
		if strings.Count(run, "/") <= len(run)/20 && disorder(run) {
			return "it has a run of letters and digits in no order: " + sample(run)
		}
	}
	return ""
}

func readableHex(s string) bool {
	_, ok := fromHex(s)
	return ok
}

// wordy reports whether decoded text is mostly letters: a word that happens to
// be an encoding of something is not.
func wordy(s string) bool {
	n := 0
	for _, r := range s {
		if unicode.IsLetter(r) || r == ' ' {
			n++
		}
	}
	return n*10 >= utf8.RuneCountInString(s)*8
}

// disorder reports whether capitals, small letters and digits alternate as they
// don't in words, names of variables, paths and product numbers.
func disorder(run string) bool {
	const lower, upper, other, number = 1, 2, 3, 4
	segments, letters, previous := 0, 0, 0
	kinds := map[int]bool{}
	for _, c := range []byte(run) {
		kind := other
		switch {
		case 'a' <= c && c <= 'z':
			kind, letters = lower, letters+1
		case 'A' <= c && c <= 'Z':
			kind, letters = upper, letters+1
		case '0' <= c && c <= '9':
			kind = number
		}
		if kind != previous && (previous != upper || kind != lower) {
			segments++
		}
		previous = kind
		kinds[kind] = true
	}
	if letters*3 < len(run) || len(kinds) < 2 || !kinds[upper] && !kinds[number] {
		return false
	}
	if kinds[other] && !(kinds[lower] && kinds[upper] && kinds[number]) {
		return false // words joined by hyphens
	}
	return float64(len(run))/float64(segments) < 2.7
}

// unbrokenIn looks for runs too long to be words, and for rows of symbols.
func unbrokenIn(prose string) string {
	bare := mailAddress.ReplaceAllString(webAddress.ReplaceAllString(uuid.ReplaceAllString(prose, " "), " "), " ")
	for _, w := range strings.Fields(bare) {
		w = strings.Trim(w, `.,;:!?"'()[]{}<>|*_~#-=+`)
		alphabetic, marks, n := 0, map[rune]bool{}, 0
		for _, r := range w {
			if n++; r < utf8.RuneSelf && ascii[r] == 0 {
				marks[r] = true
			}
			if unicode.In(r, unicode.Latin, unicode.Cyrillic, unicode.Greek, unicode.Nd) {
				alphabetic++
			}
		}
		switch {
		case alphabetic == n && n > longestWord, len(marks) > 0 && alphabetic*2 > n && n > longestMixed && !strings.ContainsAny(w, "/-_.,…—"):
			return "it has a word of " + strconv.Itoa(n) + " characters: " + sample(w)
		case n >= suspectRun && len(marks) >= 6 && !strings.ContainsAny(w, `":`):
			return "it has a run of signs in no order: " + sample(w)
		}
	}
	signs, all := 0, 0
	for _, line := range strings.Split(bare, "\n") {
		if strings.Trim(line, " -=|:*_#+~\t") == "" {
			continue
		}
		for _, r := range line {
			if unicode.IsSpace(r) {
				continue
			}
			if all++; r < utf8.RuneSelf && ascii[r] == 0 {
				signs++
			}
		}
	}
	if all >= 24 && signs*20 > all*9 {
		return "it is made of signs more than of letters"
	}
	return ""
}

// codesIn looks for text spelled in numbers, points, pictures or single letters.
func codesIn(prose string) string {
	if s := morse.FindString(prose); s != "" && strings.ContainsAny(s, ".·•*") && strings.ContainsAny(s, "_−–-") {
		return "it has Morse code: " + sample(s)
	}
	for _, s := range numbers.FindAllString(prose, -1) {
		if spellsWords(s) {
			return "it has letters written as numbers: " + sample(s)
		}
	}
	if s := spelled.FindString(prose); s != "" {
		return "it has a text spelled letter by letter: " + sample(s)
	}
	if s := picture.FindAllString(prose, -1); len(s) >= 8 {
		return "it is written in signs that are no letters: " + sample(strings.Join(s, ""))
	}
	found := emojis.FindAllString(prose, -1)
	letters := strings.IndexFunc(prose, unicode.IsLetter) >= 0
	count := 0
	for _, r := range prose {
		if unicode.IsLetter(r) {
			count++
		}
	}
	slices.Sort(found)
	if kinds := len(slices.Compact(slices.Clone(found))); len(found) >= 16 && (!letters || count < len(found)) && kinds > 1 {
		return "it is written in pictures"
	}
	return ""
}

// spellsWords reports whether the numbers are codes of small letters.
func spellsWords(s string) bool {
	n, letters := 0, 0
	for _, f := range strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsDigit(r) }) {
		c, err := strconv.Atoi(f)
		if n++; err == nil && (c == 32 || 97 <= c && c <= 122) {
			letters++
		}
	}
	return n >= 10 && letters*10 >= n*8
}

// entropy is the bits a letter of the text carries, by how often each of the 26
// occurs, and how many letters there are.
func entropy(text string) (bits float64, letters int) {
	var counts [26]int
	for _, c := range []byte(tight(text)) {
		if 'a' <= c && c <= 'z' {
			counts[c-'a']++
			letters++
		}
	}
	for _, n := range counts {
		if n > 0 {
			p := float64(n) / float64(letters)
			bits -= p * math.Log2(p)
		}
	}
	return bits, letters
}
