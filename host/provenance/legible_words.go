package provenance

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// littleWords are the commonest words of languages in Latin letters, without
// accents: what is left of a language when it is put through a cipher is that
// they are gone.
var littleWords = func() map[string]bool {
	all := map[string]bool{}
	for w := range strings.FieldsSeq(`the and of to in is that it for was on are with as be this have from at not you we they
		will can your our but or by an he she has what there please if all who when
		der die das und ist nicht ein eine zu den mit von auf fur im sich des dem ich wir sie es auch werden bei aus nach
		le la les des et est une un que qui dans pour pas sur au avec ce il elle nous vous sont ne du
		el los las y es una por para con no se lo su como mas del pero
		il di che per non sono della gli nel una alla ed
		o os as um uma com nao na no dos da ao mais
		het een van en niet met voor zijn op dat te ik
		och att det som pa av inte jag har ett till med och er og ikke til
		nie sie jest na to ze do jak ale czy
		bir ve bu icin ile da de ne cok
		yang dan di ini itu dengan untuk tidak ada
		on ja ei se etta oli mutta
		az es nem hogy egy van
		ang ng sa mga na at ay
		va nu si cu este din pe sa`) {
		all[w] = true
	}
	return all
}()

// cipherIn looks for text whose letters were moved.
func cipherIn(prose string) string {
	prose = mailAddress.ReplaceAllString(webAddress.ReplaceAllString(prose, " "), " ")
	if why := shiftIn(prose, 1); why != "" {
		return why
	}
	if w, of := voiceless(prose); of >= 6 && w*4 > of {
		return "its words can't be spoken: letters seem to be exchanged"
	}
	if bits, n := entropy(prose); n >= 120 && bits > 4.5 {
		return "its letters are too evenly spread for a language"
	}
	if n, of := leet(prose); of >= 4 && n*3 > of {
		return "it has digits in place of letters"
	}
	return ""
}

// shiftIn looks for text that becomes a language when its letters are shifted or
// its words reversed. The names in code are words of all kinds: there, more of
// them are asked for.
func shiftIn(prose string, factor int) string {
	words := latinWords(prose)
	if len(words) < 4*factor {
		return ""
	}
	plain, _, _ := little(words, 0)
	for shift := 1; shift < 26; shift++ {
		hits, kinds, letters := little(words, shift)
		if hits > 2*plain && kinds >= 3*factor && letters >= 8*factor && hits*5 >= len(words) ||
			factor == 1 && len(words) < 12 && plain == 0 && kinds >= 2 && letters >= 5 && hits*3 >= len(words) {
			return "its letters are shifted by " + names(shift)
		}
	}
	backwards := map[string]bool{}
	n := 0
	for _, w := range words {
		if len(w) > 2 && littleWords[reverse(w)] && !littleWords[w] {
			backwards[w] = true
			n++
		}
	}
	if len(backwards) >= 2*factor && n > 2*plain && n*6 >= len(words) {
		return "it is written backwards"
	}
	return ""
}

func names(shift int) string {
	if shift == 13 {
		return "thirteen places (ROT13)"
	}
	return "some places of the alphabet"
}

// latinWords are the words in Latin letters, folded.
func latinWords(s string) (words []string) {
	for _, w := range strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) }) {
		if w = tight(w); w != "" && isASCII(w) {
			words = append(words, w)
		}
	}
	return words
}

// little counts the little words of more than one letter, were the letters
// shifted: all, the different ones, and the letters of these.
func little(words []string, shift int) (n, kinds, letters int) {
	seen := map[string]bool{}
	for _, w := range words {
		if len(w) < 2 {
			continue
		}
		b := []byte(w)
		for i, c := range b {
			b[i] = 'a' + (c-'a'+byte(shift))%26
		}
		if !littleWords[string(b)] {
			continue
		}
		if n++; !seen[w] {
			seen[w] = true
			kinds, letters = kinds+1, letters+len(w)
		}
	}
	return n, kinds, letters
}

const vowels = "aeiouyаеёиоуыэюяіїєαεηιουω"

// voiceless counts the words of three letters and more, in alphabets that write
// vowels, and those without one or with more consonants in a row than can be
// spoken. Capitals alone are an abbreviation.
func voiceless(prose string) (without, of int) {
	for _, w := range strings.FieldsFunc(prose, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) }) {
		if utf8.RuneCountInString(w) < 3 || w == strings.ToUpper(w) && utf8.RuneCountInString(w) < 6 {
			continue
		}
		if !strings.ContainsFunc(w, func(r rune) bool { return unicode.In(r, unicode.Latin, unicode.Cyrillic, unicode.Greek) }) {
			continue
		}
		of++
		row, longest, vowel := 0, 0, false
		for _, r := range w {
			if speaks(r) {
				vowel, row = true, 0
			} else if row++; row > longest {
				longest = row
			}
		}
		if !vowel || longest > 6 {
			without++
		}
	}
	return without, of
}

// speaks reports whether the letter is a vowel, with or without accents.
func speaks(r rune) bool {
	r = unicode.ToLower(r)
	if strings.ContainsRune(vowels, r) || unicode.IsMark(r) {
		return true
	}
	var b [16]byte
	t := string(appendTight(b[:0], r))
	return unicode.Is(unicode.Latin, r) && t != "" && strings.ContainsAny(t, "aeiouy")
}

var ordinary = regexp.MustCompile(`(?i)^(\d+(st|nd|rd|th|x|k|m|km|cm|mm|kg|g|am|pm|h|s|ms|min|gb|mb|tb|kb|px|pt|d|w|y|er|e|ter|%|°c?)|[a-z]{1,4}\d+[a-z]?|\d+[a-z]|[a-z]\d[a-z])$`)

// leet counts words and those with digits among their letters, as people don't
// write measures, times and models.
func leet(prose string) (n, of int) {
	for _, w := range strings.FieldsFunc(prose, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		letters, digits := strings.ContainsFunc(w, unicode.IsLetter), strings.ContainsFunc(w, unicode.IsDigit)
		if letters && len(w) > 2 {
			of++
			if digits && !ordinary.MatchString(w) {
				n++
			}
		}
	}
	return n, of
}

// usualHan are among the commonest characters of Chinese, in both forms, and of
// headlines. Text of some length has one of them in every few.
const usualHan = "的一是不了在人有我他这這个個们們中来來上大为為和国國地到以说說时時要就出会會可也你对對生能而子那得于於着下自之年过過发發后後作里用道行所然家种種事成方多经經么去法学學如都同现現当當没沒动動面起看定天分还還进進好小部其些主样樣理心她本前开開但因只从從想实實日月请請今明点點"

// oddScriptsIn looks for scripts used as an alphabet of code.
func oddScriptsIn(prose string) string {
	scripts := map[string]bool{}
	han, usual, rare, kana, letters := 0, 0, 0, 0, 0
	for _, r := range prose {
		if !unicode.IsLetter(r) {
			continue
		}
		letters++
		switch {
		case unicode.Is(unicode.Han, r):
			han++
			if strings.ContainsRune(usualHan, r) {
				usual++
			}
			if r < 0x4E00 || r > 0x9FFF {
				rare++
			}
		case unicode.In(r, unicode.Hiragana, unicode.Katakana):
			kana++
		default:
			for _, name := range manyScripts {
				if unicode.Is(unicode.Scripts[name], r) {
					scripts[name] = true
				}
			}
		}
	}
	switch {
	case len(scripts) > 4 && letters < 400:
		return "it mixes more alphabets than anybody reads"
	case rare > 2 && rare*10 > han, han >= 24 && kana == 0 && usual*20 < han:
		return "its characters are not those of a language"
	}
	return ""
}

// manyScripts are scripts that encodings of bytes in Unicode draw on.
var manyScripts = []string{"Latin", "Cyrillic", "Greek", "Arabic", "Hebrew", "Devanagari", "Bengali", "Tamil", "Telugu", "Thai", "Georgian", "Armenian",
	"Ethiopic", "Cherokee", "Canadian_Aboriginal", "Yi", "Hangul", "Khmer", "Mongolian", "Tibetan", "Myanmar", "Sinhala", "Lao", "Vai", "Bamum", "Egyptian_Hieroglyphs"}
