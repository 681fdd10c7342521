package main

import (
	"strings"
	"testing"

	"github.com/ambithost/ambit/sdk/plugintest"
)

func world() *plugintest.World {
	return &plugintest.World{Skills: map[string]string{"sample": "Do it well.", "sample/references/rules.md": "Rule 1."}}
}

func TestReading(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tool string
		args map[string]any
		want string
	}{
		{"use", map[string]any{"skill": "sample"}, "Do it well.\n\nFiles of this skill: references/rules.md."},
		{"file", map[string]any{"skill": "sample", "path": "references/rules.md"}, "Rule 1."},
		{"use", map[string]any{"skill": "other"}, "not_found: "},
		{"file", map[string]any{"skill": "sample", "path": "../x"}, "not_found: "},
	} {
		if got, _ := plugintest.CallTool(t, plugintest.Direct(skills(), nil), world().Effect, c.tool, c.args); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s %v: %q, want %q", c.tool, c.args, got, c.want)
		}
	}
}

func TestDuties(t *testing.T) {
	t.Parallel()
	plugintest.Run(t, plugintest.Config{
		Manifest: plugintest.Manifest(t, "plugin.yaml"),
		Open:     func(*testing.T) plugintest.Plugin { return plugintest.Direct(skills(), nil) },
		Effect:   func() plugintest.Effect { return world().Effect },
		Args:     map[string]string{"use": `{"skill":"sample"}`, "file": `{"skill":"sample","path":"references/rules.md"}`},
	})
}
