package gate

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/clock"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

// TestRevokeHammer races a revoke with thousands of effects: none begins after
// Revoke returned, and none that ran on is left uncancelled.
func TestRevokeHammer(t *testing.T) {
	t.Parallel()
	for range 20 {
		hammer(t, protocol.Denied, func(g *Gate) error {
			_, err := g.Revoke(context.Background(), owner, "p", "kv.read")
			return err
		})
	}
}

// TestKillHammer is the same for every level of the kill switch.
func TestKillHammer(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"all", "agent:main", "plugin:p"} {
		for range 7 {
			hammer(t, protocol.Killed, func(g *Gate) error {
				_, err := g.Kill(context.Background(), owner, target, "")
				return err
			})
		}
	}
}

func hammer(t *testing.T, after protocol.Code, stop func(*Gate) error) {
	t.Helper()
	w := newWorld()
	g := w.open(t)
	grantAll(t, g, w)
	var stopped atomic.Bool
	var late, began atomic.Int64
	var wg sync.WaitGroup
	halfway := make(chan struct{})
	for range 8 {
		wg.Go(func() {
			for range 500 {
				err := g.Do(context.Background(), effect("kv.read", func(ctx context.Context, _ *Flight) error {
					// One that began before and gets the processor only now is
					// cancelled already; one that began after is not.
					if stopped.Load() && ctx.Err() == nil {
						late.Add(1)
					}
					if began.Add(1) == 200 {
						close(halfway)
					}
					if began.Load()%50 == 0 {
						select {
						case <-ctx.Done():
						case <-time.After(100 * time.Microsecond):
						}
					}
					return ctx.Err()
				}))
				if err != nil && protocol.CodeOf(err) != after && protocol.CodeOf(err) != protocol.Revoked && protocol.CodeOf(err) != protocol.Killed {
					t.Errorf("unexpected %v", err)
				}
			}
		})
	}
	<-halfway
	if err := stop(g); err != nil {
		t.Error(err)
	}
	stopped.Store(true)
	wantCode(t, g.Do(context.Background(), effect("kv.read", nil)), after)
	wg.Wait()
	if late.Load() != 0 {
		t.Errorf("%d effects began after it returned", late.Load())
	}
	w.kinds(t)
}

func TestRevokeCancelsWhatIsInFlight(t *testing.T) {
	t.Parallel()
	w := newWorld()
	g := w.open(t)
	grantAll(t, g, w)
	began, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- g.Do(context.Background(), effect("kv.write", func(ctx context.Context, _ *Flight) error {
			close(began)
			<-ctx.Done()
			return ctx.Err()
		}))
	}()
	<-began
	rev, err := g.Revoke(t.Context(), owner, "p", "")
	if err != nil || len(rev.Cancelled) != 1 || len(rev.Ended) != len(w.asks) {
		t.Errorf("revoked %+v, %v", rev, err)
	}
	wantCode(t, <-done, protocol.Revoked)
	if last := w.records[len(w.records)-1]; last.Kind == audit.Outcome && last.Status != "unknown" {
		t.Errorf("a write that was cut off is recorded as %q", last.Status)
	}
	if _, err := g.Revoke(t.Context(), owner, "p", "kv.read"); protocol.CodeOf(err) != protocol.NotFound {
		t.Errorf("revoking twice: %v", err)
	}
}

// TestNarrowingTakesHoldAtOnce: a narrower grant replaces the wider one, and
// what ran under the wider one is cut off.
func TestNarrowingTakesHoldAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld()
	g := w.open(t)
	grantAll(t, g, w)
	began, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- g.Do(context.Background(), effect("kv.read", func(ctx context.Context, _ *Flight) error { close(began); <-ctx.Done(); return ctx.Err() }))
	}()
	<-began
	if _, err := g.Grant(t.Context(), Grant{Plugin: "p", Capability: "kv.read", Scope: scope("keys", "only/")}); err != nil {
		t.Fatal(err)
	}
	wantCode(t, <-done, protocol.Revoked)
	wantCode(t, g.Do(t.Context(), effect("kv.read", nil)), protocol.Denied)
}

func TestStateSurvivesRestart(t *testing.T) {
	t.Parallel()
	w := newWorld()
	g := w.open(t)
	grantAll(t, g, w)
	if _, err := g.Revoke(t.Context(), owner, "p", "kv.write"); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Kill(t.Context(), owner, "plugin:q", "misbehaved"); err != nil {
		t.Fatal(err)
	}
	g = w.open(t)
	if err := g.Do(t.Context(), effect("kv.read", nil)); err != nil {
		t.Errorf("a grant was lost: %v", err)
	}
	wantCode(t, g.Do(t.Context(), effect("kv.write", nil)), protocol.Denied)
	e := effect("kv.read", nil)
	e.Plugin = "q"
	wantCode(t, g.Do(t.Context(), e), protocol.Killed)
	if !w.cells["plugin:q"] {
		t.Error("after the restart the cells of q may start")
	}
	if cleared, err := g.Resume(t.Context(), "all"); err != nil || len(cleared) != 0 {
		t.Errorf("resuming everything resumed %v, %v; q was killed by itself", cleared, err)
	}
	if cleared, err := g.Resume(t.Context(), "plugin:q"); err != nil || len(cleared) != 1 {
		t.Errorf("resumed %v, %v", cleared, err)
	}
	if len(w.latch) != 0 || w.cells["plugin:q"] || len(g.Halted()) != 0 {
		t.Error("resume left something halted")
	}
}

// TestKillHoldsWhenNothingCanBeWritten: a broken disk must not keep the switch
// from working.
func TestKillHoldsWhenNothingCanBeWritten(t *testing.T) {
	t.Parallel()
	w := newWorld()
	g := w.open(t)
	grantAll(t, g, w)
	w.mu.Lock()
	w.logErr, w.storeErr = errDisk, errDisk
	w.mu.Unlock()
	if _, err := g.Kill(t.Context(), owner, "all", ""); err == nil {
		t.Error("no error tells that the kill may not survive")
	}
	if _, err := g.Resume(t.Context(), "all"); err == nil {
		t.Error("resumed without a record")
	}
	w.mu.Lock()
	w.logErr, w.storeErr = nil, nil
	w.mu.Unlock()
	wantCode(t, g.Do(t.Context(), effect("kv.read", nil)), protocol.Killed)
}

// TestKillBeatsResume: a kill that comes while a resume is being written stays.
func TestKillBeatsResume(t *testing.T) {
	t.Parallel()
	for range 200 {
		w := newWorld()
		g := w.open(t)
		if _, err := g.Kill(t.Context(), owner, "all", "first"); err != nil {
			t.Fatal(err)
		}
		var killed, resumed sync.WaitGroup
		var again time.Time
		killed.Go(func() {
			if _, err := g.Kill(context.Background(), owner, "all", "second"); err != nil {
				t.Error(err)
			}
			again = time.Now()
		})
		var cleared []Halt
		resumed.Go(func() { cleared, _ = g.Resume(context.Background(), "all") })
		killed.Wait()
		resumed.Wait()
		_ = again
		memory, disk := len(g.Halted()), len(w.latch)
		second := len(cleared) == 1 && cleared[0].Reason == "second"
		if want := map[bool]int{true: 0, false: 1}[second]; memory != want || disk != want {
			t.Fatalf("cleared %v; memory has %d halts, disk %d", cleared, memory, disk)
		}
		if w.cells["all"] != (memory == 1) {
			t.Fatal("cells and latch disagree")
		}
	}
}

func TestApproval(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(*world, *Gate, Approval) error
		code   protocol.Code // "" is done
	}{
		"approved": {func(_ *world, g *Gate, a Approval) error { return answer(g, a, true) }, ""},
		"declined": {func(_ *world, g *Gate, a Approval) error { return answer(g, a, false) }, protocol.Declined},
		"killed while waiting": {func(_ *world, g *Gate, _ Approval) error {
			_, err := g.Kill(context.Background(), owner, "all", "")
			return err
		}, protocol.Killed},
		"revoked while waiting": {func(_ *world, g *Gate, _ Approval) error {
			_, err := g.Revoke(context.Background(), owner, "p", "card.charge")
			return err
		}, protocol.Revoked},
		"policy changed while waiting": {func(w *world, g *Gate, a Approval) error {
			w.mu.Lock()
			w.decision = verdict(policy.Deny)
			w.mu.Unlock()
			return answer(g, a, true)
		}, protocol.Denied},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.decision = verdict(policy.Ask)
			g := w.open(t)
			grantAll(t, g, w)
			ran := false
			done := charge(g, effect("card.charge", func(context.Context, *Flight) error { ran = true; return nil }))
			a := <-w.notified
			if a.State != Waiting || a.Digest == "" {
				t.Errorf("asked %+v", a)
			}
			if err := c.answer(w, g, a); err != nil {
				t.Error(err)
			}
			err := <-done
			if c.code == "" && (err != nil || !ran) {
				t.Errorf("approved, but %v, ran %v", err, ran)
			}
			if c.code != "" {
				wantCode(t, err, c.code)
				if ran {
					t.Error("the effect happened")
				}
			}
			if err := answer(g, a, true); protocol.CodeOf(err) != protocol.NotFound {
				t.Errorf("a late answer: %v", err)
			}
			if len(g.Approvals()) != 0 {
				t.Error("it still waits")
			}
		})
	}
}

func answer(g *Gate, a Approval, yes bool) error {
	_, err := g.Answer(context.Background(), a.ID, a.Digest, yes, "because")
	return err
}

// TestApprovalIsForOneRequest: the digest covers every part of a request, an
// answer to another digest is refused, and a changed request is not performed.
func TestApprovalIsForOneRequest(t *testing.T) {
	t.Parallel()
	base := effect("card.charge", nil)
	for name, change := range map[string]func(*Effect){
		"args":       func(e *Effect) { e.Args = []byte(`{"amount":6}`) },
		"attributes": func(e *Effect) { e.Attributes = capability.Attributes{"amount": int64(6)} },
		"actor":      func(e *Effect) { e.Actor.ID = "other" },
		"plugin":     func(e *Effect) { e.Plugin = "q" },
		"capability": func(e *Effect) { e.Capability = "payment.send" },
		"resource":   func(e *Effect) { e.Resource = "s" },
		"session":    func(e *Effect) { e.Origin.Session = "s" },
	} {
		other := base
		change(&other)
		if other.digest() == base.digest() {
			t.Errorf("two requests that differ in %s have one digest", name)
		}
	}
	w := newWorld()
	w.decision = verdict(policy.Ask)
	g := w.open(t)
	grantAll(t, g, w)
	e := effect("card.charge", nil)
	e.Attributes = capability.Attributes{"amount": int64(5), "currency": "USD", "merchant": "m"}
	done := make(chan error, 1)
	go func() { done <- g.Do(context.Background(), e) }()
	a := <-w.notified
	if _, err := g.Answer(t.Context(), a.ID, "0000", true, ""); protocol.CodeOf(err) != protocol.Invalid {
		t.Errorf("an answer to another request: %v", err)
	}
	e.Attributes["amount"] = int64(5000) // the asker changes the map it handed over
	if err := answer(g, a, true); err != nil {
		t.Fatal(err)
	}
	wantCode(t, <-done, protocol.Declined)
}

// TestApprovalExpires by the wall clock, which may be set and goes on while the
// machine sleeps.
func TestApprovalExpires(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.decision = verdict(policy.Ask)
	g := w.open(t)
	c := clock.NewManual(time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC))
	g.cfg.Clock, g.cfg.ApprovalTTL = c, 10*time.Minute
	grantAll(t, g, w)
	done := make(chan error, 1)
	go func() { done <- g.Do(t.Context(), effect("card.charge", nil)) }()
	a := <-w.notified
	c.Set(a.Expires.Add(-time.Second))
	if err := answer(g, a, true); err != nil {
		t.Fatalf("a second before it expires: %v", err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	go func() { done <- g.Do(t.Context(), effect("card.charge", nil)) }()
	for a = <-w.notified; a.State != Waiting; a = <-w.notified {
	}
	c.Set(a.Created.Add(-time.Hour)) // wakes who waits, and is no reason to give up
	c.Set(a.Expires)
	wantCode(t, <-done, protocol.Declined)
	if got := w.approvals[2]; got.State != Expired {
		t.Errorf("stored as %s", got.State)
	}
}
