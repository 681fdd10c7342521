package cli

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ambithost/ambit/host/control"
)

// TestMain lets scripts run this test binary as `ambit`.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"ambit": func() { os.Exit(Main()) }})
}

// TestScripts runs testdata/*.txtar: each against a control server of its own
// over a backend in memory. A script whose name begins with "alone" has none.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			home := filepath.Join(env.WorkDir, "home")
			env.Setenv("AMBIT_HOME", home)
			env.Setenv("TZ", "UTC")
			if filepath.Base(env.WorkDir)[:min(12, len(filepath.Base(env.WorkDir)))] == "script-alone" {
				return nil
			}
			stop, err := serveMemory(home)
			if err != nil {
				return err
			}
			env.Defer(stop)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "eventually": eventually},
	})
}

// exits runs ambit and wants exactly this exit code: exits 3 call mail/send
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE ARGUMENTS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec("ambit", args[1:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("ambit: %v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("ambit %v exited with %d, want %d", args[1:], got, want)
	}
}

func serveMemory(home string) (stop func(), err error) {
	lock, err := control.Lock(home)
	if err != nil {
		return nil, err
	}
	lis, err := control.Listen(lock)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	m := newMemory()
	m.folder = filepath.Join(home, "policy")
	s, err := control.New(control.Config{Backend: m})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.Serve(ctx, lis)
		_ = lock.Close()
	}()
	return func() { cancel(); <-ended }, nil
}

// eventually runs ambit until it succeeds.
func eventually(ts *testscript.TestScript, _ bool, args []string) {
	for ts.Exec("ambit", args...) != nil {
	}
}
