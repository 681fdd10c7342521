package main

import (
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/sdk/plugintest"
)

func call(t *testing.T, w *plugintest.World, tool string, args map[string]any) (text string, isError bool) {
	t.Helper()
	return plugintest.CallTool(t, plugintest.Direct(notes(), nil), w.Effect, tool, args)
}

func TestLife(t *testing.T) {
	t.Parallel()
	w := &plugintest.World{Now: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)}
	for _, step := range []struct {
		tool string
		args map[string]any
		want string
	}{
		{"list", nil, noNotes},
		{"search", map[string]any{"query": "tea"}, "No note holds all of: tea\n"},
		{"write", map[string]any{"name": "Ann's tea", "text": "x"}, "invalid: name \"Ann's tea\": want 1 to 80 letters, digits, spaces, dashes or underscores"},
		{"write", map[string]any{"name": "tea", "text": "Ann likes green tea."}, `Wrote note "tea", 21 bytes.`},
		{"append", map[string]any{"name": "tea", "text": "No sugar."}, `Added to note "tea", now 31 bytes.`},
		{"append", map[string]any{"name": "new", "text": "begun"}, `Added to note "new", now 6 bytes.`},
		{"read", map[string]any{"name": "tea.md"}, "Ann likes green tea.\nNo sugar.\n"},
		{"list", nil, "new (6 bytes, changed 2026-07-01 12:00)\ntea (31 bytes, changed 2026-07-01 12:00)\n"},
		{"search", map[string]any{"query": "SUGAR ann"}, "tea\n  1: Ann likes green tea.\n  2: No sugar.\n"},
		{"delete", map[string]any{"name": "tea"}, `Deleted note "tea".`},
		{"delete", map[string]any{"name": "tea"}, `There is no note "tea".`},
		{"read", map[string]any{"name": "tea"}, `not_found: there is no note "tea"; list shows those there are`},
	} {
		if got, _ := call(t, w, step.tool, step.args); got != step.want {
			t.Errorf("%s %v:\ngot  %q\nwant %q", step.tool, step.args, got, step.want)
		}
	}
	if b, ok := w.File("notes/new.md"); !ok || string(b) != "begun\n" {
		t.Errorf("notes/new.md is %q, %v", b, ok)
	}
}

// TestNames: what a model is talked into naming never leaves the folder.
func TestNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", " ", "../secret", "a/b", `a\b`, ".hidden", "a\x00b", "a\nb", "..", "con:", strings.Repeat("x", 81), "\u202etxt"} {
		for _, tool := range []string{"write", "append", "read", "delete"} {
			w := new(plugintest.World)
			args := map[string]any{"name": name}
			if tool == "write" || tool == "append" {
				args["text"] = "x"
			}
			if got, isError := call(t, w, tool, args); !isError || len(w.Effects()) > 0 {
				t.Errorf("%s of %q: %s, effects %v", tool, name, got, w.Effects())
			}
		}
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	w := new(plugintest.World)
	if got, isError := call(t, w, "write", map[string]any{"name": "big", "text": strings.Repeat("x", maxNote)}); !isError || !strings.HasPrefix(got, "limit: ") {
		t.Errorf("writing too much: %.200s", got)
	}
	// The owner wrote this one, without a last newline.
	w.SetFile("notes/mine.md", []byte("a"))
	call(t, w, "append", map[string]any{"name": "mine", "text": "b"})
	if b, _ := w.File("notes/mine.md"); string(b) != "a\nb\n" {
		t.Errorf("after append: %q", b)
	}
	w.SetFile("notes/mine.md", []byte(strings.Repeat("é", maxNote)))
	if got, _ := call(t, w, "read", map[string]any{"name": "mine"}); len(got) > maxNote+200 || !strings.Contains(got, "(cut: ") {
		t.Errorf("reading too much: %d bytes", len(got))
	}
	if got, _ := call(t, w, "search", map[string]any{"query": "é"}); len(got) > 1000 {
		t.Errorf("searching a long line: %d bytes", len(got))
	}
}

func TestDuties(t *testing.T) {
	t.Parallel()
	plugintest.Run(t, plugintest.Config{
		Manifest: plugintest.Manifest(t, "plugin.yaml"),
		Open:     func(*testing.T) plugintest.Plugin { return plugintest.Direct(notes(), nil) },
		Effect: func() plugintest.Effect {
			w := new(plugintest.World)
			w.SetFile("notes/sample.md", []byte("A sample.\n"))
			return w.Effect
		},
	})
}
