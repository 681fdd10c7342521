// Package cli is Ambit's command line: parse, call the control API, print.
// Entry point: [Main]. It holds no logic of its own; every command is a client
// of host/control, but for `up`, which is the host, and `cell`, which is a
// plugin's process.
//
// Results go to stdout and everything else to stderr. Whatever a plugin, a
// model or a web page could have written passes [clean] before it is printed.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"

	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitDenied = 3
	exitKilled = 4
)

// Main runs the command line and returns the exit code. As `ambit cell` it is
// a plugin's process and nothing else.
func Main() (code int) {
	if len(os.Args) > 1 && os.Args[1] == "cell" {
		return runCell()
	}
	defer func() {
		if v := recover(); v != nil {
			reportDefect(os.Stderr, v, debug.Stack())
			code = exitFailed
		}
	}()
	ctx, stop := signal.NotifyContext(context.Background(), endSignals()...)
	defer stop()
	// After the first signal the second one ends us the hard way.
	defer context.AfterFunc(ctx, stop)()
	a := newApp()
	defer a.close()
	return a.run(ctx, os.Args[1:])
}

// reportDefect says what to report. The trace goes into a file, not into the
// face of a person.
func reportDefect(w io.Writer, v any, stack []byte) {
	fmt.Fprintf(w, "ambit: this is a defect in ambit, not something you did: %s\n", line(fmt.Sprint(v)))
	f, err := os.CreateTemp("", "ambit-defect-*.txt")
	if err == nil {
		fmt.Fprintf(f, "ambit %s\n%v\n%s", versionText(), v, stack)
		err = f.Close()
	}
	if err != nil {
		fmt.Fprintf(w, "Please report it, with version %s and the command you gave.\n", versionText())
		return
	}
	fmt.Fprintf(w, "Please report it, with the command you gave and this file: %s\n", f.Name())
}

// usageError is an error in how the command was given.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// errSilent ends a command with code 1 after it has said all there is to say.
var errSilent = errors.New("already reported")

// saidError is an error whose text is on the screen already.
type saidError struct{ err error }

func (e *saidError) Error() string { return e.err.Error() }
func (e *saidError) Unwrap() error { return e.err }

// run executes one command.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err := root.ExecuteContext(ctx)
	if err != nil && !a.begun { // cobra did not get as far as our code
		err = &usageError{err}
	}
	a.report(ctx, err)
	return exitCode(err)
}

func exitCode(err error) int {
	if err == nil {
		return exitDone
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	switch protocol.CodeOf(err) {
	case protocol.Denied, protocol.Declined, protocol.DryRun, protocol.Revoked:
		return exitDenied
	case protocol.Killed:
		return exitKilled
	}
	return exitFailed
}

// report prints what happened, and on a line of its own what to do.
func (a *app) report(ctx context.Context, err error) {
	switch {
	case err == nil || errors.Is(err, errSilent):
		return
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(a.err, "ambit: interrupted")
		return
	}
	e, known := errors.AsType[*control.Error](err)
	if !known {
		fmt.Fprintf(a.err, "ambit: %s\n", block(strings.TrimSpace(err.Error())))
		return
	}
	text := e.Message
	if e.Code == protocol.Internal {
		text = "this is a defect in ambit: " + text
	}
	if e.Rule != "" {
		text += " (rule " + e.Rule
		if e.Revision != "" {
			text += ", policy " + e.Revision
		}
		text += ")"
	}
	if _, said := errors.AsType[*saidError](err); !said {
		fmt.Fprintf(a.err, "ambit: %s\n", block(text))
	}
	if e.Hint != "" {
		fmt.Fprintf(a.err, "       %s\n", line(e.Hint))
	}
}
