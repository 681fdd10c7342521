package cell_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/ambithost/ambit/host/cell"
	"github.com/ambithost/ambit/host/cell/confine"
	"github.com/ambithost/ambit/host/cell/hostile"
	"github.com/ambithost/ambit/sdk/protocol"
)

func TestInspect(t *testing.T) {
	t.Parallel()
	d := newDriver(t, nil)
	s := moduleSpec(t, hostile.Echo())
	found, err := d.Inspect(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(found.Exports, "call") || len(found.Imports) == 0 || len(found.Measures) == 0 {
		t.Errorf("inspection: %+v", found)
	}
	drafts, err := filepath.Glob(filepath.Join(filepath.Dir(s.Cache), ".compile-*"))
	if err != nil || len(drafts) > 0 {
		t.Errorf("left behind: %v, %v", drafts, err)
	}
	native, err := d.Inspect(t.Context(), nativeSpec(t))
	if err != nil || !slices.Contains(native.Exports, "echo") {
		t.Errorf("native: %+v, %v", native, err)
	}
}

func TestInspectRefuses(t *testing.T) {
	t.Parallel()
	d := newDriver(t, nil)
	for attack, names := range map[string]string{"forbidden import": "env.spawn", "component": ""} {
		s := moduleSpec(t, hostileModule(t, attack))
		for what, do := range map[string]func() error{
			"inspect": func() error { _, err := d.Inspect(t.Context(), s); return err },
			"start":   func() error { _, err := d.Start(t.Context(), s); return err },
		} {
			err := do()
			wantCode(t, err, protocol.Invalid)
			if refusal, ok := errors.AsType[*cell.Refusal](err); !ok || refusal.Import != names {
				t.Errorf("%s of %s: %v, want a refusal that names %q", what, attack, err, names)
			}
		}
	}
}

// TestColdCache: a cache that is empty, or of another version of the runtime,
// is filled again, by a cell that compiles; a running cell can't write to it.
func TestColdCache(t *testing.T) {
	t.Parallel()
	d := newDriver(t, nil)
	s := moduleSpec(t, hostile.Echo())
	for range 2 {
		c := start(t, d, s)
		if out, err := c.Call(t.Context(), cell.Call{Export: "call", Input: []byte("x")}); err != nil || string(out) != "x" {
			t.Errorf("call: %q, %v", out, err)
		}
		c.Kill()
		<-c.Done()
		if err := os.RemoveAll(s.Cache); err != nil {
			t.Fatal(err)
		}
	}
}

// TestInspectAgain: what was compiled is taken over and not compiled again; when
// it is damaged, it is. What comes of it is the host's property either way.
func TestInspectAgain(t *testing.T) {
	t.Parallel()
	d := newDriver(t, nil)
	s := moduleSpec(t, hostile.Echo())
	inspect := func() map[string]string {
		t.Helper()
		if found, err := d.Inspect(t.Context(), s); err != nil || !slices.Contains(found.Exports, "call") {
			t.Fatalf("inspection: %+v, %v", found, err)
		}
		return compiledFiles(t, s.Cache)
	}
	inspect()
	folders, err := filepath.Glob(filepath.Join(s.Cache, "*"))
	if err != nil || len(folders) != 1 {
		t.Fatalf("the cache: %v, %v", folders, err)
	}
	mark := filepath.Join(folders[0], "mark") // goes with the folder, if that is made anew
	if err := os.WriteFile(mark, []byte("of the first"), 0o644); err != nil {
		t.Fatal(err)
	}
	inspect()
	if _, err := os.Stat(mark); err != nil {
		t.Error("what was compiled before was not taken over")
	}
	for name := range compiledFiles(t, s.Cache) {
		if err := os.WriteFile(filepath.Join(s.Cache, name), []byte("damaged"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range inspect() {
		if content == "damaged" {
			t.Errorf("%s is still damaged", name)
		}
	}
	c := start(t, d, s)
	if out, err := c.Call(t.Context(), cell.Call{Export: "call", Input: []byte("x")}); err != nil || string(out) != "x" {
		t.Errorf("call: %q, %v", out, err)
	}
}

// compiledFiles reads a cache and checks that only the host can write to it.
func compiledFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	if err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if uid := int(info.Sys().(*syscall.Stat_t).Uid); info.Mode().Perm()&0o022 != 0 || uid != os.Geteuid() {
			t.Errorf("%s can be changed by others: %v, owner %d", path, info.Mode(), uid)
		}
		if e.IsDir() {
			return nil
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		found[name] = string(b)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestSpecIsChecked(t *testing.T) {
	t.Parallel()
	d := newDriver(t, nil)
	good := guestSpec(t)
	for name, spoil := range map[string]func(*cell.Spec){
		"name":    func(s *cell.Spec) { s.Plugin = "../x" },
		"runtime": func(s *cell.Spec) { s.Runtime = "python" },
		"module":  func(s *cell.Spec) { s.Module = "relative.wasm" },
		"cache":   func(s *cell.Spec) { s.Cache = "relative" },
		"digest":  func(s *cell.Spec) { s.Digest = "md5:1" },
		"folder":  func(s *cell.Spec) { s.Module = os.TempDir() },
	} {
		s := good
		spoil(&s)
		_, err := d.Start(t.Context(), s)
		if err == nil || protocol.CodeOf(err) != protocol.Invalid {
			t.Errorf("%s: %v, want the code invalid", name, err)
		}
	}
	absent := good
	absent.Module = filepath.Join(t.TempDir(), "absent")
	_, err := d.Start(t.Context(), absent)
	wantCode(t, err, protocol.Unavailable)
}

func TestLongRunDir(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a-rather-long-name-for-a-folder", "and-another-one-that-is-not-short-either", "run")
	d, err := cell.NewDriver(cell.Config{Binary: runner(t), RunDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	c := start(t, d, guestSpec(t))
	if _, err := c.Call(t.Context(), cell.Call{Export: "echo"}); err != nil {
		t.Error(err)
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	d := newDriver(t, nil)
	measures, err := d.Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := start(t, d, guestSpec(t))
	if got, want := confine.Isolation(measures), c.Isolation(); got != want {
		t.Errorf("a probe finds %q, a cell %q: %+v", got, want, measures)
	}
}

func TestClosedDriver(t *testing.T) {
	t.Parallel()
	d, err := cell.NewDriver(cell.Config{Binary: runner(t), RunDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	c, err := d.Start(t.Context(), guestSpec(t))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	if !ended(c.PID()) {
		t.Error("the cell outlived its driver")
	}
	_, err = d.Start(t.Context(), guestSpec(t))
	wantCode(t, err, protocol.Unavailable)
}

// TestHTTP: Extism's http_request is the effect http.request and nothing else.
func TestHTTP(t *testing.T) {
	t.Parallel()
	trap, err := net.Listen("tcp", "127.0.0.1:0") // where the redirect points
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the cell reached the network") })}
	go server.Serve(trap)
	defer server.Close()
	c := start(t, newDriver(t, nil), guestSpec(t))
	var asked []string
	fetch := func(answer string, refuse error) (string, error) {
		asked = nil
		out, err := c.Call(t.Context(), cell.Call{Export: "fetch", Input: []byte("https://api.example.org/v1?q=1"),
			Effect: func(_ context.Context, name string, args []byte) ([]byte, error) {
				asked = append(asked, name+" "+string(args))
				return []byte(answer), refuse
			}})
		return string(out), err
	}
	out, err := fetch(`{"status":200,"headers":{"X-Answer":["a","b"]},"body":"hello","url":"https://api.example.org/v1"}`, nil)
	if err != nil || out != "200 a,b hello" {
		t.Errorf("fetch = %q, %v", out, err)
	}
	var args struct {
		Method, URL, Body string
		Headers           map[string][]string
	}
	if len(asked) != 1 || asked[0][:13] != "http.request " || json.Unmarshal([]byte(asked[0][13:]), &args) != nil {
		t.Fatalf("asked for %q", asked)
	}
	if args.Method != "POST" || args.URL != "https://api.example.org/v1?q=1" || args.Body != "the body" || args.Headers["X-Test"][0] != "yes" {
		t.Errorf("asked for %+v", args)
	}
	out, err = fetch(`{"status":302,"headers":{"Location":"http://`+trap.Addr().String()+`/"},"body_base64":"bW92ZWQ="}`, nil)
	if err != nil || out != "302  moved" || len(asked) != 1 {
		t.Errorf("a redirect: %q, %v, asked %d times", out, err, len(asked))
	}
	_, err = fetch("", protocol.Errorf(protocol.Denied, "this host is not granted"))
	wantCode(t, err, protocol.Denied)
	contains(t, "the error", err.Error(), "this host is not granted")
}
