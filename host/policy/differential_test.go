package policy

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/sdk/capability"
)

// plain is the base layer again, in Go and written from the text of its rules:
// the verdict and the names of the rules that speak.
func plain(r *Request) (Verdict, []string) {
	rules := slices.Concat(plainRequest(r), plainGrants(r), plainNetwork(r), plainHostPowers(r))
	if len(rules) > 0 {
		return Deny, rules
	}
	questions := slices.Concat(
		when(plainIrreversible(r) && !(r.Subject.Type == "owner" && r.Context.Trigger == "call") && !plainSaid(r), "base.risk.irreversible"),
		plainFlow(r),
	)
	if len(questions) > 0 {
		return Ask, questions
	}
	return Allow, nil
}

func when(condition bool, rule string) []string {
	if condition {
		return []string{rule}
	}
	return nil
}

func plainRequest(r *Request) []string {
	_, known := capability.Lookup(r.Action.Name)
	return slices.Concat(
		when(!slices.Contains([]string{"agent", "plugin", "owner"}, r.Subject.Type) || r.Subject.ID == "", "base.request.subject"),
		when(!known, "base.request.capability"),
		when(!slices.Contains([]capability.Risk{capability.Read, capability.Write, capability.Irreversible, capability.Control}, r.Action.Risk), "base.request.risk"),
	)
}

func plainGrants(r *Request) []string {
	c, known := capability.Lookup(r.Action.Name)
	covers := func(s capability.Scope) bool {
		ok, _ := c.Covers(s, r.Resource.Attributes)
		return ok
	}
	g := r.Context.Grant
	held := g != nil && g.ID != ""
	return slices.Concat(
		when(r.Context.Requires == nil, "base.grants.not_required"),
		when(known && r.Context.Requires != nil && !covers(*r.Context.Requires), "base.grants.beyond_manifest"),
		when(!held, "base.grants.not_granted"),
		when(known && held && !covers(g.Scope), "base.grants.beyond_grant"),
		when(g != nil && !g.Expires.IsZero() && !r.Context.Now.Before(g.Expires), "base.grants.expired"),
	)
}

func plainNetwork(r *Request) []string {
	if r.Action.Name != "http.request" && r.Action.Name != "net.dial" {
		return nil
	}
	all, _ := r.Resource.Attributes["addresses"].([]string)
	special, _ := r.Resource.Attributes["special_addresses"].([]string)
	rules := when(len(all)+len(special) == 0, "base.network.unresolved")
	for _, a := range special {
		switch {
		case plainNamed(r, netip.MustParseAddr(a)):
		case slices.Contains(plainMetadata, netip.MustParseAddr(a).Unmap().String()):
			rules = append(rules, "base.network.metadata_service")
		default:
			rules = append(rules, "base.network.special_address")
		}
	}
	return rules
}

var plainMetadata = []string{
	"169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "192.0.0.192", "168.63.129.16",
	"fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "64:ff9b::a9fe:a9fe",
}

func plainNamed(r *Request, a netip.Addr) bool {
	if r.Context.Grant == nil {
		return false
	}
	metadata := slices.Contains(plainMetadata, a.Unmap().String())
	for _, entry := range r.Context.Grant.Scope.Allow["addresses"] {
		if one, err := netip.ParseAddr(entry); err == nil && one.Unmap() == a.Unmap() {
			return true
		}
		p, err := netip.ParsePrefix(entry)
		if err == nil && p.Masked().Contains(a.Unmap()) && (p.IsSingleIP() || !metadata) {
			return true
		}
	}
	authority, _ := r.Resource.Attributes["authority"].(string)
	if !slices.ContainsFunc(r.Context.Grant.Scope.Allow["hosts"], func(h string) bool { return strings.ToLower(h) == authority }) {
		return false
	}
	host := authority
	if ap, err := netip.ParseAddrPort(authority); err == nil {
		host = ap.Addr().String()
	} else if h, _, found := strings.Cut(authority, ":"); found && !strings.HasPrefix(authority, "[") {
		host = h
	}
	host = strings.Trim(host, "[]")
	return host == a.String() && !metadata || host == "localhost" && a.Unmap().IsLoopback()
}

func plainHostPowers(r *Request) []string {
	c, known := capability.Lookup(r.Action.Name)
	if !known || c.Risk != capability.Control && r.Action.Risk != capability.Control {
		return nil
	}
	var scope capability.Scope
	if r.Context.Grant != nil {
		scope = r.Context.Grant.Scope
	}
	switch r.Action.Name {
	case "host.kill", "host.revoke":
		target, _ := r.Resource.Attributes["target"].(string)
		_, stated := r.Resource.Attributes["target"]
		named := stated && slices.Contains(scope.Allow["targets"], target) && !slices.Contains(scope.Allow["targets"], "*")
		return when(!named, "base.host_powers.target")
	case "owner.approve":
		ceiling, set := scope.Max["max_amount"]
		return when(!set || ceiling < 0, "base.host_powers.ceiling")
	case "owner.speak":
		return nil
	}
	if r.Subject.Type == "plugin" || r.Subject.Type == "owner" {
		return nil
	}
	explicit := r.Context.Grant != nil && len(scope.Allow)+len(scope.Max) > 0
	for _, entries := range scope.Allow {
		explicit = explicit && !slices.Contains(entries, "*") && !slices.Contains(entries, "*:*")
	}
	return when(!explicit, "base.host_powers.implicit")
}

func plainIrreversible(r *Request) bool {
	c, _ := capability.Lookup(r.Action.Name)
	return r.Action.Risk == capability.Irreversible || c.Risk == capability.Irreversible
}

// agree fails where OPA and plain Go differ, and returns the rules that spoke.
func agree(t *testing.T, e *Engine, r *Request) (Verdict, []string) {
	t.Helper()
	verdict, rules := plain(r)
	d := decide(t, e, r)
	var got []string
	for _, reason := range d.Reasons {
		got = append(got, reason.Rule)
	}
	normal := func(s []string) []string { s = slices.Clone(s); slices.Sort(s); return slices.Compact(s) }
	if d.Verdict != verdict || !slices.Equal(normal(got), normal(rules)) {
		t.Fatalf("OPA says %s by %v, plain Go %s by %v\n%s", d.Verdict, got, verdict, rules, describe(r))
	}
	explained(t, e, d)
	return verdict, rules
}

func describe(r *Request) string {
	return fmt.Sprintf("subject %+v action %+v attributes %#v\nrequires %+v\ngrant %+v\ntrigger %q", r.Subject, r.Action, r.Resource.Attributes, r.Context.Requires, r.Context.Grant, r.Context.Trigger)
}

// baseRules are those of policies/base; each has to be met.
var baseRules = []string{
	"base.request.subject", "base.request.capability", "base.request.risk",
	"base.grants.not_required", "base.grants.beyond_manifest", "base.grants.not_granted", "base.grants.beyond_grant", "base.grants.expired",
	"base.network.unresolved", "base.network.metadata_service", "base.network.special_address",
	"base.host_powers.target", "base.host_powers.ceiling", "base.host_powers.implicit",
	"base.risk.irreversible",
	"base.flow.strangers_destination", "base.flow.nobodys_address", "base.flow.private_and_strangers", "base.flow.private_text",
	"base.flow.secret", "base.flow.hidden_private_text", "base.flow.illegible",
}

func TestOPAAgreesWithPlainGo(t *testing.T) {
	t.Parallel()
	const cases = 20_000
	e := patient(open(t))
	met, alone, powers := map[string]int{}, map[string]int{}, map[string]map[Verdict]int{}
	for i := range cases {
		r := generate(rand.New(rand.NewPCG(1, uint64(i))))
		verdict, rules := agree(t, e, r)
		met[string(verdict)]++
		for _, rule := range rules {
			met[rule]++
		}
		if len(rules) == 1 {
			alone[rules[0]]++
		}
		if powers[r.Action.Name] == nil {
			powers[r.Action.Name] = map[Verdict]int{}
		}
		powers[r.Action.Name][verdict]++
	}
	t.Log(met)
	for _, v := range []Verdict{Allow, Ask, Deny} {
		if met[string(v)] < cases/50 {
			t.Errorf("%s only %d times", v, met[string(v)])
		}
	}
	for _, rule := range baseRules {
		if met[rule] < 50 || alone[rule] < 5 {
			t.Errorf("%s only %d times, %d times alone", rule, met[rule], alone[rule])
		}
	}
	for _, c := range capability.All() {
		if powers[c.Name][Deny] == 0 || powers[c.Name][Allow]+powers[c.Name][Ask] == 0 {
			t.Errorf("%s: verdicts met are %v", c.Name, powers[c.Name])
		}
	}
}

// FuzzAgainstPlainGo lets the fuzzer choose the generator's seed and then some
// strings of its own.
func FuzzAgainstPlainGo(f *testing.F) {
	e := patient(open(f))
	f.Add(uint64(1), "api.example.org", "plugin", "*")
	f.Add(uint64(2), "127.0.0.1:8080", "owner", "127.0.0.1:8080")
	f.Add(uint64(3), "[::1]:80", "agent", "*:*")
	f.Fuzz(func(t *testing.T, seed uint64, value, subject, entry string) {
		g := rand.New(rand.NewPCG(2, seed))
		r := generate(g)
		if g.IntN(2) == 0 {
			r.Subject.Type = subject
		}
		for _, s := range []string{value, entry} {
			// coversHost folds case, which may change the length of what is no host name.
			if strings.ContainsFunc(s, func(c rune) bool { return c > 126 || c < 33 }) {
				return
			}
		}
		for k, v := range r.Resource.Attributes {
			if _, is := v.(string); is && g.IntN(3) == 0 && k != "authority" {
				r.Resource.Attributes[k] = value
			}
		}
		if r.Context.Grant != nil {
			for k, list := range r.Context.Grant.Scope.Allow {
				if g.IntN(3) == 0 && k != "addresses" {
					r.Context.Grant.Scope.Allow[k] = append(list, entry)
				}
			}
		}
		agree(t, e, r)
	})
}

// The library's matcher is the vocabulary's, in Rego.
func TestLibraryScopeAgreesWithCovers(t *testing.T) {
	t.Parallel()
	e := patient(open(t, owner(t, map[string]string{"scope.rego": `package ambit.owner.scope_probe

import data.ambit.lib.scope

deny contains "grant" if {
	input.context.grant
	not scope.covers(input.context.grant.scope)
}

deny contains "requires" if {
	input.context.requires
	not scope.covers(input.context.requires)
}
`})))
	covered, not := 0, 0
	for i := range 4_000 {
		r := generate(rand.New(rand.NewPCG(3, uint64(i))))
		c, known := capability.Lookup(r.Action.Name)
		var want []string
		for what, s := range map[string]*capability.Scope{"grant": scopeOf(r.Context.Grant), "requires": r.Context.Requires} {
			ok := false
			if known && s != nil {
				ok, _ = c.Covers(*s, r.Resource.Attributes)
			}
			switch {
			case s == nil:
			case ok:
				covered++
			default:
				not++
				want = append(want, what)
			}
		}
		var got []string
		for _, reason := range decide(t, e, r).Reasons {
			if strings.HasPrefix(reason.Rule, "owner.") {
				got = append(got, reason.Message)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			t.Fatalf("Rego finds uncovered %v, Go %v\n%s", got, want, describe(r))
		}
	}
	if covered < 1000 || not < 1000 {
		t.Errorf("lopsided: %d covered, %d not", covered, not)
	}
}

func scopeOf(g *Grant) *capability.Scope {
	if g == nil {
		return nil
	}
	return &g.Scope
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
