package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ambithost/ambit/sdk/plugintest"
)

func TestLedger(t *testing.T) {
	t.Parallel()
	w := &plugintest.World{}
	for _, step := range []struct{ tool, args, want string }{
		{"ledger", `{"card":"play"}`, "Nothing was charged."},
		{"charge", `{"amount":1205,"currency":"USD","merchant":"Book Depot"}`, "Charged 12.05 USD to Book Depot"},
		{"charge", `{"amount":-5,"currency":"USD","merchant":"x"}`, "above 0"},
		{"charge", `{"amount":5}`, "missing"},
		{"ledger", `{"card":"play"}`, "12.05 USD to Book Depot"},
		{"ledger", `{"card":"gold"}`, "not_found"},
	} {
		got, _ := plugintest.CallTool(t, plugintest.Direct(bank(), nil), w.Effect, step.tool, json.RawMessage(step.args))
		if !strings.Contains(got, step.want) {
			t.Errorf("%s %s: %s; want %q in it", step.tool, step.args, got, step.want)
		}
	}
}

// TestManifest holds the manifest to the vocabulary and to the source.
func TestManifest(t *testing.T) {
	t.Parallel()
	m := plugintest.Manifest(t, "plugin.yaml")
	for _, tool := range bank().Tools {
		spec, ok := m.Tool(tool.Name)
		if !ok || !json.Valid([]byte(tool.Input)) || spec.Description != tool.Description {
			t.Errorf("tool %s differs between manifest and source", tool.Name)
		}
	}
}
