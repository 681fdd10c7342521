package manifest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ambithost/ambit/sdk/capability"
)

func TestAdapt(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		in                    ToolSpec
		name, original, input string
		description           string
	}{
		"as it should be":     {ToolSpec{Name: "fetch", Description: "Fetch.", Input: json.RawMessage(`{"type":"object"}`)}, "fetch", "", `{"type":"object"}`, "Fetch."},
		"a name with a dot":   {ToolSpec{Name: "fs.read"}, "fs_read", "fs.read", `{"type":"object"}`, ""},
		"an export of WASI":   {ToolSpec{Name: "_start"}, "start", "_start", `{"type":"object"}`, ""},
		"a schema of no type": {ToolSpec{Name: "a", Input: json.RawMessage(`{"properties":{}}`)}, "a", "", `{"properties":{},"type":"object"}`, ""},
		"hidden characters":   {ToolSpec{Name: "a", Description: "pay\u202e \x1b[31mnow\u200b"}, "a", "", `{"type":"object"}`, "pay [31mnow"},
		"a long description":  {ToolSpec{Name: "a", Description: strings.Repeat("é", 5000)}, "a", "", `{"type":"object"}`, strings.Repeat("é", 4000)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := test.in
			got.Adapt()
			if got.Name != test.name || got.Original != test.original || string(got.Input) != test.input || got.Description != test.description {
				t.Errorf("got %+v (%s)", got, got.Input)
			}
		})
	}
}

// TestEncode: what is written is what is read back, whatever the texts are.
func TestEncode(t *testing.T) {
	t.Parallel()
	m := &Manifest{
		Format: 1, Name: "odd", Version: "1.0.0", Description: "yes: no # - \"quoted\"\nand 'more' \u2028 \U0001f600", Runtime: Wasm, Module: "odd.wasm",
		Kinds: []Kind{Tool}, Interface: Functions, Generated: true,
		Tools: []ToolSpec{
			{Name: "true", Description: "0x10", Input: json.RawMessage(`{"type":"object","properties":{"n":{"enum":["1",1,null,"null","~","<b>"]}}}`), Original: "{a}:*&"},
			{Name: "123", Description: "2020-01-01", Input: json.RawMessage(`{"type":"object"}`)},
		},
		Requires: []Requirement{{Capability: "http.request", Reason: "=1+1", Scope: capability.Scope{Allow: map[string][]string{"hosts": {"example.org"}, "methods": {"*"}, "schemes": {"https"}}}}},
	}
	text, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Parse(text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	want, _ := json.Marshal(m)
	got, _ := json.Marshal(back)
	var a, b any
	if json.Unmarshal(want, &a) != nil || json.Unmarshal(got, &b) != nil {
		t.Fatal("no JSON")
	}
	want, _ = json.Marshal(a) // sorted keys
	got, _ = json.Marshal(b)
	if string(got) != string(want) {
		t.Errorf("got\n%s\nwant\n%s\nof\n%s", got, want, text)
	}
}

func TestInterfaces(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil func(*Manifest)
		want  string
	}{
		"fine":            {func(*Manifest) {}, ""},
		"unknown":         {func(m *Manifest) { m.Interface = "mcp" }, "interface"},
		"a channel too":   {func(m *Manifest) { m.Kinds = append(m.Kinds, Channel) }, "interface"},
		"native":          {func(m *Manifest) { m.Runtime = Native }, "interface"},
		"an odd original": {func(m *Manifest) { m.Tools[0].Original = "a\x1b[31m" }, "original"},
	} {
		m := &Manifest{
			Format: 1, Name: "x", Version: "1.0.0", Description: "x", Runtime: Wasm, Module: "x.wasm", Kinds: []Kind{Tool}, Interface: Functions,
			Tools: []ToolSpec{{Name: "x", Input: json.RawMessage(`{"type":"object","properties":{"input":{"type":"string"}}}`)}},
		}
		test.spoil(m)
		if err := m.Validate(); (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
		if !m.Tools[0].TakesText() {
			t.Errorf("%s: it takes a text", name)
		}
	}
}
