package effects

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ambithost/ambit/sdk/protocol"
)

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func (w *world) files(t *testing.T, scope string) *Call {
	t.Helper()
	w.grant(t, "p", "file.read", `{"paths":`+scope+`}`)
	w.grant(t, "p", "file.write", `{"paths":`+scope+`}`)
	return w.call(t)
}

func TestFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.files(t, `["."]`)
	must(t, c, "file.write", `{"path":"notes/2026/a.md","data_base64":"`+b64("one\n")+`"}`)
	must(t, c, "file.write", `{"path":"notes/2026/a.md","append":true,"data_base64":"`+b64("two\n")+`"}`)
	must(t, c, "file.write", `{"path":"empty","append":true,"data_base64":""}`)
	got := must(t, c, "file.read", `{"path":"notes/2026/a.md"}`)
	if got["data_base64"] != b64("one\ntwo\n") || got["size"] != 8.0 {
		t.Fatalf("got %v", got)
	}
	list := must(t, c, "file.read", `{"path":"."}`)["entries"].([]any)
	if len(list) != 2 || list[0].(map[string]any)["name"] != "empty" || list[1].(map[string]any)["dir"] != true {
		t.Fatalf("list %v", list)
	}
	list = must(t, c, "file.read", `{"path":"notes/2026/"}`)["entries"].([]any)
	if e := list[0].(map[string]any); e["name"] != "a.md" || e["size"] != 8.0 || e["dir"] != false {
		t.Fatalf("list %v", list)
	}
	refused(t, protocol.Invalid, c, "file.read", `{"path":"notes"}`)
	refused(t, protocol.Invalid, c, "file.read", `{"path":"empty/x"}`)
	refused(t, protocol.Invalid, c, "file.write", `{"path":"notes","data_base64":""}`)
	refused(t, protocol.Invalid, c, "file.write", `{"path":"notes","delete":true}`) // not empty
	refused(t, protocol.NotFound, c, "file.read", `{"path":"notes/none"}`)
	refused(t, protocol.NotFound, c, "file.read", `{"path":"none/"}`)
	must(t, c, "file.write", `{"path":"notes/2026/a.md","delete":true}`)
	must(t, c, "file.write", `{"path":"notes/2026/","delete":true}`)
	refused(t, protocol.NotFound, c, "file.write", `{"path":"notes/2026/a.md","delete":true}`)
	for _, args := range []string{`{"path":"a"}`, `{"path":"a","data_base64":"","delete":true}`, `{"path":".","delete":true}`, `{"path":"a/","data_base64":""}`, `{"path":"a","data_base64":"%"}`} {
		refused(t, protocol.Invalid, c, "file.write", args)
	}
}

func TestPathsThatEscape(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	outside := filepath.Join(filepath.Dir(w.dir), "outside")
	if err := os.WriteFile(outside, []byte("private"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := w.files(t, `["*"]`)
	for _, p := range []string{
		"", "/", "/etc/passwd", "..", "../outside", "a/../../outside", "a/..", "./a", "a/.", "a//b", "//a", "a\\b", "..\\outside", "a\x00b", "a\nb", "a\x1b[2Jb",
		"\xff", "a\u202eb", "C:\\x", ".ambit-x", "a/.ambit-x/b", strings.Repeat("a", 256), strings.Repeat("a/", maxParts) + "a", strings.Repeat("a/", 600) + "a", "../", "a/../", "/./",
	} {
		for _, name := range []string{"file.read", "file.write"} {
			args := `{"path":` + quote(p) + `}`
			if name == "file.write" {
				args = `{"path":` + quote(p) + `,"data_base64":"eA=="}`
			}
			if p == "\xff" {
				args = strings.ReplaceAll(args, `\ufffd`, "\xff")
			}
			if m, err := do(t, c, name, args); err == nil && p != "\xff" {
				t.Errorf("%s %q gave %v", name, p, m)
			}
		}
	}
	if b, _ := os.ReadFile(outside); string(b) != "private" {
		t.Error("a file outside was changed")
	}
}

func TestFileQuota(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.Limits.WorkspaceBytes, c.Limits.WorkspaceFiles = 100, 6 })
	c := w.files(t, `["."]`)
	put := func(p string, n int) string {
		return fmt.Sprintf(`{"path":%q,"data_base64":%q}`, p, b64(strings.Repeat("x", n)))
	}
	must(t, c, "file.write", put("a", 60))
	must(t, c, "file.write", put("a", 100)) // replaces
	refused(t, protocol.Limit, c, "file.write", put("b", 1))
	must(t, c, "file.write", `{"path":"a","delete":true}`)
	must(t, c, "file.write", put("b", 50))
	refused(t, protocol.Limit, c, "file.write", `{"path":"b","append":true,"data_base64":"`+b64(strings.Repeat("x", 51))+`"}`)
	refused(t, protocol.Limit, c, "file.write", put("1/2/3/4/5/6", 0)) // folders count
	if _, err := os.Stat(filepath.Join(w.dir, "1")); err == nil {
		t.Error("folders of a refused write were made")
	}
	for i := range 5 {
		must(t, c, "file.write", put(fmt.Sprint("f", i), 0))
	}
	refused(t, protocol.Limit, c, "file.write", put("g", 0))
	refused(t, protocol.Limit, c, "file.write", put("big", maxFile+1))
	if err := os.WriteFile(filepath.Join(w.dir, "big"), make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, protocol.Limit, c, "file.read", `{"path":"big"}`)
}

// TestStaleTemporaryFiles: what a crash left in the middle of a write is cleared
// away, and plugins never see it.
func TestStaleTemporaryFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.files(t, `["."]`)
	stale, fresh := filepath.Join(w.dir, tempPrefix+"OLD"), filepath.Join(w.dir, tempPrefix+"NEW")
	for _, p := range []string{stale, fresh} {
		if err := os.WriteFile(p, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-2 * staleTemp)
	if err := os.Chtimes(stale, old, old); err != nil {
		t.Fatal(err)
	}
	if list := must(t, c, "file.read", `{"path":"."}`)["entries"].([]any); len(list) != 0 {
		t.Errorf("list %v", list)
	}
	must(t, c, "file.write", `{"path":"a","data_base64":""}`)
	if _, err := os.Stat(stale); err == nil {
		t.Error("the stale file is still there")
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Error("a file that may be in use was removed")
	}
}

func TestConcurrentAppends(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.files(t, `["."]`)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if _, err := do(t, c, "file.write", `{"path":"log","append":true,"data_base64":"`+b64("line\n")+`"}`); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := must(t, c, "file.read", `{"path":"log"}`); got["size"] != 50.0 {
		t.Fatalf("size %v", got["size"])
	}
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"a/b", "../x", ".", "a/", "/a", "a\\b", "a/./b", "...", ".ambit-x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		p, _, err := checkPath("file.read", raw)
		if err != nil {
			return
		}
		if !filepath.IsLocal(p) || filepath.ToSlash(filepath.Clean(p)) != p || badName(p) || strings.Contains(p, `\`) {
			t.Fatalf("%q was taken for %q", raw, p)
		}
	})
}
