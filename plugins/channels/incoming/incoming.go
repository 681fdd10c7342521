// Package incoming makes what a messaging service says about people, files and
// errors fit to be shown and stored. All of it was chosen by somebody else.
package incoming

import (
	"path"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/ambithost/ambit/sdk/channel"
)

// Line makes a server's text fit for an error: on one line, cut.
func Line(s string) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "\uFFFD"), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
	return Clip(s, 300)
}

// Clip cuts text to a number of bytes, between runes.
func Clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "")
}

// Name makes what a person calls itself fit for a line: no control or
// formatting characters, at most [channel.MaxID] bytes.
func Name(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || r == '\u200d' { // joins the parts of emoji
			return r
		}
		return ' '
	}, strings.ToValidUTF8(s, ""))
	return Clip(strings.Join(strings.Fields(s), " "), channel.MaxID)
}

// FileName keeps of a name that somebody chose what is a name and no path.
func FileName(s string) string {
	s = Name(path.Base(strings.ReplaceAll(s, `\`, "/")))
	if strings.Trim(s, "./ ") == "" {
		return "file"
	}
	return s
}

var mediaType = regexp.MustCompile(`^[a-z]+/[a-z0-9][a-z0-9.+-]{0,100}$`)

// MediaType is s if it is one, without parameters' room for tricks.
func MediaType(s string) string {
	if s = strings.ToLower(s); mediaType.MatchString(s) {
		return s
	}
	return "application/octet-stream"
}

// Lines puts lines together that say something.
func Lines(lines ...string) string {
	var said []string
	for _, l := range lines {
		if l != "" {
			said = append(said, l)
		}
	}
	return strings.Join(said, "\n")
}

// Backoff is how long to wait after so many failures in a row: a second, then
// twice as long each time, up to a minute.
func Backoff(fails int) time.Duration {
	return min(time.Second<<min(max(fails-1, 0), 6), time.Minute)
}
