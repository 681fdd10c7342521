package policy

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ambithost/ambit/host/policy/bundletest"
)

// layerOf is the layer of an organisation without a release yet.
func layerOf(t *testing.T, o bundletest.Organisation) Layer {
	t.Helper()
	return Layer{Name: orgLayer, Dir: filepath.Join(t.TempDir(), "org", "bundle.tar.gz"), Bundle: &Bundle{Key: o.Public}}
}

// rewritten is a bundle whose files went through a change; "" removes one.
func rewritten(t *testing.T, raw []byte, change func(name, text string) string) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	packed := gzip.NewWriter(&out)
	w := tar.NewWriter(packed)
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		text := change(strings.TrimPrefix(h.Name, "/"), string(b))
		if text == "" && len(b) > 0 {
			continue
		}
		h.Size = int64(len(text))
		if err := errors.Join(w.WriteHeader(h), func() error { _, err := io.WriteString(w, text); return err }()); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), packed.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

const orgRule = "package ambit.org.a\n\ndeny contains \"the organisation says no\" if input.action.name == \"http.request\"\n"

func TestBundleIsALayer(t *testing.T) {
	t.Parallel()
	o := bundletest.New(t)
	l := layerOf(t, o)
	if changed, err := AcceptBundle(l, o.Release(t, 1, map[string]string{"a.rego": orgRule})); err != nil || !changed {
		t.Fatal(changed, err)
	}
	e := open(t, l, owner(t, map[string]string{"b.rego": denyClock}))
	d := decide(t, e, weather())
	if d.Verdict != Deny || !strings.HasPrefix(d.Reasons[0].Rule, "org.a.deny (a.rego:3)") {
		t.Errorf("%+v", d)
	}
	if err := e.Reload(t.Context()); err != nil {
		t.Error(err)
	}
	// A second release takes its place.
	if changed, err := AcceptBundle(l, o.Release(t, 2, map[string]string{"a.rego": strings.ReplaceAll(orgRule, "http.request", "kv.read")})); err != nil || !changed {
		t.Fatal(changed, err)
	}
	if err := e.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := decide(t, e, weather()); d.Verdict != Allow {
		t.Errorf("%+v", d)
	}
}

// Whatever is wrong with a release, the one before stays, on disk and in force.
func TestBadBundlesAreRefused(t *testing.T) {
	t.Parallel()
	o, stranger := bundletest.New(t), bundletest.New(t)
	good := o.Release(t, 5, map[string]string{"a.rego": orgRule, "b.rego": "package ambit.org.b\n\nask contains \"?\" if input.action.name == \"kv.write\"\n"})
	for name, raw := range map[string][]byte{
		"a rule changed": rewritten(t, good, func(_, text string) string { return strings.ReplaceAll(text, "http.request", "kv.read") }),
		"a rule taken out": rewritten(t, good, func(name, text string) string {
			return map[bool]string{true: "", false: text}[name == "b.rego"]
		}),
		"the serial raised": rewritten(t, good, func(name, text string) string { return strings.ReplaceAll(text, `"serial":5`, `"serial":9`) }),
		"no signature": rewritten(t, good, func(name, text string) string {
			return map[bool]string{true: "", false: text}[name == ".signatures.json"]
		}),
		"signed by a stranger": stranger.Release(t, 6, map[string]string{"a.rego": orgRule}),
		"an older release":     o.Release(t, 4, map[string]string{"a.rego": "package ambit.org.a\n"}),
		"another of that name": o.Release(t, 5, map[string]string{"a.rego": "package ambit.org.a\n"}),
		"no serial":            o.Release(t, 0, map[string]string{"a.rego": orgRule}),
		"a rule that widens":   o.Release(t, 6, map[string]string{"a.rego": "package ambit.base\n\nadmitted if true\n"}),
		"allow":                o.Release(t, 6, map[string]string{"a.rego": "package ambit.org.a\n\nallow if true\n"}),
		"half a file":          good[:len(good)/2],
		"no bundle":            []byte("x"),
		"nothing":              nil,
	} {
		l := layerOf(t, o)
		if _, err := AcceptBundle(l, good); err != nil {
			t.Fatal(err)
		}
		if changed, err := AcceptBundle(l, raw); err == nil || changed {
			t.Errorf("%s: was taken", name)
		} else if old := strings.HasPrefix(name, "an"); old != errors.Is(err, ErrRollback) {
			t.Errorf("%s: %v", name, err)
		}
		if b, err := os.ReadFile(l.Dir); err != nil || !bytes.Equal(b, good) {
			t.Errorf("%s: the last good bundle is gone", name)
		}
	}
	if _, err := AcceptBundle(Layer{Name: orgLayer, Dir: layerOf(t, o).Dir, Bundle: &Bundle{Key: "secret"}}, good); err == nil {
		t.Error("a key that is no public key was taken; a signature by HMAC would hold")
	}
}

// A file that was changed on disk is noticed when it is read: a running host
// keeps what it has, and one that starts does not start without it.
func TestTamperedBundleFailsClosed(t *testing.T) {
	t.Parallel()
	o := bundletest.New(t)
	l := layerOf(t, o)
	good := o.Release(t, 1, map[string]string{"a.rego": orgRule})
	if _, err := AcceptBundle(l, good); err != nil {
		t.Fatal(err)
	}
	e := open(t, l)
	first := e.Revision()
	bad := rewritten(t, good, func(_, text string) string { return strings.ReplaceAll(text, "http.request", "kv.read") })
	if err := os.WriteFile(l.Dir, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := e.Reload(t.Context()); err == nil || e.Revision() != first {
		t.Errorf("a tampered bundle is in force: %v", err)
	}
	if d := decide(t, e, weather()); d.Verdict != Deny {
		t.Errorf("%+v", d)
	}
	if _, err := Open(t.Context(), Config{Layers: []Layer{l}}); err == nil {
		t.Error("an engine starts on a tampered bundle")
	}
	if err := os.Remove(l.Dir); err != nil {
		t.Fatal(err)
	}
	if err := e.Reload(t.Context()); err == nil {
		t.Error("a bundle that vanished lifted its rules")
	}
	if _, err := Open(t.Context(), Config{Layers: []Layer{l}}); err == nil {
		t.Error("an engine starts without the organisation's bundle")
	}
}

func TestPackedFolderIsItsBundle(t *testing.T) {
	t.Parallel()
	o := bundletest.New(t)
	folder := t.TempDir()
	rewritten(t, o.Release(t, 1, map[string]string{"sub/a.rego": orgRule}), func(name, text string) string {
		if err := writeSynced(filepath.Join(folder, name), text); err != nil {
			t.Fatal(err)
		}
		return text
	})
	raw, err := PackBundle(folder)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := openBundle(raw, o.Public); err != nil || len(b.files) != 1 || b.files[0].name != "sub/a.rego" {
		t.Errorf("%+v, %v", b, err)
	}
}
