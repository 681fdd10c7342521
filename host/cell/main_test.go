package cell_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/ambithost/ambit/host/cell"
	"github.com/ambithost/ambit/sdk/manifest"
)

// secret is in the environment of the tests' host. No cell may see it.
const secret = "CELL_TEST_SECRET_91ab"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "host" { // one that a test kills
		os.Exit(doomedHost(os.Args[2:]))
	}
	os.Setenv("CELL_TEST_SECRET", secret)
	code := m.Run()
	for _, dir := range builtIn {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

var builtIn []string // folders of built guests; written under the Onces below

func build(name string, env []string, args ...string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		dir, err := os.MkdirTemp("", "cell-test")
		if err != nil {
			return "", err
		}
		builtInMu.Lock()
		builtIn = append(builtIn, dir)
		builtInMu.Unlock()
		if err := os.Chmod(dir, 0o755); err != nil {
			return "", err
		}
		out := filepath.Join(dir, name)
		cmd := exec.Command("go", append([]string{"build", "-trimpath", "-ldflags=-s -w", "-o", out}, args...)...)
		cmd.Env = append(os.Environ(), env...)
		if text, err := cmd.CombinedOutput(); err != nil {
			return "", errors.New(string(text))
		}
		return out, nil
	})
}

var (
	builtInMu sync.Mutex
	goGuest   = build("guest.wasm", []string{"GOOS=wasip1", "GOARCH=wasm"}, "-buildmode=c-shared", "./testdata/guest")
	goNative  = build("native", []string{"CGO_ENABLED=0"}, "./testdata/native")
	goRunner  = build("ambit", []string{"CGO_ENABLED=0"}, "./runner")
	goDynamic = build("dynamic", []string{"CGO_ENABLED=1"}, "./testdata/dynamic")
)

// guestCache compiles the Go guest once for all tests.
var guestCache = sync.OnceValues(func() (string, error) {
	file, err := goGuest()
	if err != nil {
		return "", err
	}
	dir := filepath.Dir(file)
	runner, err := goRunner()
	if err != nil {
		return "", err
	}
	d, err := cell.NewDriver(cell.Config{Binary: runner, RunDir: dir})
	if err != nil {
		return "", err
	}
	defer d.Close()
	cache := filepath.Join(dir, "cache")
	_, err = d.Inspect(context.Background(), cell.Spec{Plugin: "guest", Runtime: manifest.Wasm, Module: file, Cache: cache})
	return cache, err
})

// runner is the cells' executable.
func runner(t testing.TB) string {
	t.Helper()
	file, err := goRunner()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func newDriver(t testing.TB, log hclog.Logger) *cell.Driver {
	t.Helper()
	d, err := cell.NewDriver(cell.Config{Binary: runner(t), RunDir: t.TempDir(), Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// guestSpec is the Go guest; its compiled form is shared by all tests.
func guestSpec(t testing.TB) cell.Spec {
	t.Helper()
	file, err := goGuest()
	if err != nil {
		t.Fatal(err)
	}
	cache, err := guestCache()
	if err != nil {
		t.Fatal(err)
	}
	return cell.Spec{Plugin: "guest", Runtime: manifest.Wasm, Module: file, Cache: cache, Timeout: time.Minute}
}

func nativeSpec(t testing.TB) cell.Spec {
	t.Helper()
	file, err := goNative()
	if err != nil {
		t.Fatal(err)
	}
	return cell.Spec{Plugin: "native", Runtime: manifest.Native, Module: file, Timeout: time.Minute, MemoryMB: 64}
}

// moduleSpec writes a module and gives it a cache of its own.
func moduleSpec(t testing.TB, module []byte) cell.Spec {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "module.wasm")
	if err := os.WriteFile(file, module, 0o600); err != nil {
		t.Fatal(err)
	}
	return cell.Spec{Plugin: "small", Runtime: manifest.Wasm, Module: file, Cache: filepath.Join(dir, "cache"), Timeout: time.Minute}
}

func start(t testing.TB, d *cell.Driver, s cell.Spec) *cell.Cell {
	t.Helper()
	c, err := d.Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// logBuffer collects what is logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBuffer) logger() hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Output: l, Level: hclog.Trace})
}

// eventually waits for what the cell does in its own time.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for range 1000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

func contains(t testing.TB, where, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("%s holds no %q: %s", where, w, text)
		}
	}
}
