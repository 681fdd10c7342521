package notebook

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ambithost/ambit/sdk/protocol"
)

const (
	suffix = ".md"
	// temporary files are the keeper's own; no note has such a name.
	tempPrefix = ".note-"
	maxName    = 80 // characters

	maxWords = 16 // of one search
	maxWord  = 64 // characters
)

// CheckName keeps the name of a note to what is one plain file name on every
// system and one plain word on every terminal.
func CheckName(name string) error {
	bad := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && !strings.ContainsRune(" -_", r)
	}
	if name == "" || !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxName || len(name) > 200 ||
		strings.ContainsFunc(name, bad) || strings.Trim(name, " -") != name {
		return protocol.Errorf(protocol.Invalid, "a note's name %.100q: want 1 to %d letters, digits, spaces, dashes or underscores, with a letter, digit or underscore at both ends", name, maxName)
	}
	return nil
}

// wordsOf takes a query apart. What is no letter and no digit is between words,
// as it is for the index.
func wordsOf(query string) []string {
	words := strings.FieldsFunc(strings.ToValidUTF8(query, " "), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	})
	if len(words) > maxWords {
		words = words[:maxWords]
	}
	for i, w := range words {
		if r := []rune(w); len(r) > maxWord {
			words[i] = string(r[:maxWord])
		}
	}
	return words
}
