package manifest

import (
	"slices"
	"strings"
	"testing"

	"github.com/ambithost/ambit/sdk/capability"
)

const good = `
manifest: 1
name: demo
version: 1.0.0
description: Does a thing.
runtime: wasm
module: demo.wasm
kinds: [tool]
tools:
  - name: look
    description: Looks.
    input: {type: object, properties: {}}
  - name: pay
    description: Pays.
    capability: card.charge
    input:
      type: object
      required: [amount, currency, merchant]
      properties: {amount: {type: integer}, currency: {type: string}, merchant: {type: string}}
requires:
  - capability: http.request
    scope: {hosts: ["${config.base_url}", "static.example"], methods: [POST]}
    reason: asks the service
`

func TestParse(t *testing.T) {
	t.Parallel()
	if _, err := Parse([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ from, to, want string }{
		"unknown key":         {"runtime: wasm", "runtime: wasm\nhook: rm", "hook"},
		"two documents":       {"manifest: 1", "a: 1\n---\nmanifest: 1", "more than one"},
		"path as module":      {"demo.wasm", "../demo.wasm", "module"},
		"name with escape":    {"name: demo", `name: "de\u001bmo"`, "name"},
		"hidden text":         {"Looks.", `"Looks.\u202e"`, "not allowed"},
		"unknown capability":  {"http.request", "http.everything", "vocabulary"},
		"host power as tool":  {"capability: card.charge", "capability: http.request", "performed by the host"},
		"amount as text":      {"amount: {type: integer}", "amount: {type: string}", "amount"},
		"amount optional":     {"[amount, currency, merchant]", "[currency, merchant]", "amount"},
		"no reason":           {"reason: asks the service", "reason: ''", "reason"},
		"unknown scope key":   {"methods: [POST]", "verbs: [POST]", "verbs"},
		"scope without hosts": {`hosts: ["${config.base_url}", "static.example"], `, "", "hosts"},
		"schema is a list":    {"input: {type: object, properties: {}}", "input: []", "input"},
		"tool twice":          {"name: pay", "name: look", "twice"},
		"format 2":            {"manifest: 1", "manifest: 2", "want 1"},
		"version":             {"version: 1.0.0", "version: one", "version"},
		"unknown destination": {"capability: card.charge", "capability: card.charge\n    destinations: [shop]", "no argument"},
		"unknown content":     {"capability: card.charge", "capability: card.charge\n    contents: [memo]", "no argument"},
		"two roles":           {"capability: card.charge", "capability: card.charge\n    destinations: [merchant]\n    contents: [merchant]", "both"},
		"risk too low":        {"capability: card.charge", "capability: card.charge\n    risk: write", "no less than"},
		"risk unknown":        {"capability: card.charge", "capability: card.charge\n    risk: awful", "risk"},
		"risk of the host":    {"capability: card.charge", "capability: card.charge\n    risk: control", "risk"},
	} {
		text := strings.Replace(good, c.from, c.to, 1)
		if text == good {
			t.Fatalf("%s: nothing was replaced", name)
		}
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v; want an error that mentions %q", name, err, c.want)
		}
	}
	if _, err := Parse(make([]byte, MaxBytes+1)); err == nil {
		t.Error("a huge manifest was read")
	}
}

func TestAsks(t *testing.T) {
	t.Parallel()
	m, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	hosts := func(config map[string]string) []string {
		asks, err := m.Asks(config)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, a := range asks {
			names = append(names, a.Capability)
			if a.Capability == "tool.call" && !slices.Equal(a.Scope.Allow["tools"], []string{"demo/look"}) {
				t.Errorf("tool.call asks for %v", a.Scope)
			}
		}
		if !slices.Equal(names, []string{"card.charge", "http.request", "tool.call"}) {
			t.Errorf("asks for %v", names)
		}
		return asks[1].Scope.Allow["hosts"]
	}
	if got := hosts(map[string]string{"base_url": "https://API.example:443/v1"}); !slices.Equal(got, []string{"api.example", "static.example"}) {
		t.Errorf("hosts %v", got)
	}
	if got := hosts(map[string]string{"base_url": "http://127.0.0.1:11434/v1"}); got[0] != "127.0.0.1:11434" {
		t.Errorf("hosts %v", got)
	}
	if got := hosts(nil); !slices.Equal(got, []string{"static.example"}) {
		t.Errorf("without configuration: hosts %v", got)
	}
	for _, wide := range []string{"*", "*:*", ".com", "https://"} {
		if _, err := m.Asks(map[string]string{"base_url": wide}); err == nil {
			t.Errorf("configuration %q widened the scope", wide)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := Parse(b); err == nil {
			if err := m.Validate(); err != nil {
				t.Errorf("parsed, but not valid: %v", err)
			}
			_, _ = m.Asks(nil)
		}
	})
}

func TestRolesAndLevel(t *testing.T) {
	t.Parallel()
	pay := ToolSpec{Capability: "card.charge", Contents: []string{"memo"}}
	for name, want := range map[string]capability.Role{"merchant": capability.Destination, "memo": capability.Content, "amount": "", "other": ""} {
		if got := pay.Role(name); got != want {
			t.Errorf("%s: role %q, want %q", name, got, want)
		}
	}
	plain := ToolSpec{Risk: capability.Write, Destinations: []string{"room"}}
	if plain.Level() != capability.Write || plain.Role("room") != capability.Destination {
		t.Errorf("level %q, role %q", plain.Level(), plain.Role("room"))
	}
	if unknown := (&ToolSpec{Capability: "no.such"}).Level(); unknown != capability.Irreversible {
		t.Errorf("a power outside the vocabulary is %q", unknown)
	}
}
