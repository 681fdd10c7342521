package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal opens a pseudo-terminal (pty(7)): what is written to the first file
// is typed into the second.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Skip(err)
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Skip(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = program.Close() })
	return person, program
}

// atTerminal runs ambit with all three streams on a terminal, types when the
// prompt is there, and returns all that the screen showed.
func atTerminal(t *testing.T, prompt, typed string, args ...string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ambit")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	home := filepath.Join(dir, "home")
	stop, err := serveMemory(home)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	person, program := terminal(t)
	s := newScreen()
	read := make(chan struct{})
	go func() {
		defer close(read)
		b := make([]byte, 4096)
		for {
			n, err := person.Read(b)
			_, _ = s.Write(b[:n])
			if err != nil { // EIO, once no program has it open
				return
			}
		}
	}()
	cmd := &exec.Cmd{Path: os.Args[0], Args: append([]string{"ambit"}, args...), Stdin: program, Stdout: program, Stderr: program,
		Env: []string{"AMBIT_HOME=" + home, "TERM=xterm", "TZ=UTC"}}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if prompt != "" {
		s.await(prompt)
		if _, err := person.WriteString(typed); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("ambit %v: %v\n%s", args, err, s)
	}
	_ = program.Close()
	<-read
	return s.String()
}

func TestSecretIsNotShown(t *testing.T) {
	t.Parallel()
	out := atTerminal(t, "(it is not shown): ", "s3cret\r", "secret", "set", "KEY")
	if strings.Contains(out, "s3cret") || !strings.Contains(out, "Stored KEY.") {
		t.Errorf("the screen showed %q", out)
	}
}

func TestColourOnATerminalOnly(t *testing.T) {
	t.Parallel()
	if out := atTerminal(t, "", "", "status"); !strings.Contains(out, "\x1b[32mAmbit is running\x1b[0m") {
		t.Errorf("no colour: %q", out)
	}
	if out := atTerminal(t, "", "", "plugin", "list"); strings.Contains(out, "\x1b]") || strings.Contains(out, "\x1b[2J") || !strings.Contains(out, "\x1b[31mcrashed") {
		t.Errorf("got %q", out)
	}
}
