package gate

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/budget"
	"github.com/ambithost/ambit/host/clock"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

// limited opens a gate at a time of day, with a grant for charging cards.
func limited(t *testing.T, w *world, at *clock.Manual, l budget.Limits) *Gate {
	t.Helper()
	g, err := Open(t.Context(), Config{
		Policy: w, Audit: w, Store: w, Plugins: w, Notify: func(a Approval) { w.notified <- a },
		Clock: at, OwnerSeen: func() time.Time { return time.Date(2026, 3, 1, 11, 50, 0, 0, time.UTC) },
		Zone: time.FixedZone("", 3600),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Grant(t.Context(), Grant{Plugin: "p", Capability: "card.charge", Limits: &l}); err != nil {
		t.Fatal(err)
	}
	return g
}

// TestHoursAndConditions: outside them the grant covers nothing.
func TestHoursAndConditions(t *testing.T) {
	t.Parallel()
	day, night := &budget.Hours{From: "09:00", To: "13:00"}, &budget.Hours{From: "22:00", To: "13:00"}
	for _, c := range []struct {
		name   string
		limits budget.Limits
		at     string // UTC; the owner's clock is an hour ahead
		labels []string
		says   string // "": allowed
	}{
		{"within", budget.Limits{Between: day}, "11:59", nil, ""},
		{"after", budget.Limits{Between: day}, "12:00", nil, "only between 09:00 and 13:00, and it is 13:00"},
		{"before", budget.Limits{Between: day}, "07:59", nil, "only between"},
		{"over midnight", budget.Limits{Between: night}, "02:00", nil, ""},
		{"out of midnight", budget.Limits{Between: night}, "12:00", nil, "only between"},
		{"present", budget.Limits{OnlyWhen: []budget.Condition{budget.OwnerPresent}}, "12:05", nil, ""},
		{"gone", budget.Limits{OnlyWhen: []budget.Condition{budget.OwnerPresent}}, "12:06", nil, "while you are present"},
		{"clean", budget.Limits{OnlyWhen: []budget.Condition{budget.SessionClean}}, "12:00", []string{"private"}, ""},
		{"tainted", budget.Limits{OnlyWhen: []budget.Condition{budget.SessionClean}}, "12:00", []string{"untrusted"}, "written by strangers"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			at, _ := time.Parse("15:04", c.at)
			now := clock.NewManual(time.Date(2026, 3, 1, at.Hour(), at.Minute(), 0, 0, time.UTC))
			g := limited(t, w, now, c.limits)
			e := effect("card.charge", nil)
			e.Origin.Labels = c.labels
			err := g.Do(t.Context(), e)
			if c.says == "" && err != nil || c.says != "" && (protocol.CodeOf(err) != protocol.Denied || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%v; want %q", err, c.says)
			}
		})
	}
}

// TestHoursEndWhileAsked: a yes that comes after the hours have ended begins
// nothing.
func TestHoursEndWhileAsked(t *testing.T) {
	t.Parallel()
	w := newWorld()
	now := clock.NewManual(time.Date(2026, 3, 1, 11, 59, 0, 0, time.UTC))
	g := limited(t, w, now, budget.Limits{Between: &budget.Hours{From: "09:00", To: "13:00"}})
	w.decision = func(*policy.Request) (policy.Decision, error) {
		now.Set(now.Now().Add(time.Minute)) // policy took its time
		return policy.Decision{Verdict: policy.Allow}, nil
	}
	err := g.Do(t.Context(), effect("card.charge", func(context.Context, *Flight) error { t.Error("it began"); return nil }))
	if protocol.CodeOf(err) != protocol.Denied {
		t.Error(err)
	}
}

// TestAskOver: above the amount, or in another currency, the owner is asked
// though policy allows; up to it policy hears that the owner consents.
func TestAskOver(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		over     budget.Money
		actor    policy.Entity
		asked    bool
		consents bool
	}{
		{budget.Money{Amount: 5, Unit: "usd"}, agent, false, true},
		{budget.Money{Amount: 4, Unit: "usd"}, agent, true, false},
		{budget.Money{Amount: 500, Unit: "eur"}, agent, true, false},
		{budget.Money{Amount: 4, Unit: "usd"}, owner, false, false}, // who types the command was asked
	} {
		w := newWorld()
		now := clock.NewManual(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
		g := limited(t, w, now, budget.Limits{AskOver: &c.over})
		consents := false
		w.decision = func(r *policy.Request) (policy.Decision, error) {
			consents = r.Context.Grant.Consents
			return policy.Decision{Verdict: policy.Allow}, nil
		}
		e := effect("card.charge", nil)
		e.Actor, e.Origin.Trigger = c.actor, "call"
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- g.Do(ctx, e) }()
		asked := false
		select {
		case a := <-w.notified:
			asked = a.State == Waiting && a.Reasons[0].Rule == "grant.ask_over"
			cancel()
			<-done
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		}
		cancel()
		if asked != c.asked || consents != c.consents {
			t.Errorf("over %s as %s: asked %v, consents %v", c.over, c.actor.Type, asked, consents)
		}
	}
}

// TestGrantBudget: a grant's budget outlives the grant, and one that the
// capability can't mean is refused.
func TestGrantBudget(t *testing.T) {
	t.Parallel()
	w := newWorld()
	now := clock.NewManual(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	eight := func() budget.Limits {
		return budget.Limits{Budgets: []budget.Budget{{Limit: 8, Unit: "usd", Window: "day", By: budget.Keys{budget.ByAgent}, Name: "mine"}}}
	}
	g := limited(t, w, now, eight())
	if err := g.Do(t.Context(), effect("card.charge", nil)); err != nil {
		t.Fatal(err)
	}
	again := eight()
	if _, err := g.Grant(t.Context(), Grant{Plugin: "p", Capability: "card.charge", Limits: &again}); err != nil {
		t.Fatal(err)
	}
	if err := g.Do(t.Context(), effect("card.charge", nil)); protocol.CodeOf(err) != protocol.Denied || !strings.Contains(err.Error(), "0.03 USD left") {
		t.Errorf("a new grant began a new day: %v", err)
	}
	money := eight()
	if _, err := g.Grant(t.Context(), Grant{Plugin: "p", Capability: "kv.read", Limits: &money}); protocol.CodeOf(err) != protocol.Invalid {
		t.Errorf("a reader of keys has a budget of money: %v", err)
	}
}

// TestConsent: the owner's word for good is no power of its own, holds within
// its scope, and ends with a revocation.
func TestConsent(t *testing.T) {
	t.Parallel()
	w := newWorld()
	g := w.open(t)
	var consents bool
	w.decision = func(r *policy.Request) (policy.Decision, error) {
		consents = r.Context.Grant.Consents
		return policy.Decision{Verdict: policy.Allow}, nil
	}
	consent := Grant{Plugin: "p", Capability: "card.charge", Consent: true, Scope: capability.Scope{Max: map[string]int64{"max_amount": 5}}}
	if _, err := g.Grant(t.Context(), consent); err != nil {
		t.Fatal(err)
	}
	if err := g.Do(t.Context(), effect("card.charge", nil)); protocol.CodeOf(err) != protocol.Denied {
		t.Fatalf("a consent alone is a power: %v", err)
	}
	if _, err := g.Grant(t.Context(), Grant{Plugin: "p", Capability: "card.charge"}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{false, true, false, false} {
		switch i {
		case 1: // the new grant took the old consent's place; said again
			_, _ = g.Grant(t.Context(), consent)
		case 2:
			consent.Scope.Max["max_amount"] = 4
			_, _ = g.Revoke(t.Context(), owner, "p", "card.charge")
			_, _ = g.Grant(t.Context(), Grant{Plugin: "p", Capability: "card.charge"})
		case 3:
			_, _ = g.Grant(t.Context(), consent) // for less than is charged
		}
		if err := g.Do(t.Context(), effect("card.charge", nil)); err != nil || consents != want {
			t.Errorf("%d: consents %v, %v", i, consents, err)
		}
	}
}
