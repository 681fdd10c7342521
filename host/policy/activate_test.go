package policy

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

const denyClock = "package ambit.owner.a\n\ndeny contains \"no\" if input.action.name == \"clock.read\"\n"
const denyKV = "package ambit.owner.b\n\ndeny contains \"no\" if input.action.name == \"http.request\"\n"

func revisionOf(t *testing.T, folder string) string {
	t.Helper()
	return open(t, Layer{Name: ownerLayer, Dir: folder}).Revision()
}

func TestActivate(t *testing.T) {
	t.Parallel()
	l := owner(t, map[string]string{"a.rego": denyClock, "notes.txt": "mine"})
	e := open(t, l)
	first := e.Revision()
	next := owner(t, map[string]string{"sub/b.rego": denyKV, "b_cases.yaml": "cases: []\n"})
	after := revisionOf(t, next.Dir)

	// A bad file never gets in force, nor does what nobody was shown.
	bad := owner(t, map[string]string{"a.rego": "package ambit.base\n"})
	for _, c := range []struct{ folder, before, after string }{
		{bad.Dir, first, after}, {next.Dir, "000000000000", after}, {next.Dir, first, "000000000000"}, {filepath.Join(next.Dir, "none"), first, first},
	} {
		if err := e.Activate(t.Context(), c.folder, c.before, c.after); err == nil || e.Revision() != first {
			t.Errorf("%+v was taken: %v", c, err)
		}
		if b, err := os.ReadFile(filepath.Join(l.Dir, "a.rego")); err != nil || string(b) != denyClock {
			t.Errorf("%+v touched the owner's files", c)
		}
	}
	if err := e.Activate(t.Context(), next.Dir, "000000000000", after); !errors.Is(err, ErrMoved) {
		t.Error(err)
	}

	if err := e.Activate(t.Context(), next.Dir, first, after); err != nil {
		t.Fatal(err)
	}
	if d := decide(t, e, weather()); d.Verdict != Deny || d.Revision != after {
		t.Errorf("%+v", d)
	}
	if err := e.Reload(t.Context()); err != nil || e.Revision() != after {
		t.Errorf("the folder holds something else: %s, %v", e.Revision(), err)
	}
	for name, want := range map[string]bool{"a.rego": false, "sub/b.rego": true, "b_cases.yaml": true, "notes.txt": true} {
		if _, err := os.Stat(filepath.Join(l.Dir, name)); (err == nil) != want {
			t.Errorf("%s: there is %v, want %v", name, err == nil, want)
		}
	}
}

// A host that died between commit and end starts with the new set, whole.
func TestRecoverFinishesAnActivation(t *testing.T) {
	t.Parallel()
	l := owner(t, map[string]string{"a.rego": denyClock, "b.rego": "half"})
	write(t, Layer{Dir: ready(l.Dir)}, "b.rego", denyKV)
	if err := Recover(l.Dir); err != nil {
		t.Fatal(err)
	}
	want := revisionOf(t, owner(t, map[string]string{"b.rego": denyKV}).Dir)
	if got := revisionOf(t, l.Dir); got != want {
		t.Errorf("revision %s, want %s", got, want)
	}
	if err := Recover(l.Dir); err != nil {
		t.Error(err)
	}
}

func TestSaveKeepsRevisions(t *testing.T) {
	t.Parallel()
	l := owner(t, map[string]string{"a.rego": denyClock, "a_cases.yaml": "cases: []\n"})
	e := open(t, l)
	history := filepath.Join(t.TempDir(), "h")
	var last string
	for _, text := range []string{denyClock, denyKV, denyClock + denyKV[len("package ambit.owner.b\n"):]} {
		write(t, l, "a.rego", text)
		if err := e.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			revision, err := e.Save(history, 2)
			if err != nil || revision != e.Revision() {
				t.Fatal(revision, err)
			}
			last = revision
		}
	}
	entries, err := os.ReadDir(history)
	if err != nil || len(entries) != 2 {
		t.Errorf("%d revisions are kept, %v", len(entries), err)
	}
	if got := revisionOf(t, filepath.Join(history, last)); got != last {
		t.Errorf("what was kept as %s is %s", last, got)
	}
}
