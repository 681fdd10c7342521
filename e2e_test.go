package main_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ambithost/ambit/host/cli"
	"github.com/ambithost/ambit/plugins"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"ambit": func() { os.Exit(cli.Main()) },
	})
}

// TestScripts runs the command line end to end: a real host, real cells, the
// first-party plugins. Each script has a home of its own.
func TestScripts(t *testing.T) {
	t.Parallel()
	if len(plugins.List()) == 0 {
		t.Skip("the first-party plugins are not built: make plugins")
	}
	testscript.Run(t, testscript.Params{
		Dir:      filepath.Join("testdata", "script"),
		Cmds:     map[string]func(*testscript.TestScript, bool, []string){"nowhere": nowhere},
		Deadline: time.Now().Add(8 * time.Minute),
		Setup: func(e *testscript.Env) error {
			e.Setenv("AMBIT_HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("NO_COLOR", "1")
			e.Setenv("SPY_SECRET", "canary-5e1f") // must reach no plugin
			return nil
		},
	})
}

// nowhere fails when a file below a folder holds a text: nowhere TEXT FOLDER.
func nowhere(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: nowhere TEXT FOLDER")
	}
	read := 0
	ts.Check(filepath.WalkDir(ts.MkAbs(args[1]), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		read++
		if bytes.Contains(b, []byte(args[0])) {
			return fmt.Errorf("%s holds %q", path, args[0])
		}
		return err
	}))
	if read == 0 {
		ts.Fatalf("%s has no files", args[1])
	}
}
