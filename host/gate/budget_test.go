package gate

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/protocol"
)

// underBudget is a policy that allows, or asks, under a budget.
func underBudget(v policy.Verdict, params map[string]any) func(*policy.Request) (policy.Decision, error) {
	return func(*policy.Request) (policy.Decision, error) {
		return policy.Decision{Verdict: v, Obligations: []policy.Obligation{{Type: "budget", Params: params}}}, nil
	}
}

func tenCents() map[string]any {
	return map[string]any{"limit": 10, "unit": "usd", "window": "day", "by": "plugin"}
}

// TestSettling: how an effect ends decides what becomes of its reservation.
func TestSettling(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		perform func(*world, *Gate) error
		want    Settlement
	}{
		{"done", func(*world, *Gate) error { return nil }, Spent},
		{"failed", func(*world, *Gate) error { return protocol.Errorf(protocol.Failed, "no") }, Unsure},
		{"panicked", func(*world, *Gate) error { panic("x") }, Unsure},
		{"unknown", func(*world, *Gate) error { return protocol.Errorf(protocol.Unknown, "who knows") }, Unsure},
		{"revoked", func(_ *world, g *Gate) error {
			_, _ = g.Revoke(context.Background(), owner, "p", "card.charge")
			return errors.New("cut off")
		}, Unsure},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.decision = underBudget(policy.Allow, tenCents())
			g := w.open(t)
			grantAll(t, g, w)
			begun := 0
			_ = g.Do(t.Context(), effect("card.charge", func(context.Context, *Flight) error {
				begun = len(w.charged)
				return c.perform(w, g)
			}))
			if begun != 1 || len(w.settled) != 1 {
				t.Fatalf("%d charges at the beginning, settled %v", begun, w.settled)
			}
			for _, s := range w.settled {
				if s != c.want {
					t.Errorf("settled as %s, want %s", s, c.want)
				}
			}
		})
	}
}

// TestUntouched: whoever performs an effect can vouch that nothing was done.
func TestUntouched(t *testing.T) {
	t.Parallel()
	for _, err := range []error{nil, protocol.Errorf(protocol.Failed, "no")} {
		w := newWorld()
		w.decision = underBudget(policy.Allow, tenCents())
		g := w.open(t)
		grantAll(t, g, w)
		_ = g.Do(t.Context(), effect("card.charge", func(_ context.Context, f *Flight) error {
			f.Untouched()
			return err
		}))
		if len(w.settled) != 1 {
			t.Fatalf("settled %v", w.settled)
		}
		for _, s := range w.settled {
			if s != Released {
				t.Errorf("%v: settled as %s", err, s)
			}
		}
	}
}

// TestFailedRead: a read that failed was used, and leaves the owner nothing to
// find out.
func TestFailedRead(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.decision = underBudget(policy.Allow, map[string]any{"limit": 10, "unit": "count", "window": "day", "by": "plugin"})
	g := w.open(t)
	grantAll(t, g, w)
	_ = g.Do(t.Context(), effect("kv.read", func(context.Context, *Flight) error { return protocol.Errorf(protocol.Unavailable, "no") }))
	for _, s := range w.settled {
		if s != Spent {
			t.Errorf("settled as %s", s)
		}
	}
	if len(w.settled) != 1 {
		t.Errorf("settled %v", w.settled)
	}
}

// TestNeverBegun: what was reserved for an effect that did not begin is free
// again.
func TestNeverBegun(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*world, *Gate){
		"the log fails":     func(w *world, _ *Gate) { w.logErr = errDisk },
		"the grant is gone": func(_ *world, g *Gate) { g.grants[key{"p", "card.charge"}][0].Revoked = g.cfg.Clock.Now() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			g := w.open(t)
			grantAll(t, g, w)
			w.decision = func(r *policy.Request) (policy.Decision, error) {
				spoil(w, g)
				return underBudget(policy.Allow, tenCents())(r)
			}
			err := g.Do(t.Context(), effect("card.charge", func(context.Context, *Flight) error { t.Error("it began"); return nil }))
			if err == nil || len(w.charged) != 1 || len(w.settled) != 1 {
				t.Fatalf("%v; charged %v, settled %v", err, w.charged, w.settled)
			}
			for _, s := range w.settled {
				if s != Released {
					t.Errorf("settled as %s", s)
				}
			}
		})
	}
}

// TestBudgetFailsClosed: no room, no answer and no sense are all refusals.
func TestBudgetFailsClosed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		params map[string]any
		fail   bool
		code   protocol.Code
		says   string
	}{
		"no room":       {map[string]any{"limit": 4, "unit": "usd", "window": "day", "by": "plugin"}, false, protocol.Denied, "there is 0.04 USD left"},
		"no store":      {tenCents(), true, protocol.Unavailable, "can't be kept"},
		"no sense":      {map[string]any{"limit": 4, "unit": "usd", "window": "day", "by": "moon"}, false, protocol.Unavailable, "moon"},
		"no parameters": {nil, false, protocol.Unavailable, "can't be read"},
		"no currency":   {map[string]any{"limit": 400, "unit": "eur", "window": "day", "by": "plugin"}, false, protocol.Denied, "two currencies"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			g := w.open(t)
			grantAll(t, g, w)
			w.decision = underBudget(policy.Allow, c.params)
			if c.fail {
				w.storeErr = errDisk
			}
			err := g.Do(t.Context(), effect("card.charge", func(context.Context, *Flight) error { t.Error("it began"); return nil }))
			if protocol.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v; want %s, %q", err, c.code, c.says)
			}
		})
	}
}

// TestNoRoomIsNotAsked: a question whose yes would come to nothing is not put.
func TestNoRoomIsNotAsked(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.decision = underBudget(policy.Ask, map[string]any{"limit": 4, "unit": "usd", "window": "day", "by": "plugin"})
	g := w.open(t)
	grantAll(t, g, w)
	err := g.Do(t.Context(), effect("card.charge", nil))
	if protocol.CodeOf(err) != protocol.Denied || len(w.approvals) != 0 {
		t.Errorf("%v, asked %d times", err, len(w.approvals))
	}
}

// TestReservedAfterTheAnswer: while the owner thinks nothing is reserved; after
// the yes it is, and the budget still decides.
func TestReservedAfterTheAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.decision = underBudget(policy.Ask, tenCents())
	g := w.open(t)
	grantAll(t, g, w)
	results := make(chan error, 3)
	for range 3 { // 5 each
		go func() { results <- g.Do(context.Background(), effect("card.charge", nil)) }()
	}
	var ids []int64
	for range 3 {
		ids = append(ids, (<-w.notified).ID)
	}
	if len(w.charged) != 0 {
		t.Fatal("reserved before the answer")
	}
	for _, id := range ids {
		if _, err := g.Answer(t.Context(), id, "", true, ""); err != nil {
			t.Fatal(err)
		}
	}
	done := 0
	for range 3 {
		if err := <-results; err == nil {
			done++
		} else if protocol.CodeOf(err) != protocol.Denied {
			t.Error(err)
		}
	}
	if done != 2 {
		t.Errorf("%d of 3 were done, there was room for 2", done)
	}
}
