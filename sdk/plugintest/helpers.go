package plugintest

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Manifest reads the manifest beside a test. A file that can't be read or
// parsed ends the test.
func Manifest(t testing.TB, file string) *manifest.Manifest {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// CallTool calls a tool as a host does and returns the text of its answer, and
// whether that is an error for the model. A call that fails as a whole, or whose
// answer is no tool result, ends the test.
func CallTool(t testing.TB, p Plugin, effect Effect, tool string, args any) (text string, isError bool) {
	t.Helper()
	in, err := json.Marshal(map[string]any{"method": "tools/call", "params": map[string]any{"name": tool, "arguments": args}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Call(t.Context(), protocol.ExportCall, in, effect, nil)
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Content []struct{ Text string }
		IsError bool
	}
	if err := json.Unmarshal(out, &r); err != nil || len(r.Content) == 0 {
		t.Fatalf("%s answered %q: %v", tool, out, err)
	}
	return r.Content[0].Text, r.IsError
}
