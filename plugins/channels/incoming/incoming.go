// Package incoming makes what a messaging service says about people, files and
// errors fit to be shown and stored, all of it chosen by somebody else; and it ends
// a poll.
package incoming

import (
	"encoding/json"
	"path"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/ambithost/ambit/sdk"
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

// Next is the end of a poll: what arrived, the cursor, and the request that the
// host makes next.
func Next(cursor any, events []channel.Event, r sdk.Request, w channel.Wait) (channel.Polled, error) {
	args, err := r.Args()
	if err != nil {
		return channel.Polled{}, err
	}
	at, err := json.Marshal(cursor)
	if err != nil {
		return channel.Polled{}, err
	}
	w.Request = args
	return channel.Polled{Events: events, Cursor: at, Next: w}, nil
}

// Later is the wait after so many failures: as long as the service asked for, else
// longer each time. What is wrong is said unless it is the first failure and may
// pass by itself; what will not pass is asked less often.
func Later(fails int, asked time.Duration, said string, lasting bool) channel.Wait {
	wait := Backoff(fails)
	if asked > 0 {
		wait = asked
	}
	if lasting {
		wait = max(wait, 15*time.Second)
	}
	w := channel.Wait{After: wait.Milliseconds()}
	if lasting || fails > 1 {
		w.Trouble = said
	}
	return w
}
