package cli

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// cleaner takes out of text what a terminal would obey: control characters and
// whole escape sequences, and the characters that reorder or hide what is
// beside them. It remembers where it is, so that a sequence cut in two by
// streaming is still found. The zero cleaner is ready.
type cleaner struct {
	state cleanState
	seen  int // runes of the sequence so far
}

type cleanState int

const (
	ground   cleanState = iota
	escape              // after ESC
	sequence            // in a control sequence (CSI)
	str                 // in a string (OSC, DCS, APC, PM, SOS), until BEL or ST
)

// longestSequence ends a sequence that never ends by itself: what follows is
// text again.
const longestSequence = 4096

// clean returns what may be printed of s.
func (c *cleaner) clean(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		if c.next(r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// next takes one rune and says whether it is text.
func (c *cleaner) next(r rune) bool {
	if c.state != ground {
		if c.seen++; c.seen > longestSequence || r == '\n' {
			c.state = ground // a line break is never swallowed
		}
	}
	if r == 0x1b && c.state != ground { // ends one sequence (ESC \ ends a string) and begins another
		c.state = escape
		return false
	}
	switch c.state {
	case escape:
		switch {
		case r == '[':
			c.state = sequence
		case strings.ContainsRune("]PX^_", r):
			c.state = str
		case r >= 0x20 && r <= 0x2f: // intermediate bytes: one more follows
		default:
			c.state = ground
		}
		return false
	case sequence:
		if r >= 0x40 && r <= 0x7e {
			c.state = ground
		}
		return false
	case str:
		if r == 0x07 || r == 0x9c {
			c.state = ground
		}
		return false
	}
	return c.ground(r)
}

func (c *cleaner) ground(r rune) bool {
	begin := func(s cleanState) bool { c.state, c.seen = s, 0; return false }
	switch {
	case r == 0x1b:
		return begin(escape)
	case r == 0x9b:
		return begin(sequence)
	case r == 0x90, r == 0x98, r == 0x9d, r == 0x9e, r == 0x9f:
		return begin(str)
	case r == '\n', r == '\t':
		return true
	}
	return !deceives(r)
}

// deceives says whether a character is a control, reorders text (the bidi
// controls of Unicode TR 9) or is not there to be seen (tags, zero width).
func deceives(r rune) bool {
	switch {
	case unicode.IsControl(r):
		return true
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x061c:
		return true
	case r >= 0xe0000 && r <= 0xe007f, r == 0x200b, r == 0x2060, r == 0xfeff, r == 0x2028, r == 0x2029:
		return true
	}
	return false
}

// block cleans text of many lines.
func block(s string) string { return new(cleaner).clean(s) }

// line cleans text and makes one line of it.
func line(s string) string { return strings.Join(strings.Fields(block(s)), " ") }

// short is line, cut to n characters.
func short(s string, n int) string {
	s = line(s)
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// cleanWriter cleans what passes through.
type cleanWriter struct {
	w io.Writer
	c cleaner
}

func (cw *cleanWriter) Write(p []byte) (int, error) {
	if _, err := io.WriteString(cw.w, cw.c.clean(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// escapeJSON writes as \uXXXX what encoding/json leaves as it is and a terminal
// might obey. Such characters can only stand inside of strings.
func escapeJSON(b []byte) []byte {
	if !bytes.ContainsFunc(b, jsonDeceives) {
		return b
	}
	var out bytes.Buffer
	for _, r := range string(b) {
		switch {
		case !jsonDeceives(r):
			out.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&out, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return out.Bytes()
}

func jsonDeceives(r rune) bool { return r != '\n' && deceives(r) }
