package main

import (
	"strings"
	"testing"

	"github.com/ambithost/ambit/sdk/plugintest"
)

func TestRemembers(t *testing.T) {
	t.Parallel()
	w := new(plugintest.World)
	for _, step := range []struct {
		tool string
		args map[string]any
		want string
	}{
		{"recall", nil, "There are no notes."},
		{"remember", map[string]any{"name": "tea.md", "text": "Ann drinks green tea."}, `Remembered as "tea".`},
		{"remember", map[string]any{"name": "tea", "text": "No sugar.", "append": true}, `Added to note "tea".`},
		{"recall", map[string]any{"query": "green"}, "tea (32 bytes, changed 2026-07-01T12:00:00Z by plugin:memory)\nAnn drinks green tea.\nNo sugar.\n"},
		{"recall", map[string]any{"name": "tea"}, "tea (32 bytes, changed 2026-07-01T12:00:00Z by plugin:memory)\nAnn drinks green tea.\nNo sugar.\n"},
		{"recall", map[string]any{}, "tea (32 bytes, changed 2026-07-01T12:00:00Z by plugin:memory)\n"},
		{"recall", map[string]any{"query": "coffee"}, `No note holds any word of "coffee".`},
		{"recall", map[string]any{"query": "a", "name": "b"}, "invalid: give a query or a name, not both"},
		{"forget", map[string]any{"name": "tea"}, `Forgot note "tea". This conversation still holds what was said in it.`},
		{"forget", map[string]any{"name": "tea"}, `not_found: memory.write: there is no note "tea"`},
	} {
		if got, _ := plugintest.CallTool(t, plugintest.Direct(memory(), nil), w.Effect, step.tool, step.args); got != step.want {
			t.Errorf("%s %v:\ngot  %q\nwant %q", step.tool, step.args, got, step.want)
		}
	}
}

// TestHead: what the model reads of a note says where it came from.
func TestHead(t *testing.T) {
	t.Parallel()
	n := note{Name: "forwarding", Bytes: 5, Changed: "2026-07-01", By: "agent:main", Labels: []string{"private", "untrusted"}}
	if got := n.head(); !strings.HasSuffix(got, "by agent:main, made from what is private and untrusted)") {
		t.Error(got)
	}
}

func TestDuties(t *testing.T) {
	t.Parallel()
	plugintest.Run(t, plugintest.Config{
		Manifest: plugintest.Manifest(t, "plugin.yaml"),
		Open:     func(*testing.T) plugintest.Plugin { return plugintest.Direct(memory(), nil) },
		Effect: func() plugintest.Effect {
			w := new(plugintest.World)
			if _, err := w.Effect(t.Context(), "memory.write", []byte(`{"name":"sample","text":"a sample"}`)); err != nil {
				t.Error(err)
			}
			return w.Effect
		},
		Args: map[string]string{"forget": `{"name":"sample"}`},
	})
}
