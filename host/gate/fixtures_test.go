package gate

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/budget"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
)

// world is the smallest surrounding a gate can stand in: everything in memory,
// each part with a switch that makes it fail.
type world struct {
	mu        sync.Mutex
	decision  func(*policy.Request) (policy.Decision, error)
	records   []audit.Record
	durable   []bool
	payloads  [][]byte
	logErr    error
	storeErr  error
	grants    map[string]Grant
	latch     map[string]Halt
	approvals map[int64]Approval
	used      map[int64]bool
	gone      map[int64]int
	asks      map[string]capability.Scope
	cells     map[string]bool
	notified  chan Approval
	charged   map[string][]budget.Charge // reserved
	settled   map[string]Settlement
	tally     Tally
}

func newWorld() *world {
	return &world{
		decision: func(*policy.Request) (policy.Decision, error) {
			return policy.Decision{Verdict: policy.Allow, Revision: "r1"}, nil
		},
		grants: map[string]Grant{}, latch: map[string]Halt{}, approvals: map[int64]Approval{}, used: map[int64]bool{}, gone: map[int64]int{}, charged: map[string][]budget.Charge{}, settled: map[string]Settlement{}, cells: map[string]bool{},
		asks: map[string]capability.Scope{
			"kv.read":      {},
			"kv.write":     {},
			"message.send": {},
			"card.charge":  {},
			"http.request": {Allow: map[string][]string{"hosts": {"*"}}},
		},
		notified: make(chan Approval, 100),
	}
}

func (w *world) open(t testing.TB) *Gate {
	t.Helper()
	g, err := Open(context.Background(), Config{Policy: w, Audit: w, Store: w, Plugins: w, Cells: w, ApprovalTTL: time.Minute, Notify: func(a Approval) { w.notified <- a }})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (w *world) Decide(_ context.Context, r *policy.Request) (policy.Decision, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.decision(r)
}

func (w *world) Append(_ context.Context, r audit.Record, payload []byte, durable bool) (uint64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.logErr != nil {
		return 0, w.logErr
	}
	w.records, w.durable, w.payloads = append(w.records, r), append(w.durable, durable), append(w.payloads, payload)
	return uint64(len(w.records) - 1), nil
}

func (w *world) Holder(name string) (policy.Plugin, map[string]capability.Scope, bool) {
	return policy.Plugin{Name: name, Digest: "sha256:d"}, w.asks, name != "ghost"
}

func (w *world) Forbid(target string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cells[target] = true
	return 1
}

func (w *world) Allow(target string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.cells, target)
}

func (w *world) LoadGrants(context.Context) (out []Grant, err error) {
	for _, g := range w.grants {
		if g.Revoked.IsZero() {
			out = append(out, g)
		}
	}
	return out, w.storeErr
}

func (w *world) change(fn func()) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.storeErr == nil {
		fn()
	}
	return w.storeErr
}

func (w *world) SaveGrants(_ context.Context, list []Grant) error {
	return w.change(func() {
		for _, g := range list {
			for id, old := range w.grants {
				if old.key() == g.key() && !g.Consent && g.replaces(&old) {
					delete(w.grants, id)
				}
			}
			w.grants[g.ID] = g
		}
	})
}

func (w *world) EndGrants(_ context.Context, ids []string, at time.Time) error {
	return w.change(func() {
		for _, id := range ids {
			g := w.grants[id]
			g.Revoked = at
			w.grants[id] = g
		}
	})
}

func (w *world) LoadLatch(context.Context) (out []Halt, err error) {
	for _, h := range w.latch {
		out = append(out, h)
	}
	return out, w.storeErr
}

func (w *world) SetLatch(_ context.Context, h Halt) error {
	return w.change(func() { w.latch[h.Target] = h })
}

func (w *world) ClearLatch(_ context.Context, halts []Halt) error {
	return w.change(func() {
		for _, h := range halts {
			if w.latch[h.Target] == h {
				delete(w.latch, h.Target)
			}
		}
	})
}

func (w *world) AddApproval(_ context.Context, a *Approval) error {
	return w.change(func() { a.ID = int64(len(w.approvals) + 1); w.approvals[a.ID] = *a })
}

func (w *world) EndApproval(_ context.Context, a Approval) error {
	return w.change(func() { w.approvals[a.ID] = a })
}

func (w *world) LeaveApproval(_ context.Context, id int64, gone bool) error {
	return w.change(func() {
		if w.gone[id] = 0; gone {
			w.gone[id] = 1
		}
	})
}

func (w *world) UseApproval(_ context.Context, id int64) (used bool, err error) {
	err = w.change(func() {
		used = w.approvals[id].State == Approved && !w.used[id]
		w.used[id] = w.used[id] || used
	})
	return used, err
}

func (w *world) LeftApprovals(_ context.Context, now time.Time) (out []Approval, err error) {
	err = w.change(func() {
		for id, a := range w.approvals {
			live := a.Turn != "" && now.Before(a.Expires)
			switch {
			case a.State == Waiting && !live:
				a.State = Expired
				w.approvals[id] = a
			case live && (a.State == Waiting || a.State == Approved && !w.used[id]):
				w.gone[id] = max(w.gone[id], 1)
				a.Left = true
				out = append(out, a)
			}
		}
	})
	return out, err
}

func (w *world) Untold(context.Context) (out []Approval, err error) {
	err = w.change(func() {
		for id, a := range w.approvals {
			if w.gone[id] == 1 && (a.State == Declined || a.State == Approved && !w.used[id]) {
				out = append(out, a)
			}
		}
	})
	return out, err
}

func (w *world) UntoldDone(_ context.Context, id int64) error {
	return w.change(func() { w.gone[id] = 2 })
}

func (w *world) room(charges []budget.Charge) error {
	for _, c := range charges {
		used := int64(0)
		for effect, booked := range w.charged {
			for _, b := range booked {
				if b.Account == c.Account && w.settled[effect] != Released {
					used += b.Amount
				}
			}
		}
		if c.Amount > c.Limit-used {
			return &budget.Exceeded{Charge: c, Used: used}
		}
	}
	return nil
}

func (w *world) AffordCharges(_ context.Context, charges []budget.Charge) (err error) {
	storeErr := w.change(func() { err = w.room(charges) })
	return errors.Join(storeErr, err)
}

func (w *world) ReserveCharges(_ context.Context, effect string, charges []budget.Charge) (err error) {
	storeErr := w.change(func() {
		if err = w.room(charges); err == nil {
			w.charged[effect] = charges
		}
	})
	return errors.Join(storeErr, err)
}

func (w *world) SettleCharges(_ context.Context, effect string, s Settlement, _ map[budget.Unit]int64, _ time.Time) error {
	return w.change(func() { w.settled[effect] = s })
}

func (w *world) ResolveCharges(_ context.Context, effect string, s Settlement) (found bool, err error) {
	err = w.change(func() {
		if found = w.settled[effect] == Unsure; found {
			w.settled[effect] = s
		}
	})
	return found, err
}

func (w *world) AddTally(_ context.Context, t Tally) error {
	return w.change(func() {
		w.tally.Allowed, w.tally.Asked, w.tally.Denied = w.tally.Allowed+t.Allowed, w.tally.Asked+t.Asked, w.tally.Denied+t.Denied
	})
}

func (w *world) Tallies(context.Context, string) ([]Tally, error) {
	return []Tally{w.tally}, w.storeErr
}

func (w *world) RecoverCharges(context.Context, time.Time) error { return nil }

// kinds lists the recorded kinds in order, and checks on the way that every
// outcome has its intent before it.
func (w *world) kinds(t testing.TB) (out []audit.Kind) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	open := map[string]bool{}
	for _, r := range w.records {
		out = append(out, r.Kind)
		switch r.Kind {
		case audit.Intent:
			open[r.Effect] = true
		case audit.Outcome:
			if !open[r.Effect] {
				t.Errorf("outcome of %s without an intent before it", r.Effect)
			}
		}
	}
	return out
}

var (
	errDisk = errors.New("disk full")
	owner   = policy.Entity{Type: "owner"}
	agent   = policy.Entity{Type: "agent", ID: "main"}
)

func effect(power string, perform func(context.Context, *Flight) error) Effect {
	if perform == nil {
		perform = func(context.Context, *Flight) error { return nil }
	}
	attrs := map[string]capability.Attributes{
		"kv.read": {"key": "k"}, "kv.write": {"key": "k"}, "message.send": {"to": "owner"},
		"card.charge":  {"amount": int64(5), "currency": "USD", "merchant": "m"},
		"http.request": {"authority": "a.example", "method": "GET", "scheme": "https", "path": "/"},
	}[power]
	return Effect{Capability: power, Actor: agent, Plugin: "p", Resource: "r", Attributes: attrs, Args: []byte(`{}`), Origin: Origin{Agent: "main"}, Perform: perform}
}

func grantAll(t testing.TB, g *Gate, w *world) {
	t.Helper()
	for power, scope := range w.asks {
		if _, err := g.Grant(t.Context(), Grant{Plugin: "p", Capability: power, Scope: scope}); err != nil {
			t.Fatal(err)
		}
	}
}
