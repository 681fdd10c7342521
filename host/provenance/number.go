package provenance

import (
	"regexp"
	"strings"
	"unicode"
)

// numeral reads a number that people write with or without grouping and with a
// point or a comma: its digits without leading zeros, a point and the fraction
// without trailing ones. A currency sign before or after it is dropped. Where a
// single separator may be either (1.000), both readings are given.
func numeral(s string) []string {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Sc, r):
			return -1
		case unicode.Is(unicode.Nd, r):
			return '0' + digit(r)
		case r == 0xA0 || r == 0x202F || r == 0x2019 || r == '\'' || r == '_':
			return ' '
		}
		return r
	}, s))
	if s == "" || len(s) > 40 || strings.Trim(s, "0123456789., ") != "" || !strings.ContainsAny(s, "0123456789") {
		return nil
	}
	var all []string
	if n, ok := ungroup(s, ",", "."); ok {
		all = append(all, n)
	}
	if n, ok := ungroup(s, ".", ","); ok && (len(all) == 0 || n != all[0]) {
		all = append(all, n)
	}
	return all
}

// ungroup reads a number with the given separators; a space groups too.
func ungroup(s, group, point string) (string, bool) {
	whole, fraction, _ := strings.Cut(s, point)
	if strings.ContainsAny(fraction, "., ") {
		return "", false
	}
	groups := strings.Split(strings.ReplaceAll(whole, " ", group), group)
	for i, g := range groups {
		if len(groups) > 1 && (i > 0 && len(g) != 3 || i == 0 && (len(g) > 3 || g == "")) {
			return "", false
		}
	}
	n := strings.TrimLeft(strings.Join(groups, ""), "0")
	if fraction = strings.TrimRight(fraction, "0"); fraction != "" {
		n += "." + fraction
	}
	if n == "" {
		n = "0"
	}
	return n, true
}

// numeralNeedles are the tight forms under which a number may stand in a text.
func numeralNeedles(canonical string) []string {
	whole, fraction, _ := strings.Cut(canonical, ".")
	all := []string{whole + fraction}
	for len(fraction) < 3 {
		fraction += "0"
		all = append(all, whole+fraction)
	}
	return all
}

// widen is the whole number that the part of the text belongs to.
func widen(text string, from, to int) (int, int) {
	numeric := func(c byte) bool { return '0' <= c && c <= '9' || c == '.' || c == ',' || c == '\'' }
	// No numeral is longer than this.
	low, high := max(0, from-64), min(len(text), to+64)
	for from > low && numeric(text[from-1]) {
		from--
	}
	for to < high && numeric(text[to]) {
		to++
	}
	for to > from && !('0' <= text[to-1] && text[to-1] <= '9') && text[to-1] < 0x80 {
		to--
	}
	for from < to && !('0' <= text[from] && text[from] <= '9') && text[from] < 0x80 {
		from++
	}
	return from, to
}

// grouping reports whether the number goes on beside the place, behind a space:
// 4 711 is not in 4 711 000.
func grouping(text string, from, to int) bool {
	return groupAfter.MatchString(text[to:min(len(text), to+8)]) ||
		groupBefore.MatchString(text[max(0, from-4):from]) && groupFirst.MatchString(text[from:to])
}

var (
	groupAfter  = regexp.MustCompile("^[ \u00a0\u202f][0-9]{3}([^0-9]|$)")
	groupBefore = regexp.MustCompile("[0-9][ \u00a0\u202f]$")
	groupFirst  = regexp.MustCompile("^[0-9]{3}([^0-9]|$)")
)
