package effects

import (
	"net/url"
	"regexp"
	"strings"
)

// What can be told from a value's form alone. The forms are those of the world
// (mail addresses, URLs, account and phone numbers, keys), none is a service's.
var (
	mailAddress = regexp.MustCompile(`^[^\s@<>"]+@[^\s@<>"]+\.[^\s@<>".]{2,}$`)
	// hostName is a name with a dot whose last label has letters only, perhaps
	// with a port, a path or a query behind it.
	hostName = regexp.MustCompile(`^(?i)([\p{L}\p{N}]([\p{L}\p{N}-]*[\p{L}\p{N}])?\.)+\p{L}{2,}\.?(:\d+)?([/?#]\S*)?$`)
	iban     = regexp.MustCompile(`^[A-Za-z]{2}\d{2}[A-Za-z0-9]{8,30}$`)
	date     = regexp.MustCompile(`^(\d{4}[-./ ]?\d{2}[-./ ]?\d{2}|\d{1,2}[-./ ]\d{1,2}[-./ ]\d{4})([T ].*)?$`)
	scheme   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:\S`)
	// within finds addresses in running text.
	within = regexp.MustCompile(`(?i)\b[a-z][a-z0-9+.-]*://[^\s<>"'\x60]+|\bwww\.[^\s<>"'\x60]+|[^\s<>"'(),;:@]+@[^\s<>"'(),;:@]+\.[\p{L}]{2,}|\b([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}/[^\s<>"'\x60]*`)
)

// isAddress reports whether a value reaches anybody anywhere rather than
// somebody whom a service already knows by name.
func isAddress(s string) bool {
	s = strings.TrimSpace(s)
	compact := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -().", r) {
			return -1
		}
		return r
	}, s)
	switch {
	case mailAddress.MatchString(s), scheme.MatchString(s), hostName.MatchString(s), isIBAN(compact):
		return true
	case strings.ContainsAny(s, " \t\n") && strings.Contains(s, "@"):
		return len(linksIn(s)) > 0 // "Ann <ann@example.org>"
	}
	// Nine digits and more are an account or a phone, with a plus fewer will do.
	return isNumber(strings.TrimPrefix(compact, "+")) && (len(compact) >= 9 || strings.HasPrefix(compact, "+") && len(compact) >= 7) && !date.MatchString(s)
}

// isIBAN tells an account's number. One in twenty UUIDs begins like one: what is
// not in capitals has to have the check digits of ISO 13616.
func isIBAN(s string) bool {
	if !iban.MatchString(s) {
		return false
	}
	if s == strings.ToUpper(s) {
		return true
	}
	rest := 0
	for _, r := range strings.ToUpper(s[4:] + s[:4]) {
		if r >= 'A' {
			rest = (rest*100 + int(r-'A') + 10) % 97
		} else {
			rest = (rest*10 + int(r-'0')) % 97
		}
	}
	return rest == 1
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// linksIn lists the addresses in running text, each once.
func linksIn(s string) []string {
	var out []string
	seen := map[string]bool{}
	for _, found := range within.FindAllString(s, -1) {
		found = strings.TrimRight(found, ".,;:!?)]}'\"")
		if len(out) < maxLinks && found != "" && !seen[found] {
			seen[found] = true
			out = append(out, found)
		}
	}
	if len(within.FindAllStringIndex(s, maxLinks+1)) > maxLinks {
		out = append(out, s) // too many to tell apart: the text itself is one
	}
	return out
}

// carriedBy is what a URL carries besides naming a page: user, query and
// fragment. A query in a URL's form without a scheme counts too.
func carriedBy(s string) string {
	if !strings.ContainsAny(s, "?#@") || !isAddress(s) || mailAddress.MatchString(s) && !strings.Contains(s, "://") {
		return ""
	}
	rest := s
	if i := strings.Index(s, "://"); i >= 0 {
		rest = s[i+3:]
	}
	var parts []string
	if user, _, ok := strings.Cut(strings.SplitN(rest, "/", 2)[0], "@"); ok {
		parts = append(parts, user)
	}
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		for _, pair := range strings.FieldsFunc(rest[i+1:], func(r rune) bool { return strings.ContainsRune("&#;", r) }) {
			name, value, ok := strings.Cut(pair, "=")
			if !ok {
				value = name
			}
			if plain, err := url.QueryUnescape(value); err == nil {
				value = plain
			}
			if strings.TrimSpace(value) != "" {
				parts = append(parts, value)
			}
		}
	}
	return strings.Join(parts, "\n")
}

// secrets are forms that keys and codes have, whoever issues them, and the words
// that stand before them.
var secretForms = []*regexp.Regexp{
	regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----`),
	regexp.MustCompile(`\b(sk|pk|rk)[-_](live|test|proj|ant|or)?[-_]?[A-Za-z0-9_-]{16,}`),
	regexp.MustCompile(`\b(gh[pousr]|glpat|xox[abprs]|hf|npm|AIza|ya29)[-_.]?[A-Za-z0-9_-]{16,}`),
	regexp.MustCompile(`\b(AKIA|ASIA)[A-Z0-9]{16}\b`),
	regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`),
	regexp.MustCompile(`AGE-SECRET-KEY-1[A-Z0-9]+`),
	regexp.MustCompile(`(?i)\b(pass(word|phrase|code)|(secret|private|access|api)[ _-]?(key|token)|one[- ]time (code|password)|(security|verification|login|2fa|otp|auth\w*) (code|pin)|recovery (code|phrase)|seed phrase|cvv|pin)\b\s*(is|are|was|[:=])\s*["'\x60]?[^\s"'\x60]{3,}`),
}

// holdsSecret reports whether a text holds what looks like a secret.
func holdsSecret(s string) bool {
	for _, form := range secretForms {
		if form.MatchString(s) {
			return true
		}
	}
	return false
}
