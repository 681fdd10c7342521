package control

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ambithost/ambit/sdk/capability"
)

// Explain fills in Unusual and Unable from what the plugin requires. Unable is
// what no grant of it could allow; it promises nothing about what lies behind a
// network address that the plugin may write to.
func (p *Preview) Explain() {
	p.Unusual, p.Unable = slices.Clone(p.Notes), nil
	for _, r := range p.Requires {
		p.Unusual = append(p.Unusual, unusual(r)...)
	}
	if p.Generated {
		p.Unusual = append(p.Unusual, "it has no manifest: this list was made from what it says about itself and what you gave")
	}
	holds := map[string]bool{}
	remote := false // what it can do out there is not for us to say
	for _, r := range p.Requires {
		holds[r.Capability] = true
		remote = remote || writesRemotely(r)
	}
	for _, t := range p.Tools {
		holds[t.Capability] = true
	}
	for _, power := range consentPowers() {
		if power.remote && remote || slices.ContainsFunc(power.capabilities, func(c string) bool { return holds[c] }) {
			continue
		}
		p.Unable = append(p.Unable, power.phrase)
	}
}

// consentPower is a power as a person thinks of it.
type consentPower struct {
	phrase       string
	capabilities []string
	remote       bool // could also be done by writing to some network address
}

func consentPowers() []consentPower {
	return []consentPower{
		{"reach the network", []string{"http.request", "net.dial", "web.fetch", "web.search"}, false},
		{"read files", []string{"file.read"}, false},
		{"write files", []string{"file.write"}, false},
		{"send messages", []string{"message.send", "mail.send", "social.message"}, true},
		{"post in public", []string{"social.post"}, true},
		{"spend", []string{"card.charge", "card.issue", "payment.send"}, true},
		{"call", []string{"call.place"}, true},
		{"run code", []string{"code.run"}, true},
	}
}

func writesRemotely(r Requirement) bool {
	switch r.Capability {
	case "net.dial":
		return true
	case "http.request":
		return slices.ContainsFunc(r.Scope.Allow["methods"], func(m string) bool { return m != "GET" && m != "HEAD" })
	}
	return false
}

// unusual says what about a requirement deserves a second look.
func unusual(r Requirement) (notes []string) {
	note := func(format string, a ...any) {
		notes = append(notes, r.Capability+" "+fmt.Sprintf(format, a...))
	}
	switch r.Risk {
	case capability.Irreversible:
		note("can't be undone")
	case capability.Control:
		note("acts on Ambit itself")
	}
	for key, entries := range sortedAllow(r.Scope) {
		switch {
		case key == "hosts" && slices.Contains(entries, "*:*"):
			note("may go to any host on any port")
		case key == "hosts" && slices.Contains(entries, capability.Any):
			note("may go to any host")
		case key == "addresses":
			note("may go to addresses that are not public: %s", strings.Join(entries, ", "))
		case key == "schemes" && slices.ContainsFunc(entries, func(s string) bool { return s == "http" || s == capability.Any }):
			note("may go without encryption")
		case key == "names" && slices.Contains(entries, capability.Any):
			note("may use every secret")
		case key == "paths" && (slices.Contains(entries, ".") || strings.HasPrefix(r.Capability, "file.") && slices.Contains(entries, capability.Any)):
			note("takes the whole workspace")
		}
	}
	return notes
}

// sortedAllow goes through a scope's lists in a fixed order.
func sortedAllow(s capability.Scope) func(yield func(string, []string) bool) {
	keys := make([]string, 0, len(s.Allow))
	for k := range s.Allow {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return func(yield func(string, []string) bool) {
		for _, k := range keys {
			if !yield(k, s.Allow[k]) {
				return
			}
		}
	}
}
