package main

import (
	"strings"
	"testing"

	"github.com/ambithost/ambit/sdk/plugintest"
)

func TestRun(t *testing.T) {
	t.Parallel()
	task := map[string]any{"task": "read it", "tools": []string{"web/fetch"}}
	for name, c := range map[string]struct {
		text, reason, notice, want string
	}{
		"done":          {"It says no.", "done", "", "It says no."},
		"cut off":       {"So far: no.", "limit", "The turn ended after 24 steps.", "The sub-agent did not finish (limit). The turn ended after 24 steps.\nIts last words:\nSo far: no."},
		"without words": {"", "failed", "The turn ended: no model.", "the sub-agent ended without a word (failed). The turn ended: no model."},
	} {
		w := &plugintest.World{Agent: func(task string, tools []string) (string, string, string) {
			if task != "read it" || len(tools) != 1 || tools[0] != "web/fetch" {
				t.Errorf("%s: it was told %q, %q", name, task, tools)
			}
			return c.text, c.reason, c.notice
		}}
		if got, _ := plugintest.CallTool(t, plugintest.Direct(delegate(), nil), w.Effect, "run", task); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestDuties(t *testing.T) {
	t.Parallel()
	plugintest.Run(t, plugintest.Config{
		Manifest: plugintest.Manifest(t, "plugin.yaml"),
		Open:     func(*testing.T) plugintest.Plugin { return plugintest.Direct(delegate(), nil) },
		Effect:   func() plugintest.Effect { return new(plugintest.World).Effect },
		Args:     map[string]string{"run": `{"task":"a sample","tools":["notes/read"]}`},
	})
}
