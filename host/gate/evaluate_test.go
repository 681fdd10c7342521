package gate

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
)

// An evaluation is never more permissive than the gate: whatever it lets pass
// unconditionally, Do performs; and it leaves nothing behind but a record.
func TestEvaluateIsNoLooserThanDo(t *testing.T) {
	t.Parallel()
	charge := Effect{Capability: "card.charge", Actor: policy.Entity{Type: "agent", ID: "main"}, Plugin: "card", Resource: "x",
		Attributes: capability.Attributes{"amount": int64(1200), "currency": "USD", "merchant": "m"}, Origin: Origin{Agent: "main"}}
	for _, tc := range []struct {
		name   string
		change func(*testing.T, *world, *Gate, *Effect)
		want   bool
		rule   string
	}{
		{"granted", func(*testing.T, *world, *Gate, *Effect) {}, true, ""},
		{"no grant", func(t *testing.T, _ *world, g *Gate, _ *Effect) {
			if _, err := g.Revoke(t.Context(), policy.Entity{Type: "owner"}, "card", ""); err != nil {
				t.Fatal(err)
			}
		}, false, "grant"},
		{"beyond the grant", func(_ *testing.T, _ *world, _ *Gate, e *Effect) {
			e.Attributes = capability.Attributes{"amount": int64(99999), "currency": "USD", "merchant": "m"}
		}, false, "grant"},
		{"no such plugin", func(_ *testing.T, _ *world, _ *Gate, e *Effect) { e.Plugin = "ghost" }, false, "plugin"},
		{"not in the manifest", func(_ *testing.T, w *world, _ *Gate, _ *Effect) { delete(w.asks, "card.charge") }, false, "manifest"},
		{"killed", func(t *testing.T, _ *world, g *Gate, _ *Effect) {
			if _, err := g.Kill(t.Context(), policy.Entity{Type: "owner"}, All, "test"); err != nil {
				t.Fatal(err)
			}
		}, false, "latch"},
		{"denied", func(_ *testing.T, w *world, _ *Gate, _ *Effect) {
			w.decision = func(*policy.Request) (policy.Decision, error) {
				return policy.Decision{Verdict: policy.Deny, Reasons: []policy.Reason{{Rule: "owner.a.deny"}}}, nil
			}
		}, false, "owner.a.deny"},
		{"asked", func(_ *testing.T, w *world, _ *Gate, _ *Effect) {
			w.decision = func(*policy.Request) (policy.Decision, error) {
				return policy.Decision{Verdict: policy.Ask, Reasons: []policy.Reason{{Rule: "owner.a.ask"}}}, nil
			}
		}, false, "owner.a.ask"},
		{"obliged", func(_ *testing.T, w *world, _ *Gate, _ *Effect) {
			w.decision = func(*policy.Request) (policy.Decision, error) {
				return policy.Decision{Verdict: policy.Allow, Obligations: []policy.Obligation{{Type: "budget"}}}, nil
			}
		}, false, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			g := w.open(t)
			if _, err := g.Grant(t.Context(), Grant{Plugin: "card", Capability: "card.charge", Scope: capability.Scope{Max: map[string]int64{"max_amount": 5000}}}); err != nil {
				t.Fatal(err)
			}
			e := charge
			tc.change(t, w, g, &e)
			before := len(w.records)
			d, err := g.Evaluate(t.Context(), e)
			if err != nil || d.Unconditional() != tc.want {
				t.Fatalf("%+v, %v", d, err)
			}
			if tc.rule != "" && (len(d.Reasons) == 0 || d.Reasons[0].Rule != tc.rule) {
				t.Errorf("reasons %+v, want rule %s", d.Reasons, tc.rule)
			}
			if len(g.Approvals()) != 0 || len(g.flights) != 0 || len(w.charged) != 0 {
				t.Error("an evaluation left something behind")
			}
			if len(w.records) != before+1 || w.records[before].Kind != audit.Evaluation || w.records[before].Verdict != string(d.Verdict) || w.records[before].Rule != tc.rule {
				t.Errorf("recorded %+v", w.records[before:])
			}
			performed := false
			e.Perform = func(context.Context, *Flight) error { performed = true; return nil }
			ctx := t.Context()
			if !d.Unconditional() { // it may be asked, and nobody answers
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
				defer cancel()
			}
			_ = g.Do(ctx, e)
			if d.Unconditional() && !performed {
				t.Error("what the evaluation let pass, the gate refuses")
			}
		})
	}
}

// What policy's check takes for an obligation that the gate can meet, it can.
func TestObligationTypes(t *testing.T) {
	t.Parallel()
	for _, kind := range append(policy.ObligationTypes(), "redact") {
		w := newWorld()
		g := w.open(t)
		f := &Flight{gate: g, effect: &Effect{Plugin: "card", Capability: "card.charge"}}
		_, err := f.duties(policy.Decision{Verdict: policy.Allow, Obligations: []policy.Obligation{{Type: kind, Params: map[string]any{
			"limit": json.Number("1"), "unit": "count", "window": "day", "by": "agent",
		}}}})
		if unknown := err != nil && strings.Contains(err.Error(), "can't do"); unknown != (kind == "redact") {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// An answer that can't be recorded is a no.
func TestNoRecordNoEvaluation(t *testing.T) {
	t.Parallel()
	w := newWorld()
	g := w.open(t)
	grantAll(t, g, w)
	w.logErr = errors.New("the disk is full")
	d, err := g.Evaluate(t.Context(), Effect{Capability: "kv.read", Actor: policy.Entity{Type: "agent", ID: "main"}, Plugin: "p", Resource: "x",
		Attributes: capability.Attributes{"key": "k"}, Origin: Origin{Agent: "main"}})
	if err != nil || d.Unconditional() || d.Verdict != policy.Deny || d.Reasons[0].Rule != "audit" {
		t.Errorf("%+v, %v", d, err)
	}
}
