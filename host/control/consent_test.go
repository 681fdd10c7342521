package control

import (
	"slices"
	"strings"
	"testing"

	"github.com/ambithost/ambit/sdk/capability"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	need := func(name, key string, entries ...string) Requirement {
		c, ok := capability.Lookup(name)
		if !ok {
			t.Fatalf("no capability %s", name)
		}
		return Requirement{Capability: name, Risk: c.Risk, Scope: capability.Scope{Allow: map[string][]string{key: entries}}}
	}
	for _, tc := range []struct {
		name          string
		p             Preview
		unusual       string // part of one of them; empty: none at all
		unable, mayBe []string
	}{
		{"nothing", Preview{}, "", []string{"reach the network", "spend", "run code"}, nil},
		{"a reader", Preview{Requires: []Requirement{need("http.request", "hosts", "api.example.org")}},
			"", []string{"send messages", "spend", "call", "write files"}, []string{"reach the network"}},
		{"a writer: what lies behind an address is not ours to promise", Preview{Requires: []Requirement{need("http.request", "methods", "POST")}},
			"", []string{"write files"}, []string{"send messages", "spend", "call", "post in public"}},
		{"any host", Preview{Requires: []Requirement{need("http.request", "hosts", "*")}}, "any host", nil, nil},
		{"any port", Preview{Requires: []Requirement{need("http.request", "hosts", "*:*")}}, "any port", nil, nil},
		{"private addresses", Preview{Requires: []Requirement{need("http.request", "addresses", "10.0.0.0/8")}}, "10.0.0.0/8", nil, nil},
		{"plain http", Preview{Requires: []Requirement{need("http.request", "schemes", "http")}}, "encryption", nil, nil},
		{"all secrets", Preview{Requires: []Requirement{need("secret.use", "names", "*")}}, "every secret", nil, nil},
		{"whole workspace", Preview{Requires: []Requirement{need("file.write", "paths", ".")}}, "whole workspace", []string{"read files"}, []string{"write files"}},
		{"money", Preview{Requires: []Requirement{need("card.charge", "merchants", "*")}}, "undone", nil, []string{"spend"}},
		{"a tool's power", Preview{Tools: []Tool{{Name: "pay", Capability: "card.charge"}}}, "", nil, []string{"spend"}},
		{"the switch", Preview{Requires: []Requirement{need("host.kill", "targets", "all")}}, "Ambit itself", nil, nil},
		{"no manifest", Preview{Identity: Identity{Generated: true}}, "no manifest", nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.p.Explain()
			if all := strings.Join(tc.p.Unusual, "; "); (tc.unusual == "") != (all == "") || !strings.Contains(all, tc.unusual) {
				t.Errorf("unusual: %q, want %q", all, tc.unusual)
			}
			for _, phrase := range tc.unable {
				if !slices.Contains(tc.p.Unable, phrase) {
					t.Errorf("unable %v leaves out %q", tc.p.Unable, phrase)
				}
			}
			for _, phrase := range tc.mayBe {
				if slices.Contains(tc.p.Unable, phrase) {
					t.Errorf("unable promises %q", phrase)
				}
			}
		})
	}
}
