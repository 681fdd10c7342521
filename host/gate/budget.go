package gate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/budget"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

// BudgetStore keeps what was used. A charge is reserved before its effect and
// settled after it; one that is reserved counts in every window, one that is
// spent or unknown in those that hold the time of its settling.
//
// Never over the limit: ReserveCharges adds up and books in one step that no
// other of its kind comes between, and every charge is in that sum from the
// moment it is booked until its window has passed.
type BudgetStore interface {
	// AffordCharges tells whether there is room now: nil or *budget.Exceeded.
	AffordCharges(context.Context, []budget.Charge) error
	// ReserveCharges books all for an effect, on disk when it returns, or
	// none: *budget.Exceeded names the first that has no room.
	ReserveCharges(ctx context.Context, effect string, charges []budget.Charge) error
	// SettleCharges ends the reservation of an effect. used corrects amounts
	// by unit where what was really used is known.
	SettleCharges(ctx context.Context, effect string, s Settlement, used map[budget.Unit]int64, at time.Time) error
	// ResolveCharges ends what is unknown of an effect, and tells whether
	// anything was.
	ResolveCharges(ctx context.Context, effect string, s Settlement) (bool, error)
	// RecoverCharges makes what is still reserved unknown: whoever reserved it
	// is gone, and it may have been spent.
	RecoverCharges(ctx context.Context, now time.Time) error
}

// Account is what was used together, reserved and unknown included.
type Account struct {
	Account          string
	Unit             budget.Unit
	Day, Week, Month int64 // since the owner's began
	Reserved         int64 // by effects in flight
	Unknown          []UnknownCharge
}

// UnknownCharge is what an effect of unknown outcome may have taken.
type UnknownCharge struct {
	Effect string
	Amount int64
	At     time.Time
}

// Resolve is the owner's word on an effect of unknown outcome: it was spent, or
// what it reserved is free again. It is on the record before it counts.
func (g *Gate) Resolve(ctx context.Context, effect string, spent bool) error {
	how := Released
	if spent {
		how = Spent
	}
	r := audit.Record{Kind: audit.Budget, Time: g.cfg.Clock.Now(), Actor: "owner", Effect: effect, Status: string(how)}
	if _, err := g.cfg.Audit.Append(ctx, r, nil, true); err != nil {
		return fmt.Errorf("budget: the audit log can't be written, nothing is changed: %w", err)
	}
	found, err := g.cfg.Store.ResolveCharges(ctx, effect, how)
	if err == nil && !found {
		err = protocol.Errorf(protocol.NotFound, "there is no charge of an effect %s whose outcome is unknown (ambit budget list)", effect)
	}
	return err
}

// Settlement is how a reservation ends.
type Settlement string

const (
	Spent    Settlement = "spent"
	Released Settlement = "released" // it certainly was not used
	Unsure   Settlement = "unknown"  // it counts as spent until the owner says otherwise
)

// bill is what a flight holds of budgets.
type bill struct {
	mu   sync.Mutex
	open bool // something is reserved
	free bool // certainly nothing was done
	used map[budget.Unit]int64
}

// Used says what the effect really took of a unit that could only be guessed
// before. It counts when the effect ends.
func (f *Flight) Used(u budget.Unit, n int64) {
	f.bill.mu.Lock()
	defer f.bill.mu.Unlock()
	if f.bill.used == nil {
		f.bill.used = map[budget.Unit]int64{}
	}
	f.bill.used[u] += max(0, n)
}

// Untouched says that certainly nothing was done outside, whatever Perform
// returns: what the effect reserved is released. Without it an effect that began
// and failed may have been carried out, and counts.
func (f *Flight) Untouched() {
	f.bill.mu.Lock()
	defer f.bill.mu.Unlock()
	f.bill.free = true
}

// duties are what the obligations of a decision come to.
type duties struct {
	ask      bool
	rehearse bool // note it and leave it undone
	budgets  []budget.Budget
}

// duties reads the obligations. One that the gate does not know is one it
// can't meet.
func (f *Flight) duties(d policy.Decision) (duties, error) {
	out := duties{ask: d.Verdict == policy.Ask}
	if standing := f.gate.cfg.Standing; standing != nil {
		out.budgets = standing(f.ctx, f.effect)
	}
	for _, o := range d.Obligations {
		switch o.Type {
		case "approve":
			out.ask = true
		case "dry_run":
			out.rehearse = true
		case "budget":
			b, err := budget.Parse(o.Params)
			if err != nil {
				return out, f.effect.deny(protocol.Unavailable, f.record.Rule, "policy obliges a budget that can't be read: "+err.Error(), "ambit policy check")
			}
			out.budgets = append(out.budgets, b)
		default:
			return out, f.effect.deny(protocol.Unavailable, f.record.Rule, "policy obliges \""+o.Type+"\", which this host can't do", "ambit policy check")
		}
	}
	return out, nil
}

// charges is what the effect costs under these budgets now.
func (g *Gate) charges(f *Flight, budgets []budget.Budget) ([]budget.Charge, error) {
	e, now := f.effect, g.cfg.Clock.Now()
	use := budget.Use{Agent: e.Origin.Agent, Plugin: e.Plugin, Capability: e.Capability, Attributes: e.Attributes, ArgBytes: len(e.Args)}
	var all []budget.Charge
	for _, b := range budgets {
		charges, err := b.Charges(use, now, g.cfg.Zone)
		if err != nil {
			return nil, e.deny(protocol.Denied, "budget", err.Error(), "ambit budget list")
		}
		all = append(all, charges...)
	}
	if len(all) > budget.MaxCharges {
		return nil, e.deny(protocol.Limit, "budget", "more budgets count it than can be booked at once", "ambit policy check")
	}
	return all, nil
}

// afford looks whether there is room; reserve decides.
func (g *Gate) afford(f *Flight, budgets []budget.Budget) error {
	charges, err := g.charges(f, budgets)
	if err != nil || len(charges) == 0 {
		return err
	}
	return g.broke(f, g.cfg.Store.AffordCharges(f.ctx, charges))
}

// reserve books the effect's charges. From here on they count, until settle
// says how it ended or, if that is never said, for ever as unknown.
func (g *Gate) reserve(f *Flight, budgets []budget.Budget) error {
	charges, err := g.charges(f, budgets)
	if err != nil || len(charges) == 0 {
		return err
	}
	f.bill.mu.Lock()
	f.bill.open = true // also if the store fails: it may have booked before
	f.bill.mu.Unlock()
	return g.broke(f, g.cfg.Store.ReserveCharges(f.ctx, f.id, charges))
}

// broke turns a store's answer into a denial.
func (g *Gate) broke(f *Flight, err error) error {
	if err == nil {
		return nil
	}
	if cause := f.cancelled(); cause != nil {
		return cause
	}
	if over, ok := errors.AsType[*budget.Exceeded](err); ok {
		return f.effect.deny(protocol.Denied, "budget", "the budget does not allow it: "+over.Error(), "ambit budget list")
	}
	g.log.Error("budgets can't be kept; nothing is done", "capability", f.effect.Capability, "plugin", f.effect.Plugin, "error", err)
	return f.effect.deny(protocol.Unavailable, "budget", "the budgets can't be kept: "+err.Error(), "ambit status")
}

// neverBegun is the status of a flight that ends without an outcome.
const neverBegun = "never begun"

// settle ends the flight's reservation, once, by how the effect ended. If that
// can't be stored the reservation stays and counts.
func (g *Gate) settle(f *Flight, status string) {
	f.bill.mu.Lock()
	open, used, free := f.bill.open, f.bill.used, f.bill.free
	f.bill.open = false
	f.bill.mu.Unlock()
	if !open {
		return
	}
	s := Spent
	switch {
	case status == neverBegun, free, f.begun.IsZero():
		s = Released
	case status == "failed" && f.effect.Risk == capability.Read: // nothing to find out: it was used
	case status == "unknown", status == "failed":
		s = Unsure
	}
	if err := g.cfg.Store.SettleCharges(context.WithoutCancel(f.ctx), f.id, s, used, g.cfg.Clock.Now()); err != nil {
		g.log.Error("a budget can't be settled; what is reserved stays so", "effect", f.id, "status", status, "error", err)
	}
}
