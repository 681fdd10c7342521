package notebook_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ambithost/ambit/host/notebook"
	"github.com/ambithost/ambit/host/store"
	"github.com/ambithost/ambit/sdk/protocol"
)

type desk struct {
	*notebook.Keeper
	t     *testing.T
	index *index
	dir   string
}

// index is a real one that can be told to fail.
type index struct {
	*store.Store
	puts int // that still succeed; negative: all do
}

var errIndex = errors.New("the disk is full")

func (x *index) PutNote(ctx context.Context, r notebook.Record, text *string) error {
	if x.puts == 0 {
		return errIndex
	}
	x.puts--
	return x.Store.PutNote(ctx, r, text)
}

func open(t *testing.T, l notebook.Limits) *desk {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	d := &desk{t: t, dir: t.TempDir(), index: &index{s, -1}}
	d.restart(l)
	return d
}

// restart is what the host does when it starts.
func (d *desk) restart(l notebook.Limits) {
	d.t.Helper()
	k, err := notebook.New(notebook.Config{Index: d.index, Folder: func(string) (string, error) { return d.dir, nil }, Default: "main", Limits: l})
	if err != nil {
		d.t.Fatal(err)
	}
	d.Keeper = k
}

func (d *desk) write(name, text string, labels ...string) notebook.Record {
	d.t.Helper()
	r, err := d.Write(d.t.Context(), notebook.Entry{Name: name, Text: text, Labels: labels, By: "plugin:memory", Source: &notebook.Source{Session: "s"}})
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}

func (d *desk) byHand(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) names(query string) string {
	d.t.Helper()
	found, err := d.Search(d.t.Context(), "", query, 10)
	if err != nil {
		d.t.Fatal(err)
	}
	var names []string
	for _, f := range found {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func (d *desk) read(name string) notebook.Note {
	d.t.Helper()
	n, err := d.Read(d.t.Context(), "main", name)
	if err != nil {
		d.t.Fatal(err)
	}
	return n
}

func TestByHand(t *testing.T) {
	t.Parallel()
	d := open(t, notebook.Limits{})
	d.write("tea", "Ann drinks green tea.", "untrusted")
	info, err := os.Stat(filepath.Join(d.dir, "tea.md"))
	if err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("the file: %v %v", info, err)
	}
	d.byHand("tea.md", "Ann drinks black tea.\n")
	if d.names("green") != "" || d.names("black") != "tea" {
		t.Error("a change by hand was not noticed")
	}
	if n := d.read("tea"); n.By != "owner" || !slices.Equal(n.Labels, []string{"untrusted"}) || n.Text != "Ann drinks black tea.\n" || len(n.Sources) != 1 {
		t.Errorf("changed by hand: %+v", n)
	}
	d.byHand("bins.md", "The bins go out on Tuesday.")
	if n := d.read("bins"); n.By != "owner" || n.Labels != nil && len(n.Labels) > 0 {
		t.Errorf("made by hand: %+v", n)
	}
	if err := os.Remove(filepath.Join(d.dir, "tea.md")); err != nil {
		t.Fatal(err)
	}
	if d.names("black") != "" || d.names("bins tuesday") != "bins" {
		t.Error("a removal by hand was not noticed")
	}
	d.byHand("tea.md", "Tea again.")
	if n := d.read("tea"); len(n.Labels) > 0 {
		t.Errorf("a new note of an old name has the labels %v", n.Labels)
	}

	// An editor that keeps time and size is noticed when the host starts.
	info, err = os.Stat(filepath.Join(d.dir, "bins.md"))
	if err != nil {
		t.Fatal(err)
	}
	d.byHand("bins.md", "The bins go out on Thusday.")
	if err := os.Chtimes(filepath.Join(d.dir, "bins.md"), info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	d.restart(notebook.Limits{})
	if d.names("thusday") != "bins" {
		t.Error("what an editor hid was not noticed at the start")
	}
}

// TestNotANote: what is no plain file with a note's name is left alone, said, and
// never followed.
func TestNotANote(t *testing.T) {
	t.Parallel()
	d := open(t, notebook.Limits{NoteBytes: 20, Notes: 2})
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("canary"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(d.dir, "link.md")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(d.dir, "folder.md"), 0o700); err != nil {
		t.Fatal(err)
	}
	d.byHand("a.b.md", "x")
	d.byHand("big.md", strings.Repeat("x", 30))
	d.byHand(".swp", "x")
	d.byHand("readme.txt", "x")
	d.byHand(".note-LEFT", "half a note")
	d.byHand("one.md", "x")
	d.byHand("two.md", "x")
	d.byHand("zoo.md", "x")
	list, skipped, err := d.List(t.Context(), "")
	if err != nil || len(list) != 2 || list[0].Name != "one" || list[1].Name != "two" || len(skipped) != 5 {
		t.Errorf("%+v %q %v", list, skipped, err)
	}
	if d.names("canary") != "" {
		t.Error("a link was followed")
	}
	if _, err := os.Stat(filepath.Join(d.dir, ".note-LEFT")); !os.IsNotExist(err) {
		t.Error("what an interrupted write left is still there")
	}
	for _, name := range []string{"link", "big", "folder", "zoo"} {
		if _, err := d.Write(t.Context(), notebook.Entry{Name: name, Text: "x"}); err == nil {
			t.Errorf("%s was written over", name)
		}
	}
	if b, err := os.ReadFile(secret); string(b) != "canary" {
		t.Errorf("behind the link: %q %v", b, err)
	}

	// One that grew too large keeps its labels until it is a note again.
	d = open(t, notebook.Limits{NoteBytes: 20})
	d.write("tea", "green", "untrusted")
	d.byHand("tea.md", strings.Repeat("x", 30))
	if d.names("green") != "" {
		t.Error("the old text is found")
	}
	d.byHand("tea.md", "black")
	if n := d.read("tea"); !slices.Equal(n.Labels, []string{"untrusted"}) {
		t.Errorf("labels %v", n.Labels)
	}
}

// TestCrashes: whatever the write was cut off after, the labels are those of the
// text that is there, or more.
func TestCrashes(t *testing.T) {
	t.Parallel()
	for puts := range 3 {
		d := open(t, notebook.Limits{})
		d.write("tea", "the owner's", "private")
		d.index.puts = puts
		_, err := d.Write(t.Context(), notebook.Entry{Name: "tea", Text: "a stranger's", Labels: []string{"untrusted"}})
		if (err == nil) != (puts == 2) {
			t.Fatalf("%d: %v", puts, err)
		}
		d.index.puts = -1
		d.restart(notebook.Limits{})
		n := d.read("tea")
		if strings.HasPrefix(n.Text, "a stranger's") && !slices.Contains(n.Labels, "untrusted") || strings.HasPrefix(n.Text, "the owner's") && !slices.Contains(n.Labels, "private") {
			t.Errorf("after %d: %q has the labels %v", puts, n.Text, n.Labels)
		}
		if d.names(map[bool]string{true: "stranger", false: "owner"}[puts > 0]) != "tea" {
			t.Errorf("after %d: the text is not found", puts)
		}
	}
	// And to forget, cut off after the file, is finished by the next look.
	d := open(t, notebook.Limits{})
	d.write("tea", "green", "untrusted")
	if err := os.Remove(filepath.Join(d.dir, "tea.md")); err != nil {
		t.Fatal(err)
	}
	d.restart(notebook.Limits{})
	if d.names("green") != "" {
		t.Error("what was forgotten is found")
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	d := open(t, notebook.Limits{NoteBytes: 40, Notes: 2, Bytes: 60})
	d.write("a", "one", "x")
	r, err := d.Write(t.Context(), notebook.Entry{Name: "a", Text: "two", Append: true, Labels: []string{"y", "x", "y"}})
	if err != nil || !slices.Equal(r.Labels, []string{"x", "y"}) || d.read("a").Text != "one\ntwo\n" {
		t.Errorf("appended: %+v %v", r, err)
	}
	if r := d.write("a", "three"); len(r.Labels) > 0 || d.read("a").Text != "three\n" {
		t.Errorf("replaced: %+v", r)
	}
	was := d.read("a").Digest
	d.write("a", "four", "z")
	if _, err := d.Write(t.Context(), notebook.Entry{Name: "a", Text: "five", Was: &was}); !errors.Is(err, notebook.ErrChanged) {
		t.Errorf("over a change: %v", err)
	}
	was = d.read("a").Digest
	if r, err := d.Write(t.Context(), notebook.Entry{Name: "a", Text: "five", Was: &was, Keep: true, By: "owner"}); err != nil || !slices.Equal(r.Labels, []string{"z"}) || len(r.Sources) != 1 {
		t.Errorf("%+v %v", r, err)
	}
	d.write("b", strings.Repeat("b", 30))
	for name, e := range map[string]notebook.Entry{
		"a long note": {Name: "a", Text: strings.Repeat("x", 40)}, "much in all": {Name: "a", Text: strings.Repeat("x", 35)}, "many": {Name: "c", Text: "x"},
		"by and by": {Name: "b", Text: strings.Repeat("x", 20), Append: true},
	} {
		if _, err := d.Write(t.Context(), e); protocol.CodeOf(err) != protocol.Limit {
			t.Errorf("%s: %v", name, err)
		}
	}
	n, err := d.Forget(t.Context(), "", "a")
	if err != nil || n.Text != "five\n" {
		t.Errorf("forgotten: %+v %v", n, err)
	}
	if _, err := d.Read(t.Context(), "", "a"); protocol.CodeOf(err) != protocol.NotFound {
		t.Errorf("read after it: %v", err)
	}
}

func TestPassages(t *testing.T) {
	t.Parallel()
	p := notebook.PassagesOf("# Ann\n\n- Ann drinks \"green\" tea <at> home\nno\n", "1234")
	message, err := json.Marshal(map[string]any{"text": "As you know, Ann drinks \"green\" tea <at> home, no?", "keep": map[string]string{"raw": "x"}, "n": json.Number("12345678901234567890")})
	if err != nil {
		t.Fatal(err)
	}
	if !p.In(message) || p.In([]byte(`{"text":"Ann drinks tea"}`)) || p.Empty() || !notebook.PassagesOf("", "ab").Empty() {
		t.Error("what is looked for is not what is found")
	}
	got, err := p.WithoutJSON(message)
	if want := `{"n":12345678901234567890,"text":"As you know, [forgotten], no?"}`; err != nil || string(got) != want {
		t.Errorf("%s %v", got, err)
	}
	nested, err := json.Marshal(string(message))
	if err != nil || !p.In(nested) {
		t.Errorf("JSON within JSON: %s %v", nested, err)
	}
	if got := p.Without("the pin is 1234."); got != "the pin is [forgotten]." {
		t.Error(got)
	}
}

func FuzzNames(f *testing.F) {
	for _, s := range []string{"tea", "../x", "a b", "é", "a\x00", "CON", " x", "x.md", strings.Repeat("é", 90)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if notebook.CheckName(name) != nil {
			return
		}
		if !utf8.ValidString(name) || !filepath.IsLocal(name+".md") || filepath.Base(name+".md") != name+".md" || strings.ContainsAny(name, "/\\\x00\n\x1b.:") {
			t.Errorf("%q is a note's name", name)
		}
	})
}

// FuzzSearch: no query is an error, whatever is in it.
func FuzzSearch(f *testing.F) {
	for _, s := range []string{`"`, "NEAR(", "a AND b", "*", "é\x00", "name:x", "\xff", "´`'"} {
		f.Add(s)
	}
	s, err := store.Open(context.Background(), filepath.Join(f.TempDir(), "state.db"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	dir := f.TempDir()
	k, err := notebook.New(notebook.Config{Index: s, Folder: func(string) (string, error) { return dir, nil }, Default: "main", Now: time.Now})
	if err != nil {
		f.Fatal(err)
	}
	if _, err := k.Write(context.Background(), notebook.Entry{Name: "a", Text: "near and far"}); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, query string) {
		if _, err := k.Search(t.Context(), "", query, 5); err != nil {
			t.Errorf("%q: %v", query, err)
		}
	})
}
