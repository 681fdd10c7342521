package host

import (
	"slices"
	"strings"
	"testing"

	"github.com/ambithost/ambit/host/budget"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/manifest"
)

const changesYAML = `manifest: 1
name: mail
version: 1.0.0
description: Mail.
runtime: wasm
module: mail.wasm
kinds: [tool]
tools:
  - {name: send, description: Send., capability: memory.read, input: {type: object, properties: {box: {type: string}}}, destinations: [box], labels: [private]}
  - {name: purge, description: Delete., risk: irreversible, input: {type: object}}
requires:
  - {capability: http.request, scope: {hosts: [.example.org], methods: [GET]}, reason: speaks to the server}
`

// TestMoreIsHeld: what an upgrade can't slip in, each by itself.
func TestMoreIsHeld(t *testing.T) {
	t.Parallel()
	parse := func(text string) (*manifest.Manifest, []manifest.Requirement) {
		m, err := manifest.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		asks, err := m.Asks(nil)
		if err != nil {
			t.Fatal(err)
		}
		return m, asks
	}
	m, asks := parse(changesYAML)
	old := &plugin{manifest: m, asks: asks}
	if c := changes(old, m, asks); len(c) != 0 {
		t.Errorf("nothing is different, but %v", c)
	}
	for name, c := range map[string]struct {
		old, new string
		more     string // "" is none
	}{
		"a capability":            {"requires:\n", "requires:\n  - {capability: file.read, scope: {paths: [.]}, reason: x}\n", "capability file.read"},
		"a host":                  {"[.example.org]", "[.example.org, evil.example]", "capability http.request"},
		"a wildcard":              {"[.example.org]", "['*']", "capability http.request"},
		"a method":                {"[GET]", "[GET, POST]", "capability http.request"},
		"the default methods":     {", methods: [GET]", "", "capability http.request"},
		"a private address":       {"methods: [GET]", "methods: [GET], addresses: [10.0.0.0/8]", "capability http.request"},
		"a tool":                  {"tools:\n", "tools:\n  - {name: more, description: x., input: {type: object}}\n", "tool more"},
		"another power of a tool": {"capability: memory.read, ", "", "tool send"},
		"a lower risk":            {", risk: irreversible", "", "risk purge"},
		"a label less":            {", labels: [private]", "", "labels send"},
		"a destination less":      {", destinations: [box]", "", "destinations send"},
		"a call to repeat":        {"name: purge", "name: purge, idempotent: true", "idempotent purge"},
		"another kind":            {"kinds: [tool]", "kinds: [tool, channel]", "kind channel"},
		"a narrower scope":        {"[.example.org]", "[api.example.org]", ""},
		"a tool less":             {"  - {name: purge, description: Delete., risk: irreversible, input: {type: object}}\n", "", ""},
		"other words":             {"Mail.", "Better mail.", ""},
		"another schema":          {"description: Delete., risk: irreversible, input: {type: object}", "description: Delete., risk: irreversible, input: {type: object, properties: {x: {type: string}}}", ""},
		"a version":               {"1.0.0", "1.0.1", ""},
		"a higher risk":           {"capability: memory.read", "capability: memory.read, risk: irreversible", ""},
	} {
		text := strings.Replace(changesYAML, c.old, c.new, 1)
		if text == changesYAML {
			t.Fatalf("%s: nothing was replaced", name)
		}
		m, asks := parse(text)
		found := changes(old, m, asks)
		more := moreOf(found)
		if (c.more == "") != (len(more) == 0) || c.more != "" && !slices.Contains(more, c.more) {
			t.Errorf("%s: more %v, want %q", name, more, c.more)
		}
		if len(found) == 0 {
			t.Errorf("%s: there is no difference", name)
		}
	}
}

// TestPerAgent: what was one agent's is not all agents' after an install.
func TestPerAgent(t *testing.T) {
	t.Parallel()
	limits := &budget.Limits{}
	got := perAgent([]gate.Grant{{Capability: "a"}, {Capability: "b"}, {Capability: "c"}}, []gate.Grant{
		{Capability: "a", Agent: "one", Limits: limits}, {Capability: "a", Agent: "two"}, {Capability: "b"}, {Capability: "c", Agent: "one", Consent: true},
	})
	var text []string
	for _, g := range got {
		text = append(text, g.Capability+":"+g.Agent)
	}
	if want := "a:one a:two b: c:"; strings.Join(text, " ") != want {
		t.Errorf("%v, want %s", text, want)
	}
	if got[0].Limits != limits {
		t.Error("the limits of a grant are gone")
	}
}
