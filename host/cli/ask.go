package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// answer reads one line of what a person types. The end of the input is no
// answer.
func (a *app) answer() (string, error) {
	s, err := a.in.ReadString('\n')
	if err != nil && (!errors.Is(err, io.EOF) || s == "") {
		fmt.Fprintln(a.err)
		if errors.Is(err, io.EOF) {
			return "", usagef("there was no answer; nothing was changed")
		}
		return "", err
	}
	if !a.inTTY {
		fmt.Fprintln(a.err) // the terminal would have shown the line break
	}
	return strings.TrimSpace(s), nil
}

// confirm is answer for yes or no; everything but yes is no.
func (a *app) confirm() (bool, error) {
	s, err := a.answer()
	s = strings.ToLower(s)
	return s == "y" || s == "yes", err
}
