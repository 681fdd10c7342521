package store

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/notebook"
)

// TestFindNotes: a query is words, whatever it looks like.
func TestFindNotes(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	put := func(agent, name, text string) {
		t.Helper()
		if err := s.PutNote(t.Context(), notebook.Record{Agent: agent, Name: name, Digest: "d", Created: time.Now()}, &text); err != nil {
			t.Fatal(err)
		}
	}
	put("main", "tea", "Änne drinks green tea")
	put("main", "tea", "Änne drinks black tea\n")
	put("main", "bins", "The bins go out on Tuesday. NEAR the gate.")
	put("main", "long", strings.Repeat("much text ", 300)+"a needle "+strings.Repeat("and more ", 300))
	put("other", "tea", "Bob drinks tea")
	for _, c := range []struct {
		words []string
		all   bool
		want  string
	}{
		{[]string{"anne", "tea"}, true, "tea"},
		{[]string{"green"}, true, ""},
		{[]string{"BLA"}, true, "tea"},
		{[]string{"NEAR"}, true, "bins"},
		{[]string{"NEAR", "(", "x"}, true, ""},
		{[]string{`"`}, true, ""},
		{[]string{`tea" OR "bins`}, true, ""},
		{[]string{"text", "tea"}, true, ""},
		{[]string{"tea", "tuesday"}, false, "tea bins"},
		{[]string{"needle"}, true, "long"},
		{nil, true, ""},
	} {
		found, err := s.FindNotes(t.Context(), "main", c.words, c.all, 10)
		if err != nil {
			t.Errorf("%q: %v", c.words, err)
			continue
		}
		got := map[string]bool{}
		for _, f := range found {
			got[f.Name] = true
			if f.Agent != "main" || f.Whole == (f.Name == "long") || len(f.Text) > wholeNote || f.Text == "" {
				t.Errorf("%q: %+v", c.words, f)
			}
		}
		if (c.want == "") != (len(got) == 0) || c.want == "tea bins" && len(got) != 2 || c.want != "" && c.want != "tea bins" && (len(got) != 1 || !got[c.want]) {
			t.Errorf("%q: found %v, want %q", c.words, got, c.want)
		}
	}
}
