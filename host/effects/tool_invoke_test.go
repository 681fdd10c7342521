package effects

import (
	"encoding/json"
	"testing"

	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/protocol"
)

// TestToolInput: what a plugin of another host gets, to the byte.
func TestToolInput(t *testing.T) {
	t.Parallel()
	text := json.RawMessage(`{"type":"object","properties":{"input":{"type":"string"}}}`)
	two := json.RawMessage(`{"type":"object","properties":{"input":{"type":"string"},"n":{"type":"integer"}}}`)
	for name, test := range map[string]struct {
		of            manifest.Interface
		input         json.RawMessage
		args          string
		export, gives string
	}{
		"servlet":             {manifest.Servlet, text, `{"input":"a"}`, "call", `{"method":"tools/call","params":{"arguments":{"input":"a"},"name":"its.own"}}`},
		"hyper-mcp":           {manifest.HyperMCP2, text, `{"input":"a"}`, "call_tool", `{"context":{"_meta":{},"id":"e1"},"request":{"arguments":{"input":"a"},"name":"its.own"}}`},
		"a text":              {manifest.Functions, text, `{"input":"{\"a\":1}"}`, "its.own", `{"a":1}`},
		"no text given":       {manifest.Functions, text, `{}`, "its.own", `{}`},
		"a text and a number": {manifest.Functions, two, `{"input":"a"}`, "its.own", `{"input":"a"}`},
	} {
		var values map[string]any
		if err := json.Unmarshal([]byte(test.args), &values); err != nil {
			t.Fatal(err)
		}
		spec := &manifest.ToolSpec{Name: "own", Original: "its.own", Input: test.input}
		export, input, err := toolInput(test.of, spec, []byte(test.args), values, "e1")
		if err != nil || export != test.export || string(input) != test.gives {
			t.Errorf("%s: %s %s, %v", name, export, input, err)
		}
	}
}

// TestTextResult: what a function answers is text, or an error.
func TestTextResult(t *testing.T) {
	t.Parallel()
	if r, err := textResult("x", []byte("a\x1b[31mb")); err != nil || r.Text != clean("a\x1b[31mb") || r.IsError {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := textResult("x", []byte{0xff, 0}); protocol.CodeOf(err) != protocol.Failed {
		t.Errorf("no text: %v", err)
	}
}
