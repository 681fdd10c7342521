package main

import (
	"testing"

	"github.com/ambithost/ambit/sdk/plugintest"
)

func TestSend(t *testing.T) {
	t.Parallel()
	w := new(plugintest.World)
	for _, c := range []struct {
		args map[string]any
		want string
	}{
		{map[string]any{"to": "ann", "text": "Dinner at eight?"}, "The message to ann is on its way."},
		{map[string]any{"to": "ann"}, `invalid: arguments of send: "text" is missing`},
	} {
		if got, _ := plugintest.CallTool(t, plugintest.Direct(messages(), nil), w.Effect, "send", c.args); got != c.want {
			t.Errorf("%v: %q, want %q", c.args, got, c.want)
		}
	}
	if sent := w.Sent(); len(sent) != 1 || sent[0] != "Dinner at eight?" {
		t.Errorf("sent %q", sent)
	}
}

func TestDuties(t *testing.T) {
	t.Parallel()
	plugintest.Run(t, plugintest.Config{
		Manifest: plugintest.Manifest(t, "plugin.yaml"),
		Open:     func(*testing.T) plugintest.Plugin { return plugintest.Direct(messages(), nil) },
	})
}
