package plugins

import (
	"bytes"
	"compress/gzip"
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ambithost/ambit/sdk/manifest"
)

func packed(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestOpen(t *testing.T) {
	t.Parallel()
	fsys := fstest.MapFS{
		"dist/.keep":             {},
		"dist/a/plugin.yaml":     {Data: []byte("name: a")},
		"dist/a/a.wasm.gz":       {Data: packed(t, "module")},
		"dist/torn/plugin.yaml":  {Data: []byte("name: torn")},
		"dist/torn/torn.wasm.gz": {Data: packed(t, strings.Repeat("module", 100))[:40]},
		"dist/none/plugin.yaml":  {Data: []byte("name: none")},
	}
	b, err := open(fsys, "a")
	if err != nil || b.Name != "a" || b.File != "a.wasm" || string(b.Manifest) != "name: a" || string(b.Module) != "module" {
		t.Errorf("open a: %+v, %v", b, err)
	}
	for name, want := range map[string]string{"b": `no first-party plugin "b"; there are: a, torn`, "../dist/a": "no first-party plugin", "": "no first-party plugin",
		"torn": "first-party plugin torn: ", "none": "0 modules instead of one"} {
		if _, err := open(fsys, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("open %q: %v, want %q", name, err, want)
		}
	}
	if got := list(fsys); len(got) != 2 || got[0].Name != "a" || got[0].Module != nil {
		t.Errorf("list: %+v", got)
	}
}

func TestBuiltWithout(t *testing.T) {
	t.Parallel()
	if _, err := open(fstest.MapFS{"dist/.keep": {}}, "web"); !errors.Is(err, ErrNotBuilt) {
		t.Errorf("got %v", err)
	}
}

// TestEmbedded: what is inside this program is whole.
func TestEmbedded(t *testing.T) {
	t.Parallel()
	if len(List()) == 0 {
		t.Skip(ErrNotBuilt)
	}
	for _, b := range List() {
		opened, err := Open(b.Name)
		if err != nil {
			t.Error(err)
			continue
		}
		m, err := manifest.Parse(opened.Manifest)
		if err != nil || m.Name != b.Name || m.Module != b.File || len(opened.Module) == 0 {
			t.Errorf("%s: %+v, %d bytes, %v", b.Name, m, len(opened.Module), err)
		}
	}
}
