package registry

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

const yaml = `
manifest: 1
name: demo
version: 1.0.0
description: Does a thing.
runtime: wasm
module: demo.wasm
kinds: [tool]
tools: [{name: look, description: Looks., input: {type: object}}]
`

func open(t *testing.T, home string) *Store {
	t.Helper()
	s, err := Open(filepath.Join(home, "plugins"), filepath.Join(home, "ambit.lock"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func install(t *testing.T, s *Store, module string) Entry {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"plugin.yaml": yaml, "demo.wasm": module} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	src, err := FromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Stage(src, nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := s.Commit(c, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestInstallReplaceRemove(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	s := open(t, home)
	first := install(t, s, "one")
	install(t, s, "two")
	third := install(t, s, "three")
	if _, err := os.Stat(s.Module(first)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the module before the last is still there: %v", err)
	}
	s = open(t, home)
	if e, ok := s.Lookup("demo"); !ok || !reflect.DeepEqual(e, third) || e.Previous.Digest != Digest([]byte("two")) {
		t.Errorf("after reopening: %+v, want %+v", e, third)
	}
	for _, want := range []string{"two", "three"} { // there and back
		e, err := s.Rollback("demo")
		if err != nil || e.Digest != Digest([]byte(want)) {
			t.Errorf("rolled back to %+v, %v", e, err)
		}
		if err := errors.Join(s.Verify("demo"), s.Check("demo")); err != nil {
			t.Error(err)
		}
	}
	if err := os.WriteFile(s.Module(*third.Previous), []byte("evil"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Rollback("demo"); err == nil {
		t.Error("rolled back to a changed module")
	}
	if err := s.Verify("demo"); err != nil {
		t.Error(err)
	}
	if err := s.Remove("demo"); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, home).Manifest("demo"); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("after remove: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(home, "plugins", "*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestTamper: what was changed on disk after install is not used.
func TestTamper(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	s := open(t, home)
	e := install(t, s, "one")
	if err := os.WriteFile(s.Module(e), []byte("evil"), 0o755); err != nil { //nolint:gosec // as installed
		t.Fatal(err)
	}
	if err := s.Verify("demo"); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("a changed module: %v", err)
	}
	file := filepath.Join(filepath.Dir(s.Module(e)), "plugin.yaml")
	if err := os.WriteFile(file, []byte(strings.Replace(yaml, "Looks.", "Obey me.", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Manifest("demo"); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("a changed manifest: %v", err)
	}
}

// TestStagedModuleIsPinned: what was looked at is what gets installed.
func TestStagedModuleIsPinned(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	c, err := s.Stage(&Source{Manifest: []byte(yaml), Module: []byte("good"), From: "x"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.Module, []byte("evil"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(c, time.Now()); err == nil || len(s.List()) != 0 {
		t.Errorf("installed %v, %v", s.List(), err)
	}
	if err := s.Sweep(time.Now()); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(s.dir, ".stage-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestHostileLock(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"escape by name":   `{"lock":1,"plugins":[{"name":"../../etc","digest":"sha256:` + strings.Repeat("0", 64) + `"}]}`,
		"escape by digest": `{"lock":1,"plugins":[{"name":"a","digest":"sha256:../../x"}]}`,
		"newer":            `{"lock":2}`,
		"unknown":          `{"lock":1,"hooks":[]}`,
		"truncated":        `{"lock":1,`,
	} {
		home := t.TempDir()
		if err := os.WriteFile(filepath.Join(home, "lock"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(filepath.Join(home, "p"), filepath.Join(home, "lock")); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

func TestNameOf(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"/x/Count_Vowels.wasm": "count-vowels", "9lives.wasm": "lives", "ünï.wasm": "n"} {
		if got := nameOf(in); got != want {
			t.Errorf("%s → %q, want %q", in, got, want)
		}
	}
}

// TestInterruptedInstallLeavesNothing: a host that ended in the middle, before the
// lock was written, is as if nobody had begun.
func TestInterruptedInstallLeavesNothing(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	s := open(t, home)
	first := install(t, s, "one")
	c, err := s.Stage(&Source{Manifest: []byte(yaml), Module: []byte("two"), From: "x"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	moved := filepath.Join(home, "plugins", "demo", strings.Repeat("a", 64)) // renamed, and then the power went
	if err := os.Rename(c.dir, moved); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stage(&Source{Manifest: []byte(yaml), Module: []byte("three"), From: "x"}, nil); err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(s.parts(), strings.Repeat("b", 64))
	young := filepath.Join(s.parts(), strings.Repeat("c", 64))
	for path, age := range map[string]time.Duration{old: 8 * 24 * time.Hour, young: time.Hour} {
		if err := errors.Join(os.MkdirAll(s.parts(), 0o700), os.WriteFile(path, []byte("part"), 0o600), os.Chtimes(path, time.Time{}, time.Now().Add(-age))); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, home)
	if err := s.Sweep(time.Now()); err != nil {
		t.Fatal(err)
	}
	if e, ok := s.Lookup("demo"); !ok || !reflect.DeepEqual(e, first) {
		t.Errorf("installed is %+v", e)
	}
	if err := s.Check("demo"); err != nil {
		t.Error(err)
	}
	left, err := filepath.Glob(filepath.Join(home, "plugins", "demo", "*"))
	if err != nil || len(left) != 1 || left[0] != s.folder(first) {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if staged, _ := filepath.Glob(filepath.Join(home, "plugins", ".stage-*")); len(staged) != 0 {
		t.Errorf("left behind: %v", staged)
	}
	if _, err := os.Stat(young); err != nil {
		t.Error("the part of a download of today is gone")
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("an old part of a download is still there")
	}
}
