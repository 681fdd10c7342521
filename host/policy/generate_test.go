package policy

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/ambithost/ambit/sdk/capability"
)

// generate makes a request that base rules nearly allow, and then spoils it in
// up to three places: random requests would all be denied by the first rule.
func generate(g *rand.Rand) *Request {
	all := capability.All()
	c := all[g.IntN(len(all))]
	if g.IntN(3) == 0 { // where most rules are
		c = *must(pick(g, "http.request", "net.dial", "host.kill", "host.revoke", "owner.approve", "card.charge"))
	}
	speaks := g.IntN(3) == 0 // where the rules about arguments are
	if speaks {
		c = *must(pick(g, "social.message", "social.post", "message.send", "mail.send", "payment.send", "web.fetch", "access.change", "booking.make", "mail.change"))
	}
	attrs := attributesOf(g, &c)
	r := &Request{
		Subject:  Entity{Type: pick(g, "agent", "plugin", "owner"), ID: "someone"},
		Action:   Action{Name: c.Name, Risk: c.Risk},
		Resource: Resource{Type: strings.Split(c.Name, ".")[0], ID: "something", Attributes: attrs},
		Context: Context{
			Plugin: Plugin{Name: "p", Version: "1.0.0", Kinds: []string{"tool"}, Isolation: "confined"},
			Agent:  "main", Trigger: pick(g, "message", "call", "schedule", ""), Labels: []string{"owner"}, Now: noon,
		},
	}
	requires := scopeFor(g, &c, attrs)
	r.Context.Requires = &requires
	r.Context.Grant = &Grant{ID: "g1", Scope: scopeFor(g, &c, attrs)}
	if g.IntN(4) == 0 {
		r.Context.Grant.Expires = noon.Add(time.Hour)
	}
	if g.IntN(2) == 0 || speaks {
		r.Context.Arguments, r.Context.AskedFor = argumentsOf(g), g.IntN(2) == 0
		if c.Name == "mail.change" && g.IntN(2) == 0 {
			r.Action.Risk = capability.Irreversible // it deletes
		}
	}
	if speaks && g.IntN(4) > 0 {
		return r
	}
	for range g.IntN(4) {
		spoils[g.IntN(len(spoils))](g, r)
	}
	return r
}

func must(name string) *capability.Capability {
	c, _ := capability.Lookup(name)
	return c
}

func pick[T any](g *rand.Rand, of ...T) T { return of[g.IntN(len(of))] }

var (
	authorities = []string{"api.example.org", "x.example.org:8443", "127.0.0.1:8080", "10.0.0.1", "localhost:8080", "localhost", "[::1]:80", "[fd00::1]", "169.254.169.254", "a.b.example"}
	specials    = []string{
		"127.0.0.1", "127.8.8.8", "::1", "10.0.0.1", "10.0.0.2", "192.168.1.1", "fd00::1", "fe80::1", "0.0.0.0",
		"169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "100.100.100.200", "169.254.170.2", "64:ff9b::a9fe:a9fe",
	}
	ranges = []string{
		"127.0.0.1", "10.0.0.0/8", "10.0.0.1", "10.0.0.1/32", "0.0.0.0/0", "::/0", "FD00::1", "fd00::/8", "fd00:ec2::254/128", "169.254.169.254",
		"169.254.169.254/32", "169.254.169.254/31", "169.254.0.0/16", "100.64.0.0/10", "*", "nonsense", "", "10.0.0.1/40", "64:ff9b::/96",
	}
)

func attributesOf(g *rand.Rand, c *capability.Capability) capability.Attributes {
	attrs := capability.Attributes{}
	for _, a := range c.Attributes {
		if a.Required || g.IntN(3) > 0 {
			attrs[a.Name] = value(g, a)
		}
	}
	if slices.ContainsFunc(c.Attributes, func(a capability.Attribute) bool { return a.Name == "special_addresses" }) {
		attrs["addresses"], attrs["special_addresses"] = []string{"93.184.216.34"}, []string{}
		for range max(0, g.IntN(5)-2) {
			attrs["special_addresses"] = append(attrs["special_addresses"].([]string), pick(g, specials...))
		}
	}
	return attrs
}

func value(g *rand.Rand, a capability.Attribute) any {
	switch {
	case a.Name == "authority":
		return pick(g, authorities...)
	case a.Name == "method":
		return pick(g, "GET", "HEAD", "POST")
	case a.Name == "scheme":
		return pick(g, "https", "https", "http")
	case a.Name == "path":
		return pick(g, "/v1/x", "notes/a.md", "notes", "notes/", "")
	case a.Name == "target":
		return pick(g, "all", "plugin:mail", "agent:main", "*")
	case a.Type == "integer":
		return pick[int64](g, 0, 1, 100, 1200, -1, 1<<40)
	case a.Type == "boolean":
		return g.IntN(2) == 0
	case a.Type == "strings":
		return pick(g, []string{"a@x"}, []string{"a@x", "b@x"}, []string{})
	}
	return pick(g, "a", "b", "owner", "https://x/y", "+4912345")
}

// scopeFor makes a scope that mostly covers the attributes.
func scopeFor(g *rand.Rand, c *capability.Capability, attrs capability.Attributes) capability.Scope {
	s := capability.Scope{Allow: map[string][]string{}, Max: map[string]int64{}}
	for _, k := range c.Scope {
		if k.Match == capability.MatchMax {
			if g.IntN(3) > 0 {
				s.Max[k.Name] = pick[int64](g, 100, 1200, 1<<41, 1<<41, 0, -5)
			}
			continue
		}
		if k.Default != nil && g.IntN(2) == 0 || k.Match == capability.MatchAddress && g.IntN(2) == 0 {
			continue
		}
		s.Allow[k.Name] = entries(g, k, attrs)
	}
	return s
}

func entries(g *rand.Rand, k capability.ScopeKey, attrs capability.Attributes) []string {
	var out []string
	switch v := attrs[k.Attribute].(type) {
	case string:
		out = append(out, v)
	case []string:
		out = append(out, v...)
	}
	switch {
	case g.IntN(10) == 0:
		out = nil
	case g.IntN(8) == 0:
		out = append(out, "*")
	case k.Match == capability.MatchHost && g.IntN(3) == 0:
		out = []string{pick(g, ".example.org", ".example", "*", "*:*", ".EXAMPLE.org", ".", "API.example.org")}
	case k.Match == capability.MatchPath && g.IntN(3) == 0:
		out = []string{pick(g, ".", "notes/", "notes", "/", "")}
	case k.Match == capability.MatchPrefix && len(out) > 0 && g.IntN(3) == 0:
		out[0] = out[0][:g.IntN(len(out[0])+1)]
	case k.Match == capability.MatchAddress && g.IntN(3) > 0:
		out = []string{pick(g, ranges...), pick(g, ranges...)}
	}
	return out
}

// spoils are the ways in which a request goes wrong.
var spoils = []func(*rand.Rand, *Request){
	func(g *rand.Rand, r *Request) { r.Subject.Type = pick(g, "", "model", "Owner", "agent ") },
	func(_ *rand.Rand, r *Request) { r.Subject.ID = "" },
	func(g *rand.Rand, r *Request) { r.Action.Name = pick(g, "", "host.resume", "http.Request") },
	func(g *rand.Rand, r *Request) {
		r.Action.Risk = pick(g, "", "none", capability.Read, capability.Write, capability.Irreversible, capability.Control, capability.Control)
	},
	func(_ *rand.Rand, r *Request) { r.Action.Risk = capability.Control },
	func(_ *rand.Rand, r *Request) { r.Context.Requires = nil },
	func(_ *rand.Rand, r *Request) { r.Context.Requires = &capability.Scope{} },
	func(_ *rand.Rand, r *Request) { r.Context.Grant = nil },
	func(g *rand.Rand, r *Request) { r.Context.Grant = &Grant{ID: pick(g, "", "g2")} },
	func(g *rand.Rand, r *Request) {
		if r.Context.Grant != nil {
			r.Context.Grant.Expires = noon.Add(pick(g, 0, -time.Second, time.Second))
		}
	},
	func(g *rand.Rand, r *Request) {
		if names := slices.Sorted(maps.Keys(r.Resource.Attributes)); len(names) > 0 {
			delete(r.Resource.Attributes, pick(g, names...))
		}
	},
	func(g *rand.Rand, r *Request) {
		if names := slices.Sorted(maps.Keys(r.Resource.Attributes)); len(names) > 0 {
			if name := pick(g, names...); !strings.HasSuffix(name, "addresses") && name != "authority" {
				r.Resource.Attributes[name] = pick[any](g, "", "else", int64(7), true, []string{"x"})
			}
		}
	},
	func(g *rand.Rand, r *Request) {
		delete(r.Resource.Attributes, "addresses")
		if g.IntN(2) == 0 {
			r.Resource.Attributes["special_addresses"] = []string{}
		}
	},
	func(g *rand.Rand, r *Request) {
		if r.Context.Grant != nil && r.Context.Grant.Scope.Allow != nil {
			r.Context.Grant.Scope.Allow[pick(g, "hosts", "unknown", "targets", "max_amount")] = []string{pick(g, "*", "x", "all")}
			delete(r.Context.Grant.Scope.Max, "max_amount")
		}
	},
}
