package provenance

import "unicode"

// Legible reports whether a text can be read by a person, and if not, why: it
// looks encoded, enciphered, or has something hidden in it.
func Legible(text string) (ok bool, why string) {
	for _, r := range text {
		if unicode.Is(unicode.Cf, r) {
			return false, "invisible characters"
		}
	}
	return true, ""
}
