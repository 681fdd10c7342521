package gate

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/clock"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

func wantCode(t testing.TB, err error, code protocol.Code) {
	t.Helper()
	if err == nil || protocol.CodeOf(err) != code {
		t.Errorf("got %v; want an error with code %s", err, code)
	}
}

// TestFailClosed holds each part of the path against failing: whatever can't
// be checked or recorded does not happen.
func TestFailClosed(t *testing.T) {
	t.Parallel()
	deny := func(*policy.Request) (policy.Decision, error) {
		return policy.Decision{Verdict: policy.Deny, Revision: "r9", Reasons: []policy.Reason{{Rule: "owner.x", Message: "no", Change: "edit x"}}}, nil
	}
	for name, c := range map[string]struct {
		breakIt func(*world, *Gate)
		power   string
		code    protocol.Code
		rule    string
	}{
		"no grant":                {func(w *world, g *Gate) { _, _ = g.Revoke(context.Background(), owner, "p", "kv.read") }, "kv.read", protocol.Denied, "grant"},
		"not in manifest":         {func(w *world, g *Gate) { delete(w.asks, "kv.read") }, "kv.read", protocol.Denied, "manifest"},
		"manifest asks for less":  {func(w *world, g *Gate) { w.asks["kv.read"] = scope("keys", "other/") }, "kv.read", protocol.Denied, "manifest"},
		"policy denies":           {func(w *world, g *Gate) { w.decision = deny }, "kv.read", protocol.Denied, "owner.x"},
		"policy says nothing":     {func(w *world, g *Gate) { w.decision = verdict("") }, "kv.read", protocol.Denied, "policy"},
		"policy speaks nonsense":  {func(w *world, g *Gate) { w.decision = verdict("maybe") }, "kv.read", protocol.Denied, "policy"},
		"policy fails":            {func(w *world, g *Gate) { w.decision = failing }, "kv.read", protocol.Unavailable, "policy"},
		"unknown obligation":      {func(w *world, g *Gate) { w.decision = obliged("sing") }, "kv.read", protocol.Unavailable, ""},
		"log fails on a read":     {func(w *world, g *Gate) { w.logErr = errDisk }, "kv.read", protocol.Unavailable, "audit"},
		"log fails on a write":    {func(w *world, g *Gate) { w.logErr = errDisk }, "kv.write", protocol.Unavailable, "audit"},
		"state fails on approval": {func(w *world, g *Gate) { w.decision, w.storeErr = verdict(policy.Ask), errDisk }, "card.charge", protocol.Unavailable, "approval"},
		"halted":                  {func(w *world, g *Gate) { _, _ = g.Kill(context.Background(), owner, "all", "test") }, "kv.read", protocol.Killed, "latch"},
		"agent halted":            {func(w *world, g *Gate) { _, _ = g.Kill(context.Background(), owner, "agent:main", "") }, "kv.read", protocol.Killed, "latch"},
		"plugin halted":           {func(w *world, g *Gate) { _, _ = g.Kill(context.Background(), owner, "plugin:p", "") }, "kv.read", protocol.Killed, "latch"},
		"outside the vocabulary":  {func(w *world, g *Gate) {}, "kv.destroy", protocol.Invalid, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			g := w.open(t)
			grantAll(t, g, w)
			w.mu.Lock()
			w.records = nil
			w.mu.Unlock()
			c.breakIt(w, g)
			ran := false
			err := g.Do(t.Context(), effect(c.power, func(context.Context, *Flight) error { ran = true; return nil }))
			wantCode(t, err, c.code)
			if ran {
				t.Error("the effect happened")
			}
			if d, ok := errors.AsType[*Denial](err); ok && c.rule != "" && d.Rule != c.rule {
				t.Errorf("rule %q, want %q", d.Rule, c.rule)
			}
			if slices.Contains(w.kinds(t), audit.Intent) {
				t.Error("an intent was recorded for what was refused")
			}
		})
	}
}

func scope(key string, list ...string) capability.Scope {
	return capability.Scope{Allow: map[string][]string{key: list}}
}

func verdict(v policy.Verdict) func(*policy.Request) (policy.Decision, error) {
	return func(*policy.Request) (policy.Decision, error) { return policy.Decision{Verdict: v}, nil }
}

func obliged(typ string) func(*policy.Request) (policy.Decision, error) {
	return func(*policy.Request) (policy.Decision, error) {
		return policy.Decision{Verdict: policy.Allow, Obligations: []policy.Obligation{{Type: typ}}}, nil
	}
}

func failing(*policy.Request) (policy.Decision, error) {
	return policy.Decision{Verdict: policy.Allow}, errDisk
}

func TestIntentIsDurableBeforeAnythingButARead(t *testing.T) {
	t.Parallel()
	w := newWorld()
	g := w.open(t)
	grantAll(t, g, w)
	for power, want := range map[string]bool{"kv.read": false, "kv.write": true} {
		before := len(w.kinds(t))
		err := g.Do(t.Context(), effect(power, func(context.Context, *Flight) error {
			if got := w.kinds(t); got[len(got)-1] != audit.Intent {
				t.Errorf("%s: performed before its intent", power)
			}
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		if got := w.kinds(t)[before:]; !slices.Equal(got, []audit.Kind{audit.Intent, audit.Outcome}) {
			t.Errorf("%s: recorded %v", power, got)
		}
		if w.durable[before] != want {
			t.Errorf("%s: intent durable is %v, want %v", power, w.durable[before], want)
		}
	}
}

// TestResolvedFactsReachPolicy: what Resolve learns is decided on, and the
// caller's own map stays as it was.
func TestResolvedFactsReachPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld()
	g := w.open(t)
	grantAll(t, g, w)
	var seen capability.Attributes
	w.decision = func(r *policy.Request) (policy.Decision, error) {
		seen = r.Resource.Attributes
		return policy.Decision{Verdict: policy.Deny}, nil
	}
	e := effect("http.request", nil)
	e.Resolve = func(context.Context) (capability.Attributes, error) {
		return capability.Attributes{"special_addresses": []string{"127.0.0.1"}}, nil
	}
	wantCode(t, g.Do(t.Context(), e), protocol.Denied)
	if seen["special_addresses"] == nil || e.Attributes["special_addresses"] != nil {
		t.Errorf("policy saw %v, the caller's attributes are %v", seen, e.Attributes)
	}
}

func TestPanicIsAFailure(t *testing.T) {
	t.Parallel()
	w := newWorld()
	g := w.open(t)
	grantAll(t, g, w)
	err := g.Do(t.Context(), effect("kv.read", func(context.Context, *Flight) error { panic("boom") }))
	wantCode(t, err, protocol.Internal)
	if strings.Contains(err.Error(), "boom") {
		t.Errorf("the panic leaked: %v", err)
	}
}

// TestCutOffWriteIsUnknown: a write whose caller left may have happened.
func TestCutOffWriteIsUnknown(t *testing.T) {
	t.Parallel()
	for power, want := range map[string]string{"kv.write": "unknown", "kv.read": "cancelled"} {
		w := newWorld()
		g := w.open(t)
		grantAll(t, g, w)
		ctx, cancel := context.WithCancel(t.Context())
		err := g.Do(ctx, effect(power, func(ctx context.Context, _ *Flight) error { cancel(); <-ctx.Done(); return ctx.Err() }))
		wantCode(t, err, protocol.Timeout)
		if last := w.records[len(w.records)-1]; last.Status != want {
			t.Errorf("%s: status %q, want %q", power, last.Status, want)
		}
	}
}

func TestExtendedFlight(t *testing.T) {
	t.Parallel()
	w := newWorld()
	g := w.open(t)
	grantAll(t, g, w)
	var end func(error)
	var streamCtx context.Context
	if err := g.Do(t.Context(), effect("http.request", func(ctx context.Context, f *Flight) error { end, streamCtx = f.Extend(), ctx; return nil })); err != nil {
		t.Fatal(err)
	}
	if k := w.kinds(t); k[len(k)-1] != audit.Intent || streamCtx.Err() != nil {
		t.Fatalf("the stream ended with Perform: %v, %v", k, streamCtx.Err())
	}
	if rev, err := g.Revoke(t.Context(), owner, "p", "http.request"); err != nil || len(rev.Cancelled) != 1 {
		t.Errorf("revoked %+v, %v; want one stream cancelled", rev, err)
	}
	if streamCtx.Err() == nil {
		t.Error("the stream outlived its grant")
	}
	end(streamCtx.Err())
	end(nil)
	n := 0
	for _, r := range w.records {
		if r.Kind == audit.Outcome {
			n++
			if r.Code != string(protocol.Revoked) {
				t.Errorf("outcome %+v, want revoked", r)
			}
		}
	}
	if n != 1 {
		t.Errorf("%d outcomes, want 1", n)
	}
}

func TestDenialTellsWhatToDo(t *testing.T) {
	t.Parallel()
	w := newWorld()
	g := w.open(t)
	err := g.Do(t.Context(), effect("kv.read", nil))
	for _, want := range []string{"p", "kv.read", "ambit grant p kv.read", "rule grant"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not mention %q", err, want)
		}
	}
}

func TestExpiredGrant(t *testing.T) {
	t.Parallel()
	w := newWorld()
	g := w.open(t)
	at := clock.NewManual(time.Now())
	g.cfg.Clock = at
	expires := at.Now().Add(time.Hour)
	if _, err := g.Grant(t.Context(), Grant{Plugin: "p", Capability: "kv.read", Expires: expires}); err != nil {
		t.Fatal(err)
	}
	if err := g.Do(t.Context(), effect("kv.read", nil)); err != nil {
		t.Fatal(err)
	}
	at.Set(expires)
	wantCode(t, g.Do(t.Context(), effect("kv.read", nil)), protocol.Denied)
	if got := g.Grants(""); len(got) != 0 {
		t.Errorf("expired grants are listed: %v", got)
	}
}

func TestGrantIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld()
	g := w.open(t)
	for name, gr := range map[string]Grant{
		"unknown capability": {Plugin: "p", Capability: "kv.destroy"},
		"not asked for":      {Plugin: "p", Capability: "host.kill", Scope: scope("targets", "all")},
		"no such plugin":     {Plugin: "ghost", Capability: "kv.read"},
		"unknown scope key":  {Plugin: "p", Capability: "kv.read", Scope: scope("colour", "red")},
		"hosts missing":      {Plugin: "p", Capability: "http.request"},
		"already over":       {Plugin: "p", Capability: "kv.read", Expires: time.Unix(1, 0)},
	} {
		if _, err := g.Grant(t.Context(), gr); err == nil {
			t.Errorf("%s: granted", name)
		}
	}
	w.logErr = errDisk
	if _, err := g.Grant(t.Context(), Grant{Plugin: "p", Capability: "kv.read"}); err == nil || len(g.Grants("")) != 0 {
		t.Error("a grant that the log does not know is in force")
	}
}
