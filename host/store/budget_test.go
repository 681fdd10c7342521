package store

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/budget"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

// shop stands around a gate whose store is the real one.
type shop struct{}

func (shop) Decide(context.Context, *policy.Request) (policy.Decision, error) {
	b := budget.Budget{Limit: 5000, Unit: "usd", Window: "day", By: budget.Keys{budget.ByPlugin}}
	return policy.Decision{Verdict: policy.Allow, Obligations: []policy.Obligation{{Type: "budget", Params: b.Params()}}}, nil
}
func (shop) Append(context.Context, audit.Record, []byte, bool) (uint64, error) { return 0, nil }
func (shop) Holder(name string) (policy.Plugin, map[string]capability.Scope, bool) {
	return policy.Plugin{Name: name}, map[string]capability.Scope{"card.charge": {}}, true
}

// TestThousandCharges: of 1,000 charges at once, of many sizes and ends, what
// was spent or may have been never exceeds the limit by one unit, at any time,
// and what failed is free again.
func TestThousandCharges(t *testing.T) {
	t.Parallel()
	s := open(t)
	g, err := gate.Open(t.Context(), gate.Config{Policy: shop{}, Audit: shop{}, Store: s, Plugins: shop{}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Grant(t.Context(), gate.Grant{Plugin: "bank", Capability: "card.charge"}); err != nil {
		t.Fatal(err)
	}
	var held, spent, refused atomic.Int64
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range 1000 {
		amount := int64(1 + i*7%97)
		wg.Go(func() {
			<-start
			err := g.Do(context.Background(), gate.Effect{
				Capability: "card.charge", Plugin: "bank", Actor: policy.Entity{Type: "agent", ID: "main"},
				Attributes: capability.Attributes{"amount": amount, "currency": "USD", "merchant": "m"}, Args: []byte("{}"),
				Perform: func(_ context.Context, f *gate.Flight) error {
					defer held.Add(-amount)
					if now := held.Add(amount) + spent.Load(); now > 5000 {
						t.Errorf("%d of 5000 in use", now)
					}
					if i%5 == 0 {
						f.Untouched()
						return protocol.Errorf(protocol.Failed, "declined by the bank")
					}
					spent.Add(amount)
					return nil
				},
			})
			if protocol.CodeOf(err) == protocol.Denied {
				refused.Add(1)
			} else if err != nil && i%5 != 0 {
				t.Errorf("charge %d: %v", i, err)
			}
		})
	}
	close(start)
	wg.Wait()
	var booked int64
	if err := s.read.QueryRow(`SELECT sum(amount) FROM charges WHERE state = 'spent'`).Scan(&booked); err != nil {
		t.Fatal(err)
	}
	if booked != spent.Load() || booked > 5000 || refused.Load() == 0 {
		t.Errorf("spent %d, booked %d, refused %d", spent.Load(), booked, refused.Load())
	}
	var account string
	if err := s.read.QueryRow(`SELECT DISTINCT account FROM charges`).Scan(&account); err != nil {
		t.Fatal(err)
	}
	rest := []budget.Charge{{Account: account, Unit: "usd", Amount: 5000 - booked + 1, Limit: 5000}}
	if err := s.AffordCharges(t.Context(), rest); err == nil {
		t.Error("there is room for one unit too much")
	}
	rest[0].Amount--
	if err := s.AffordCharges(t.Context(), rest); err != nil {
		t.Errorf("what failed still holds room: %v", err)
	}
}

func dollars(n, limit int64, since time.Time) []budget.Charge {
	return []budget.Charge{{Account: "usd", Unit: "usd", Amount: n, Limit: limit, Since: since, Budget: budget.Budget{Limit: limit, Unit: "usd", Window: "day"}}}
}

// TestChargesSurvive: a host that ended with a reservation open finds it again
// as unknown, and it counts; in the next window it does not.
func TestChargesSurvive(t *testing.T) {
	t.Parallel()
	ctx, path := t.Context(), filepath.Join(t.TempDir(), "state.db")
	s, err := Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	yesterday := time.Now().Add(-24 * time.Hour)
	if err := s.ReserveCharges(ctx, "e1", dollars(60, 100, yesterday)); err != nil {
		t.Fatal(err)
	}
	_ = s.Close() // nothing was settled
	if s, err = Open(ctx, path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	restart := time.Now()
	if err := s.RecoverCharges(ctx, restart); err != nil {
		t.Fatal(err)
	}
	if err := s.SettleCharges(ctx, "e1", gate.Released, nil, restart); err != nil {
		t.Fatal(err)
	}
	if err := s.ReserveCharges(ctx, "e2", dollars(41, 100, yesterday)); err == nil {
		t.Error("an unknown charge was forgotten, or released by one who no longer may")
	}
	if err := s.ReserveCharges(ctx, "e2", dollars(40, 100, yesterday)); err != nil {
		t.Error(err)
	}
	if err := s.AffordCharges(ctx, dollars(61, 100, restart.Add(time.Minute))); err == nil {
		t.Error("a reservation that is open does not count in a window that began after it")
	}
	if err := s.AffordCharges(ctx, dollars(60, 100, restart.Add(time.Minute))); err != nil {
		t.Errorf("an unknown charge counts in a later window: %v", err)
	}
}

// TestChargesAllOrNone: an effect that two accounts count is booked on both or
// on neither.
func TestChargesAllOrNone(t *testing.T) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	charges := dollars(5, 100, time.Now())
	charges = append(charges, budget.Charge{Account: "tight", Unit: "usd", Amount: 5, Limit: 4})
	if err := s.ReserveCharges(ctx, "e", charges); err == nil {
		t.Fatal("booked over a limit")
	}
	for i := range 20 {
		if err := s.ReserveCharges(ctx, fmt.Sprint("e", i), dollars(5, 100, time.Now())); err != nil {
			t.Fatalf("half of a refused booking is there: charge %d: %v", i, err)
		}
	}
	if err := s.ReserveCharges(ctx, "e21", dollars(1, 100, time.Now())); err == nil {
		t.Error("over the limit")
	}
	if err := s.SettleCharges(ctx, "e1", gate.Spent, map[budget.Unit]int64{"usd": 2}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := s.AffordCharges(ctx, dollars(3, 100, time.Now().Add(-time.Hour))); err != nil {
		t.Errorf("what was really used is not what counts: %v", err)
	}
	_ = s.Close()
	if err := s.ReserveCharges(ctx, "e30", dollars(1, 100, time.Now())); err == nil {
		t.Error("a closed store booked")
	}
}
