package policy

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ambithost/ambit/sdk/capability"
)

func TestDecisions(t *testing.T) {
	t.Parallel()
	e := open(t)
	for _, c := range []struct {
		name    string
		request *Request
		change  func(*Request)
		verdict Verdict
		rule    string // of the first reason
	}{
		{"covered", weather(), func(*Request) {}, Allow, ""},
		{"zero request", &Request{}, func(*Request) {}, Deny, "base.request.capability"},
		{"other host", weather(), func(r *Request) { r.Resource.Attributes["authority"] = "evil.example" }, Deny, "base.grants.beyond_grant"},
		{"no grant", weather(), func(r *Request) { r.Context.Grant = nil }, Deny, "base.grants.not_granted"},
		{"no requirement", weather(), func(r *Request) { r.Context.Requires = nil }, Deny, "base.grants.not_required"},
		{"beyond the manifest", weather(), func(r *Request) { r.Context.Requires = &capability.Scope{} }, Deny, "base.grants.beyond_manifest"},
		{"expired", weather(), func(r *Request) { r.Context.Grant.Expires = r.Context.Now }, Deny, "base.grants.expired"},
		{"unknown capability", weather(), func(r *Request) { r.Action.Name = "host.resume" }, Deny, "base.request.capability"},
		{"unknown subject", weather(), func(r *Request) { r.Subject.Type = "model" }, Deny, "base.request.subject"},
		{"unknown risk", weather(), func(r *Request) { r.Action.Risk = "" }, Deny, "base.request.risk"},
		{"unresolved", weather(), func(r *Request) { delete(r.Resource.Attributes, "addresses") }, Deny, "base.network.unresolved"},
		{"rebound", weather(), func(r *Request) { r.Resource.Attributes["special_addresses"] = []string{"192.168.1.1"} }, Deny, "base.network.special_address"},
		{"card", charge(), func(*Request) {}, Ask, "base.risk.irreversible"},
		{"card by the owner's command", charge(), func(r *Request) { r.Subject.Type, r.Context.Trigger = "owner", "call" }, Allow, ""},
		{"owner without a grant", charge(), func(r *Request) {
			r.Subject.Type, r.Context.Trigger, r.Context.Grant = "owner", "call", nil
		}, Deny, "base.grants.not_granted"},
		{"card, risk lowered", charge(), func(r *Request) { r.Action.Risk = capability.Read }, Ask, "base.risk.irreversible"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.change(c.request)
			d := decide(t, e, c.request)
			if d.Verdict != c.verdict {
				t.Fatalf("verdict %s, want %s: %+v", d.Verdict, c.verdict, d.Reasons)
			}
			if c.rule != "" && d.Reasons[0].Rule != c.rule {
				t.Errorf("rule %s, want %s", d.Reasons[0].Rule, c.rule)
			}
			explained(t, e, d)
			if approve := slices.ContainsFunc(d.Obligations, func(o Obligation) bool { return o.Type == "approve" }); approve != (d.Verdict == Ask) {
				t.Errorf("verdict %s with obligations %+v", d.Verdict, d.Obligations)
			}
		})
	}
}

// explained checks that who is refused learns why and what to do.
func explained(t *testing.T, e *Engine, d Decision) {
	t.Helper()
	if d.Revision != e.Revision() || len(d.Revision) != 12 {
		t.Errorf("revision %q, want %q", d.Revision, e.Revision())
	}
	if d.Verdict == Allow {
		return
	}
	if len(d.Reasons) == 0 {
		t.Errorf("%s without a reason", d.Verdict)
	}
	for _, r := range d.Reasons {
		if r.Rule == "" || r.Message == "" || r.Change == "" {
			t.Errorf("incomplete reason %+v", r)
		}
	}
}

func TestAttributesOfOtherTypesAreRefused(t *testing.T) {
	t.Parallel()
	e := open(t)
	for _, v := range []any{1, 1.5, nil, []any{"a"}, map[string]any{}, json.Number("1")} {
		r := weather()
		r.Resource.Attributes["hop"] = v
		d, err := e.Decide(t.Context(), r)
		if err == nil || d.Verdict != Deny {
			t.Errorf("%T: %v, %v", v, d.Verdict, err)
		}
		explained(t, e, d)
	}
	r := weather()
	r.Context.Grant.Scope.Max = map[string]int64{"hosts": 1}
	if d, err := e.Decide(t.Context(), r); err == nil || d.Verdict != Deny {
		t.Errorf("a key that is list and bound: %v, %v", d.Verdict, err)
	}
}

func TestEvalEqualsDecide(t *testing.T) {
	t.Parallel()
	e := open(t)
	for _, r := range []*Request{weather(), charge()} {
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.Eval(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		if want := decide(t, e, r); got.Verdict != want.Verdict {
			t.Errorf("Eval says %s, Decide %s", got.Verdict, want.Verdict)
		}
	}
	for _, bad := range []string{
		"", "null?", `{"facts":{"granted":true}}`, `{"subject":{"role":"admin"}}`,
		`{"resource":{"properties":{"amount":1.5}}}`, `{"resource":{"properties":{"x":[1]}}}`, `{"resource":{"properties":{"x":{}}}}`,
		strings.Repeat(" ", maxFileBytes+1),
	} {
		if d, err := e.Eval(t.Context(), []byte(bad)); err == nil || d.Verdict != Deny {
			t.Errorf("%.40q: %v, %v", bad, d.Verdict, err)
		}
	}
}

// What the gate says of a sub-agent's bounds is what rules read, by either way in.
func TestRulesSeeDelegation(t *testing.T) {
	t.Parallel()
	e := open(t, owner(t, map[string]string{"subs.rego": `package ambit.owner.subs

deny contains "no sub-agents of sub-agents" if input.context.delegation.depth > 1

deny contains "not by one that has the web" if "web/fetch" in input.context.delegation.tools
`}))
	for _, tc := range []struct {
		d    *Delegation
		want Verdict
	}{
		{nil, Allow},
		{&Delegation{Depth: 1, Turn: "t1", Tools: []string{"notes/read"}, Capabilities: []string{}}, Allow},
		{&Delegation{Depth: 1, Turn: "t1", Tools: []string{"notes/read", "web/fetch"}, Capabilities: []string{}}, Deny},
		{&Delegation{Depth: 2, Turn: "t1"}, Deny},
	} {
		r := weather()
		r.Context.Delegation = tc.d
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.Eval(t.Context(), b)
		if d := decide(t, e, r); err != nil || d.Verdict != tc.want || got.Verdict != tc.want {
			t.Errorf("%+v: Decide %s, Eval %s, %v, want %s", tc.d, d.Verdict, got.Verdict, err, tc.want)
		}
	}
}

func TestLayersAddReasonsWithTheirPlace(t *testing.T) {
	t.Parallel()
	e := open(t, owner(t, map[string]string{"cards.rego": `package ambit.owner.cards

import data.ambit.lib.risk

deny contains "no casinos" if input.resource.properties.merchant == "casino"

deny contains {"message": "too much", "change": "edit the limit"} if {
	risk.spends
	input.resource.properties.amount > 5000
}

deny contains 42 if input.resource.properties.amount == 1

ask contains "card?" if input.action.name == "card.charge"

obligations contains {"type": "label", "params": {"label": "paid"}} if input.action.name == "card.charge"

obligations contains "redact" if input.action.name == "http.request"
`}))
	r := charge()
	d := decide(t, e, r)
	if d.Verdict != Ask || len(d.Reasons) != 2 || d.Reasons[1].Rule != "owner.cards.ask (cards.rego:14)" {
		t.Errorf("%+v", d)
	}
	if !slices.ContainsFunc(d.Obligations, func(o Obligation) bool { return o.Type == "label" && o.Params["label"] == "paid" }) {
		t.Errorf("obligations %+v", d.Obligations)
	}
	explained(t, e, d)

	r.Resource.Attributes["merchant"], r.Resource.Attributes["amount"] = "casino", int64(9999)
	d = decide(t, e, r)
	want := []Reason{
		{"owner.cards.deny (cards.rego:5)", "no casinos", "edit the rule, then ambit policy check"},
		{"owner.cards.deny (cards.rego:7)", "too much", "edit the limit"},
	}
	if d.Verdict != Deny || !slices.Equal(d.Reasons, want) || d.Obligations != nil {
		t.Errorf("%+v", d)
	}
	r = charge()
	r.Resource.Attributes["amount"] = int64(1)
	if d = decide(t, e, r); d.Verdict != Deny {
		t.Errorf("a denial that is no message does not deny: %+v", d)
	}
	explained(t, e, d)
	if d = decide(t, e, weather()); d.Verdict != Allow || len(d.Obligations) != 1 || d.Obligations[0].Type != "redact" {
		t.Errorf("%+v", d)
	}
}

func TestOrganisationAndOwnerBothNarrow(t *testing.T) {
	t.Parallel()
	org := Layer{Name: orgLayer, Dir: t.TempDir()}
	write(t, org, "a.rego", "package ambit.org.a\n\ndeny contains \"org\" if input.subject.id == \"weather\"\n")
	e := open(t, org, owner(t, map[string]string{"a.rego": "package ambit.owner.a\n\ndeny contains \"owner\" if input.subject.id == \"weather\"\n"}))
	d := decide(t, e, weather())
	if d.Verdict != Deny || len(d.Reasons) != 2 {
		t.Errorf("%+v", d)
	}
}

func TestMalformedObligationsDeny(t *testing.T) {
	t.Parallel()
	for _, o := range []string{`7`, `{}`, `{"type": 3}`, `{"type": "label", "params": 3}`} {
		e := open(t, owner(t, map[string]string{"a.rego": "package ambit.owner.a\n\nobligations contains " + o + " if input.action.name\n"}))
		d, err := e.Decide(t.Context(), weather())
		if err == nil || d.Verdict != Deny {
			t.Errorf("%s: %+v, %v", o, d, err)
		}
		explained(t, e, d)
	}
}

func TestCancelledContextDenies(t *testing.T) {
	t.Parallel()
	e := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if d, err := e.Decide(ctx, weather()); !errors.Is(err, context.Canceled) || d.Verdict != Deny {
		t.Errorf("%v, %v", d.Verdict, err)
	}
}

func TestClosedEngineDenies(t *testing.T) {
	t.Parallel()
	e := open(t)
	for range 2 {
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if d, err := e.Decide(t.Context(), weather()); err == nil || d.Verdict != Deny {
		t.Errorf("%v, %v", d.Verdict, err)
	}
	if e.Reload(t.Context()) == nil || e.Watch(t.Context()) == nil {
		t.Error("a closed engine loads")
	}
}

func TestReloadKeepsTheLastGoodSet(t *testing.T) {
	t.Parallel()
	type change struct {
		revision string
		err      error
	}
	var seen []change
	l := owner(t, map[string]string{"a.rego": "package ambit.owner.a\n\ndeny contains \"one\" if input.action.name\n"})
	e, err := Open(t.Context(), Config{Layers: []Layer{l}, OnChange: func(r string, err error) { seen = append(seen, change{r, err}) }})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	first := e.Revision()

	write(t, l, "a.rego", "package ambit.owner.a\n\ndeny contains if {\n")
	if err := e.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "a.rego:3") {
		t.Errorf("error %v does not name the place", err)
	}
	if d := decide(t, e, weather()); d.Verdict != Deny || d.Revision != first {
		t.Errorf("a bad file changed the decision: %+v", d)
	}
	if s := e.Status(); s.Revision != first || !strings.Contains(s.LastError, "a.rego:3") {
		t.Errorf("status %+v", s)
	}

	write(t, l, "a.rego", "package ambit.owner.a\n\ndeny contains \"two\" if input.action.name == \"clock.read\"\n")
	if err := e.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := decide(t, e, weather()); d.Verdict != Allow || d.Revision == first {
		t.Errorf("the mended file is not in force: %+v", d)
	}
	if s := e.Status(); s.LastError != "" || !slices.Contains(s.Files, filepath.Join(l.Dir, "a.rego")) {
		t.Errorf("status %+v", s)
	}
	if err := e.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 2 || seen[0].err == nil || seen[0].revision != first || seen[1].err != nil || seen[1].revision != e.Revision() {
		t.Errorf("OnChange saw %+v", seen)
	}

	// A folder that vanishes is not an owner who lifts the rules.
	second := e.Revision()
	if err := os.RemoveAll(l.Dir); err != nil {
		t.Fatal(err)
	}
	if err := e.Reload(t.Context()); err == nil || e.Revision() != second {
		t.Errorf("a vanished folder lifted its rules: %v", err)
	}
	if err := os.Mkdir(l.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := e.Reload(t.Context()); err != nil || e.Revision() == second {
		t.Errorf("an emptied folder does not lift its rules: %v", err)
	}
}

func TestWatchReloads(t *testing.T) {
	t.Parallel()
	l := owner(t, nil)
	changes := make(chan error, 16)
	e, err := Open(t.Context(), Config{Layers: []Layer{l}, OnChange: func(_ string, err error) { changes <- err }})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.Watch(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The folder does not exist yet; it and a folder in it appear under watch.
	write(t, l, "cards/a.rego", "package ambit.owner.a\n\ndeny contains \"no\" if input.action.name\n")
	if err := <-changes; err != nil {
		t.Fatal(err)
	}
	if d := decide(t, e, weather()); d.Verdict != Deny {
		t.Errorf("%+v", d)
	}
	write(t, l, "cards/a.rego", "package ambit.base\n")
	if err := <-changes; err == nil {
		t.Error("a file in a foreign package was taken")
	}
	if d := decide(t, e, weather()); d.Verdict != Deny {
		t.Errorf("%+v", d)
	}
}

// Decisions go on while sets change; each is wholly of one set.
func TestDecideWhileReloading(t *testing.T) {
	t.Parallel()
	l := owner(t, map[string]string{"a.rego": "package ambit.owner.a\n\ndeny contains \"0\" if input.action.name\n"})
	e := open(t, l)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				d, err := e.Decide(context.Background(), weather())
				// Slow is not wrong: a machine with too much to do may pass the deadline.
				slow := errors.Is(err, ErrDeadline) || errors.Is(err, ErrStuck)
				if err != nil && !slow || d.Verdict != Deny {
					t.Errorf("%+v, %v", d, err)
					return
				}
			}
		})
	}
	for i := range 10 {
		write(t, l, "a.rego", "package ambit.owner.a\n\ndeny contains \""+time.Duration(i).String()+"\" if input.action.name\n")
		if err := e.Reload(t.Context()); err != nil {
			t.Error(err)
		}
	}
	stop()
	wg.Wait()
}
