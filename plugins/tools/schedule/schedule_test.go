package main

import (
	"strings"
	"testing"

	"github.com/ambithost/ambit/sdk/plugintest"
)

func TestPlans(t *testing.T) {
	t.Parallel()
	w := new(plugintest.World)
	for _, step := range []struct {
		tool string
		args map[string]any
		want string
	}{
		{"list", nil, "You have planned nothing."},
		{"add", map[string]any{"text": "water the plants"}, "invalid: say when by exactly one of at, every and cron"},
		{"add", map[string]any{"text": "x", "at": "18:00", "every": "1h"}, "invalid: say when by exactly one of at, every and cron"},
		{"add", map[string]any{"text": "water the plants", "at": "18:00", "name": "plants"}, "Planned s1 (plants), 18:00."},
		{"add", map[string]any{"text": strings.Repeat("a long\nthought ", 50), "cron": "0 9 * * *"}, "Planned s2, 0 9 * * *."},
		{"cancel", map[string]any{"id": "s9"}, `not_found: schedule.cancel: this plugin made no schedule "s9"`},
		{"cancel", map[string]any{"id": "s1"}, "Cancelled s1."},
	} {
		if got, _ := plugintest.CallTool(t, plugintest.Direct(schedule(), nil), w.Effect, step.tool, step.args); got != step.want {
			t.Errorf("%s %v:\ngot  %q\nwant %q", step.tool, step.args, got, step.want)
		}
	}
	got, _ := plugintest.CallTool(t, plugintest.Direct(schedule(), nil), w.Effect, "list", nil)
	if plans := w.Plans(); len(plans) != 1 || strings.Count(got, "\n") != 1 || len([]rune(got)) > 260 || !strings.HasPrefix(got, "s2, 0 9 * * *: a long thought") {
		t.Errorf("the list: %q", got)
	}
}

func TestDuties(t *testing.T) {
	t.Parallel()
	plugintest.Run(t, plugintest.Config{
		Manifest: plugintest.Manifest(t, "plugin.yaml"),
		Open:     func(*testing.T) plugintest.Plugin { return plugintest.Direct(schedule(), nil) },
		Effect: func() plugintest.Effect {
			w := new(plugintest.World)
			if _, err := w.Effect(t.Context(), "schedule.create", []byte(`{"text":"a sample","every":"1h"}`)); err != nil {
				t.Error(err)
			}
			return w.Effect
		},
		Args: map[string]string{"add": `{"text":"a sample","every":"1h"}`, "cancel": `{"id":"s1"}`},
	})
}
