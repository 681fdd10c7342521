package gate

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

// asking is a policy that asks for these rules' reasons.
func asking(rules ...string) func(*policy.Request) (policy.Decision, error) {
	d := policy.Decision{Verdict: policy.Ask}
	for _, r := range rules {
		d.Reasons = append(d.Reasons, policy.Reason{Rule: r})
	}
	return func(*policy.Request) (policy.Decision, error) { return d, nil }
}

func inSession(e Effect, session string) Effect {
	e.Origin.Session, e.Origin.Turn = session, "t"
	return e
}

func charge(g *Gate, e Effect) chan error {
	done := make(chan error, 1)
	go func() { done <- g.Do(context.Background(), e) }()
	return done
}

// respond answers the next question.
func respond(t *testing.T, w *world, g *Gate, ans Answer) Approval {
	t.Helper()
	for a := range w.notified {
		if a.State == Waiting {
			ans.Digest = a.Digest
			out, err := g.Respond(t.Context(), a.ID, ans)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
	}
	return Approval{}
}

// TestForTheSession: a yes for the session covers what is like the request that
// was shown, and nothing that differs in who, to whom, how much or why.
func TestForTheSession(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*world, *Gate, *Effect)
		asked  bool
	}{
		"the same":         {func(*world, *Gate, *Effect) {}, false},
		"less":             {func(_ *world, _ *Gate, e *Effect) { e.Attributes["amount"] = int64(4) }, false},
		"another text":     {func(_ *world, _ *Gate, e *Effect) { e.Args = []byte(`{"note":"x"}`) }, false},
		"more":             {func(_ *world, _ *Gate, e *Effect) { e.Attributes["amount"] = int64(6) }, true},
		"another merchant": {func(_ *world, _ *Gate, e *Effect) { e.Attributes["merchant"] = "n" }, true},
		"another currency": {func(_ *world, _ *Gate, e *Effect) { e.Attributes["currency"] = "EUR" }, true},
		"another session":  {func(_ *world, _ *Gate, e *Effect) { e.Origin.Session = "s2" }, true},
		"another agent":    {func(_ *world, _ *Gate, e *Effect) { e.Origin.Agent = "b" }, true},
		"another actor":    {func(_ *world, _ *Gate, e *Effect) { e.Actor.ID = "b" }, true},
		"another tool":     {func(_ *world, _ *Gate, e *Effect) { e.Origin.Tool = "q/x" }, true},
		"strangers' words": {func(_ *world, _ *Gate, e *Effect) { e.Origin.Labels = []string{"untrusted"} }, true},
		"another reason":   {func(w *world, _ *Gate, _ *Effect) { w.decision = asking("why", "base.flow") }, true},
		"after a kill": {func(_ *world, g *Gate, _ *Effect) {
			_, _ = g.Kill(context.Background(), owner, "plugin:other", "")
		}, true},
		"another grant": {func(w *world, g *Gate, _ *Effect) {
			_, _ = g.Grant(context.Background(), Grant{Plugin: "p", Capability: "card.charge"})
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.decision = asking("why")
			g := w.open(t)
			grantAll(t, g, w)
			first := inSession(effect("card.charge", nil), "s")
			done := charge(g, first)
			respond(t, w, g, Answer{Approve: true, Lasting: ForSession})
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			next := inSession(effect("card.charge", nil), "s")
			c.change(w, g, &next)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			again := make(chan error, 1)
			go func() { again <- g.Do(ctx, next) }()
			asked := false
			for running := true; running; {
				select {
				case a := <-w.notified:
					if a.State == Waiting {
						asked = true
						cancel()
					}
				case err := <-again:
					running = false
					if !asked && err != nil {
						t.Error(err)
					}
				}
			}
			if asked != c.asked {
				t.Errorf("asked %v, want %v", asked, c.asked)
			}
		})
	}
}

// TestRevokeTakesTheConsent: a new grant does not bring back what was said with
// the old one.
func TestRevokeTakesTheConsent(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.decision = asking("base.risk.irreversible")
	g := w.open(t)
	grantAll(t, g, w)
	done := charge(g, inSession(effect("card.charge", nil), "s"))
	respond(t, w, g, Answer{Approve: true, Lasting: AsGrant})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	again := effect("card.charge", nil)
	if err := again.complete(); err != nil {
		t.Fatal(err)
	}
	if !g.consented(&again) {
		t.Fatal("the yes was not kept")
	}
	if _, err := g.Revoke(t.Context(), owner, "p", "card.charge"); err != nil {
		t.Fatal(err)
	}
	grantAll(t, g, w)
	if g.consented(&again) {
		t.Error("the consent outlived its revocation")
	}
}

// TestAsGrant: a yes can become a grant no wider than its request, and only
// where a grant would keep the question from coming again.
func TestAsGrant(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.decision = asking("base.risk.irreversible")
	g := w.open(t)
	grantAll(t, g, w)
	done := charge(g, inSession(effect("card.charge", nil), "s"))
	respond(t, w, g, Answer{Approve: true, Lasting: AsGrant})
	if err := <-done; err != nil {
		t.Fatalf("the grant cut off the effect it came from: %v", err)
	}
	grants := slices.DeleteFunc(g.Grants("p"), func(gr Grant) bool { return !gr.Consent })
	if len(grants) != 1 || grants[0].Scope.Max["max_amount"] != 5 || grants[0].Scope.Allow["merchants"][0] != "m" || grants[0].Scope.Allow["currencies"][0] != "USD" {
		t.Fatalf("granted %+v", grants)
	}
	for _, c := range []struct {
		power string
		attrs capability.Attributes
		rules []string
		says  string
	}{
		{"card.charge", capability.Attributes{"amount": int64(5), "currency": "USD", "merchant": "*"}, nil, "cover more than itself"},
		{"card.charge", capability.Attributes{"amount": 5.0, "currency": "USD", "merchant": "m"}, nil, "amount is a float64"},
		{"http.request", capability.Attributes{"authority": ".example", "method": "GET", "scheme": "https", "path": "/"}, nil, "cover more than itself"},
		{"web.fetch", capability.Attributes{"url": "https://a.example"}, nil, "cover more than itself"},
		{"memory.write", nil, nil, "nothing about memory.write"},
		{"card.charge", capability.Attributes{"amount": int64(5), "currency": "USD", "merchant": "m"}, []string{"base.flow.payee"}, "rule base.flow.payee"},
		{"host.kill", capability.Attributes{"target": "all"}, nil, "about Ambit itself"},
	} {
		a := Approval{Plugin: "p", Capability: c.power, Attributes: c.attrs}
		for _, r := range c.rules {
			a.Reasons = append(a.Reasons, policy.Reason{Rule: r})
		}
		if gr, err := a.AsGrant(); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %v: %+v, %v; want %q", c.power, c.attrs, gr, err, c.says)
		}
	}
}

// TestWhoMayAnswer: a plugin answers for others, with the digest, once, and
// never what is about the host.
func TestWhoMayAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.asks["host.kill"] = capability.Scope{Allow: map[string][]string{"targets": {"all"}}}
	w.decision = asking("why")
	g := w.open(t)
	grantAll(t, g, w)
	kill := inSession(effect("card.charge", nil), "s")
	kill.Capability, kill.Attributes = "host.kill", capability.Attributes{"target": "all"}
	raised := inSession(effect("kv.write", nil), "s")
	raised.Risk = capability.Control
	mine := inSession(effect("kv.write", nil), "s")
	mine.Actor = policy.Entity{Type: "plugin", ID: "chat"}
	behalf := inSession(effect("kv.write", nil), "s")
	behalf.Origin.Tool = "chat/send"
	chat := policy.Entity{Type: "plugin", ID: "chat"}
	for name, c := range map[string]struct {
		effect Effect
		answer Answer
	}{
		"control":         {kill, Answer{By: chat}},
		"raised risk":     {raised, Answer{By: chat}},
		"its own":         {mine, Answer{By: chat}},
		"on its behalf":   {behalf, Answer{By: chat}},
		"the plugin's":    {inSession(effect("kv.write", nil), "s"), Answer{By: policy.Entity{Type: "plugin", ID: "p"}}},
		"for the session": {inSession(effect("kv.write", nil), "s"), Answer{By: chat, Lasting: ForSession}},
		"as a grant":      {inSession(effect("kv.write", nil), "s"), Answer{By: chat, Lasting: AsGrant}},
		"an agent":        {inSession(effect("kv.write", nil), "s"), Answer{By: agent}},
		"nobody":          {inSession(effect("kv.write", nil), "s"), Answer{By: policy.Entity{Type: "plugin"}}},
	} {
		done := charge(g, c.effect)
		a := <-w.notified
		for a.State != Waiting {
			a = <-w.notified
		}
		c.answer.Approve, c.answer.Digest = true, a.Digest
		if _, err := g.Respond(t.Context(), a.ID, c.answer); protocol.CodeOf(err) != protocol.Denied {
			t.Errorf("%s: %v", name, err)
		}
		blind := Answer{Approve: true, By: chat}
		if _, err := g.Respond(t.Context(), a.ID, blind); err == nil {
			t.Errorf("%s: answered without a digest", name)
		}
		if err := answer(g, a, false); err != nil {
			t.Errorf("%s: it does not wait any more: %v", name, err)
		}
		<-done
	}
}

// TestLateAnswer: a yes that comes after the end does nothing, though nobody
// has noticed the end yet.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.decision = asking("why")
	g := w.open(t)
	grantAll(t, g, w)
	done := charge(g, inSession(effect("card.charge", func(context.Context, *Flight) error { t.Error("it began"); return nil }), "s"))
	a := <-w.notified
	late := a
	late.Expires = a.Created
	g.mu.Lock()
	g.approvals[a.ID] = &pending{approval: late, grant: g.approvals[a.ID].grant, answer: g.approvals[a.ID].answer}
	g.mu.Unlock()
	out, err := g.Respond(t.Context(), a.ID, Answer{Digest: a.Digest, Approve: true, Lasting: ForSession})
	if err != nil || out.State != Expired {
		t.Errorf("%+v, %v", out, err)
	}
	wantCode(t, <-done, protocol.Declined)
	if len(g.allowances) != 0 || w.approvals[a.ID].State != Expired {
		t.Errorf("it lasts: %v, stored as %s", g.allowances, w.approvals[a.ID].State)
	}
	if kinds := w.kinds(t); slices.Contains(kinds, audit.Approve) {
		t.Errorf("the log holds an approval: %v", kinds)
	}
}

// TestBatch: one word may answer several, each bound to its own digest; if one
// is not what was shown, none is answered.
func TestBatch(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.decision = asking("why")
	g := w.open(t)
	grantAll(t, g, w)
	var list []Exact
	results := make(chan error, 3)
	for i := range 3 {
		e := inSession(effect("card.charge", nil), "s")
		e.Attributes["amount"] = int64(i + 1)
		go func() { results <- g.Do(context.Background(), e) }()
	}
	for range 3 {
		a := <-w.notified
		list = append(list, Exact{a.ID, a.Digest})
	}
	wrong := slices.Clone(list)
	wrong[2].Digest = list[0].Digest
	if _, err := g.RespondAll(t.Context(), wrong, Answer{Approve: true}); protocol.CodeOf(err) != protocol.Invalid || len(g.Approvals()) != 3 {
		t.Fatalf("%v, %d wait", err, len(g.Approvals()))
	}
	out, err := g.RespondAll(t.Context(), list, Answer{Approve: true})
	if err != nil || len(out) != 3 || len(g.Approvals()) != 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	for range 3 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if _, err := g.RespondAll(t.Context(), list, Answer{Approve: true}); protocol.CodeOf(err) != protocol.NotFound {
		t.Errorf("replayed: %v", err)
	}
}

// TestTally: an effect counts once, as allowed, asked or denied.
func TestTally(t *testing.T) {
	t.Parallel()
	w := newWorld()
	g := w.open(t)
	grantAll(t, g, w)
	for range 3 {
		if err := g.Do(t.Context(), effect("kv.read", nil)); err != nil {
			t.Fatal(err)
		}
	}
	w.decision = asking("why")
	for _, yes := range []bool{true, false} {
		done := charge(g, effect("card.charge", nil))
		respond(t, w, g, Answer{Approve: yes})
		<-done
	}
	w.decision = verdict(policy.Deny)
	_ = g.Do(t.Context(), effect("kv.read", nil))
	got, err := g.Tallies(t.Context(), 7)
	if err != nil || len(got) != 1 || got[0].Allowed != 3 || got[0].Asked != 2 || got[0].Denied != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}
