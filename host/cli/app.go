package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ambithost/ambit/host/control"
)

// app is one run of the command line: where it reads and writes, and whom it
// asks.
type app struct {
	in       *bufio.Reader
	out, err io.Writer
	inTTY    bool // a person may be asked
	outTTY   bool // results may be drawn anew in place
	errTTY   bool // progress may be shown
	color    bool // of stdout
	errColor bool // of stderr
	now      func() time.Time

	homeFlag string
	home     string
	json     bool
	begun    bool // the arguments were understood
	client   *control.Client
}

func newApp() *app {
	plain := os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb"
	a := &app{
		in:     bufio.NewReader(os.Stdin),
		out:    os.Stdout,
		err:    os.Stderr,
		inTTY:  isTerminal(os.Stdin),
		outTTY: isTerminal(os.Stdout) && os.Getenv("TERM") != "dumb",
		errTTY: isTerminal(os.Stderr) && os.Getenv("TERM") != "dumb",
		now:    time.Now,
	}
	a.color = isTerminal(os.Stdout) && !plain
	a.errColor = isTerminal(os.Stderr) && !plain
	return a
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) } //nolint:gosec // a descriptor fits

func (a *app) close() {
	if a.client != nil {
		a.client.Close()
	}
}

// begin runs before every command, once its arguments are known to be right.
func (a *app) begin() error {
	a.begun = true
	home, err := homeDir(a.homeFlag)
	if err != nil {
		return err
	}
	a.home, a.client = home, control.NewClient(home)
	return nil
}

// homeDir is AMBIT_HOME, or ambit in the user's data folder.
func homeDir(flag string) (string, error) {
	dir := flag
	if dir == "" {
		dir = os.Getenv("AMBIT_HOME")
	}
	if dir == "" {
		data, err := dataDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(data, "ambit")
		if runtime.GOOS != "linux" {
			dir = filepath.Join(data, "Ambit")
		}
	}
	return filepath.Abs(dir)
}

// dataDir is where the system wants a user's data: XDG_DATA_HOME, on macOS
// Application Support, on Windows %LocalAppData%.
func dataDir() (string, error) {
	switch runtime.GOOS {
	case "windows":
		if dir := os.Getenv("LocalAppData"); dir != "" {
			return dir, nil
		}
	case "darwin":
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, "Library", "Application Support"), nil
		}
	default:
		// A relative one is to be ignored, says the specification.
		if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
			return dir, nil
		}
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, ".local", "share"), nil
		}
	}
	return "", usagef("there is no data folder for this user: set AMBIT_HOME to a folder of your choice")
}

// jsonFlag gives a command that prints data --json.
func (a *app) jsonFlag(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().BoolVar(&a.json, "json", false, "print JSON, as in docs/control-api.md")
	return cmd
}

// writeJSON prints v for programs. Characters that a terminal obeys are
// escaped: JSON is printed to terminals too.
func (a *app) writeJSON(v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("JSON: %w", err)
	}
	_, err = fmt.Fprintf(a.out, "%s\n", escapeJSON(b))
	return err
}

// writeList prints a list for programs.
func writeList[T any](a *app, items []T) error {
	if items == nil {
		items = []T{}
	}
	return a.writeJSON(control.List[T]{Items: items})
}

// writeJSONLine prints one value of a stream.
func (a *app) writeJSONLine(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("JSON: %w", err)
	}
	_, err = fmt.Fprintf(a.out, "%s\n", escapeJSON(b))
	return err
}
