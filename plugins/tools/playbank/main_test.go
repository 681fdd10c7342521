package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/ambithost/ambit/sdk/manifest"
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
		in := `{"method":"tools/call","params":{"name":"` + step.tool + `","arguments":` + step.args + `}}`
		out, err := plugintest.Direct(bank(), nil).Call(t.Context(), "call", []byte(in), w.Effect, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(out), step.want) {
			t.Errorf("%s %s: %s; want %q in it", step.tool, step.args, out, step.want)
		}
	}
}

// TestManifest holds the manifest to the vocabulary and to the source.
func TestManifest(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("plugin.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, tool := range bank().Tools {
		spec, ok := m.Tool(tool.Name)
		if !ok || !json.Valid([]byte(tool.Input)) || spec.Description != tool.Description {
			t.Errorf("tool %s differs between manifest and source", tool.Name)
		}
	}
}
