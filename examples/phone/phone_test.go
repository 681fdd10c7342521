package main

import (
	"strings"
	"testing"

	"github.com/ambithost/ambit/sdk/plugintest"
)

func TestCalls(t *testing.T) {
	t.Parallel()
	w := &plugintest.World{}
	for _, step := range []struct {
		tool    string
		args    map[string]any
		want    string
		isError bool
	}{
		{"log", nil, "Nobody was called.", false},
		{"call", map[string]any{"number": "+442079460000", "message": "A table for two."}, "Called +442079460000", false},
		{"call", map[string]any{"number": "999", "message": "x"}, "+442079460000", true},
		{"call", map[string]any{"number": "+442079460000", "message": " "}, "something to say", true},
		{"log", nil, "+442079460000: A table for two.\n", false},
	} {
		got, isError := plugintest.CallTool(t, plugintest.Direct(phone(), nil), w.Effect, step.tool, step.args)
		if !strings.Contains(got, step.want) || isError != step.isError {
			t.Errorf("%s %v: %q, %v", step.tool, step.args, got, isError)
		}
	}
}

// TestDuties holds the plugin to what a host relies on.
func TestDuties(t *testing.T) {
	t.Parallel()
	plugintest.Run(t, plugintest.Config{
		Manifest: plugintest.Manifest(t, "plugin.yaml"),
		Open:     func(*testing.T) plugintest.Plugin { return plugintest.Direct(phone(), nil) },
		Args:     map[string]string{"call": `{"number": "+442079460000", "message": "hello"}`},
	})
}
