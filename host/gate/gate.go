// Package gate is the enforcement point: every use of a capability, by an
// agent or by a plugin, passes [Gate.Do], which decides it, records it,
// performs it and records how it ended. The same package holds what the owner
// changes while things run: grants, the latch and approvals.
//
// Guarantees: after [Gate.Revoke] returns no new effect of the ended grants
// starts, and what was in flight is cancelled; after [Gate.Kill] returns
// nothing of the target runs, and nothing starts until [Gate.Resume], across
// restarts. Whatever can't be checked or recorded does not happen.
package gate

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/budget"
	"github.com/ambithost/ambit/host/clock"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Decider answers requests; *policy.Engine is one. An error is a denial.
type Decider interface {
	Decide(context.Context, *policy.Request) (policy.Decision, error)
}

// Recorder is the audit log; *audit.Log is one. With durable set it returns
// after the record is on disk.
type Recorder interface {
	Append(ctx context.Context, r audit.Record, payload []byte, durable bool) (uint64, error)
}

// Plugins tells what is installed and enabled.
type Plugins interface {
	// Holder describes an enabled plugin and what its manifest asks for, by
	// capability, configuration filled in.
	Holder(name string) (policy.Plugin, map[string]capability.Scope, bool)
}

// Cells ends processes. Forbid kills the cells of a target ("all",
// "agent:NAME", "plugin:NAME"), returns how many once they are reaped, and
// keeps new ones from starting until Allow.
type Cells interface {
	Forbid(target string) int
	Allow(target string)
}

// Config is what a gate is built from. Policy, Audit, Store and Plugins are
// required.
type Config struct {
	Policy      Decider
	Audit       Recorder
	Store       Store
	Plugins     Plugins
	Cells       Cells            // nil: nothing to kill
	Logger      hclog.Logger     // nil: silent
	Clock       clock.Clock      // nil: the machine's
	OwnerSeen   func() time.Time // nil: never
	Zone        *time.Location   // the owner's, for days and hours; nil: UTC
	ApprovalTTL time.Duration    // how long an approval waits; 0: 10 minutes
	// Standing, if set, names budgets that count an effect beside those of its
	// grant and of policy.
	Standing func(context.Context, *Effect) []budget.Budget
	// Notify hears of every approval that begins to wait or ends.
	Notify func(Approval)
}

// Store keeps what must survive a restart.
type Store interface {
	GrantStore
	LatchStore
	ApprovalStore
	BudgetStore
	TallyStore
}

// Gate decides, records and performs effects. Make one with [Open].
type Gate struct {
	cfg  Config
	log  hclog.Logger
	boot string // makes effect ids unique over restarts
	seq  atomic.Uint64

	tally tally

	cellsMu sync.Mutex // orders Forbid and Allow

	mu        sync.Mutex // guards what follows; never held over I/O
	grants    map[key][]*Grant
	halted    map[string]Halt
	flights   map[*Flight]struct{}
	approvals map[int64]*pending
	unused    map[string]Approval // a yes that nobody waited for, by digest
	// allowances are by session; a kill ends them all.
	allowances map[string][]allowance
}

// Open builds a gate with the grants and the latch that the store holds.
func Open(ctx context.Context, cfg Config) (*Gate, error) {
	if cfg.Policy == nil || cfg.Audit == nil || cfg.Store == nil || cfg.Plugins == nil {
		return nil, errors.New("gate: policy, audit, store and plugins are required")
	}
	if cfg.Logger == nil {
		cfg.Logger = hclog.NewNullLogger()
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}
	if cfg.OwnerSeen == nil {
		cfg.OwnerSeen = func() time.Time { return time.Time{} }
	}
	if cfg.Zone == nil {
		cfg.Zone = time.UTC
	}
	if cfg.ApprovalTTL <= 0 {
		cfg.ApprovalTTL = 10 * time.Minute
	}
	if cfg.Notify == nil {
		cfg.Notify = func(Approval) {}
	}
	var boot [4]byte
	_, _ = rand.Read(boot[:]) // never fails
	g := &Gate{
		cfg: cfg, log: cfg.Logger.Named("gate"), boot: hex.EncodeToString(boot[:]),
		grants: map[key][]*Grant{}, halted: map[string]Halt{},
		flights: map[*Flight]struct{}{}, approvals: map[int64]*pending{}, unused: map[string]Approval{}, allowances: map[string][]allowance{},
	}
	if err := g.load(ctx); err != nil {
		return nil, fmt.Errorf("gate: %w", err)
	}
	return g, nil
}

func (g *Gate) load(ctx context.Context) error {
	grants, err := g.cfg.Store.LoadGrants(ctx)
	if err != nil {
		return err
	}
	for _, gr := range grants {
		g.grants[gr.key()] = append(g.grants[gr.key()], &gr)
	}
	halts, err := g.cfg.Store.LoadLatch(ctx)
	if err != nil {
		return err
	}
	for _, h := range halts {
		g.halted[h.Target] = h
		if g.cfg.Cells != nil {
			g.cfg.Cells.Forbid(h.Target)
		}
	}
	now := g.cfg.Clock.Now()
	return errors.Join(g.loadLeft(ctx), g.cfg.Store.RecoverCharges(ctx, now))
}

// Do takes one effect through the seven steps. The error is a *[Denial] when
// the effect was decided against, and what Perform returned otherwise; its
// code is [protocol.CodeOf] of it.
func (g *Gate) Do(ctx context.Context, e Effect) error {
	if err := e.complete(); err != nil {
		return err
	}
	f, err := g.board(ctx, &e) // 1. latch
	if err != nil {
		return g.refuse(ctx, f, err)
	}
	defer f.land()
	if err := e.bound(); err != nil { // a sub-agent's bounds, before anybody's grant
		return g.refuse(ctx, f, err)
	}
	holder, err := g.cover(f) // 2. grant
	if err != nil {
		return g.refuse(ctx, f, err)
	}
	if err := f.resolve(); err != nil {
		return g.refuse(ctx, f, err)
	}
	decision, err := g.decide(f, holder) // 3. policy
	if err != nil {
		return g.refuse(ctx, f, err)
	}
	if err := g.oblige(f, holder, decision); err != nil { // 4. obligations
		return g.refuse(ctx, f, err)
	}
	if err := g.intend(f); err != nil { // 5. audit intent, before anything happens
		return err
	}
	err = f.perform() // 6. perform, unless revoked or killed meanwhile
	if f.extended.Load() && err == nil {
		return nil // the outcome follows when the stream ends
	}
	return g.conclude(f, err) // 7. audit outcome
}

// complete checks an effect against the vocabulary and fills in its risk. An
// effect outside the vocabulary is a defect of the caller and never allowed.
func (e *Effect) complete() error {
	c, ok := capability.Lookup(e.Capability)
	if !ok {
		return protocol.Errorf(protocol.Invalid, "gate: %q is not a capability", e.Capability)
	}
	if e.Plugin == "" || e.Actor.Type == "" || e.Perform == nil {
		return protocol.Errorf(protocol.Internal, "gate: effect %s without plugin, actor or perform", e.Capability)
	}
	e.power = c
	if e.Risk == "" {
		e.Risk = c.Risk
	}
	return nil
}

// decide asks policy. Only an explicit allow or ask gets past it.
func (g *Gate) decide(f *Flight, holder policy.Plugin) (policy.Decision, error) {
	e := f.effect
	req := policy.Request{
		Subject:  e.Actor,
		Action:   policy.Action{Name: e.Capability, Risk: e.Risk},
		Resource: policy.Resource{Type: namespace(e.Capability), ID: e.Resource, Attributes: e.Attributes},
		Context: policy.Context{
			Plugin: holder, Requires: &f.requires, Grant: g.forPolicy(f),
			Agent: e.Origin.Agent, Session: e.Origin.Session, Turn: e.Origin.Turn, Trigger: e.Origin.Trigger,
			Labels: e.Origin.Labels, Tool: e.Origin.Tool, Arguments: e.Arguments, AskedFor: e.AskedFor, Now: g.cfg.Clock.Now(), OwnerSeen: g.cfg.OwnerSeen(),
			Delegation: e.Origin.Bounds.forPolicy(),
		},
	}
	f.asked = &req
	d, err := g.cfg.Policy.Decide(f.ctx, &req)
	if err != nil {
		if cause := f.cancelled(); cause != nil {
			return d, cause
		}
		g.log.Error("policy can't answer", "capability", e.Capability, "plugin", e.Plugin, "error", err)
		return d, e.deny(protocol.Unavailable, "policy", "policy can't answer: "+err.Error(), "ambit policy check")
	}
	if d.Verdict == policy.Allow || d.Verdict == policy.Ask {
		d = f.limited(d)
	}
	f.record.Verdict, f.record.Revision = string(d.Verdict), d.Revision
	if len(d.Reasons) > 0 {
		f.record.Rule = d.Reasons[0].Rule
	}
	switch d.Verdict {
	case policy.Allow, policy.Ask:
		return d, nil
	}
	return d, e.denyByPolicy(d)
}

// oblige meets what an allow is conditional on: the owner's word, then the
// budgets. What no budget has room for is not asked about.
func (g *Gate) oblige(f *Flight, holder policy.Plugin, d policy.Decision) error {
	duty, err := f.duties(d)
	if err != nil {
		return err
	}
	if duty.rehearse {
		if err := g.afford(f, duty.budgets); err != nil {
			return err
		}
		return f.effect.rehearsed(d, duty.ask)
	}
	if duty.ask {
		if err := g.afford(f, duty.budgets); err != nil {
			return err
		}
		if err := g.approve(f, d); err != nil {
			return err
		}
		// The owner may have taken minutes: what policy says now counts.
		if d, err = g.decide(f, holder); err != nil {
			return err
		}
		if duty, err = f.duties(d); err != nil {
			return err
		}
		if duty.rehearse { // policy changed while the owner thought
			return f.effect.rehearsed(d, duty.ask)
		}
	}
	return g.reserve(f, duty.budgets)
}

// intend writes the intent. If it can't be written nothing happens.
func (g *Gate) intend(f *Flight) error {
	r := f.record
	r.Kind, r.Time = audit.Intent, g.cfg.Clock.Now()
	if _, err := g.cfg.Audit.Append(f.ctx, r, f.payload(), f.effect.Risk != capability.Read); err != nil {
		g.log.Error("the audit log can't be written; nothing is done", "capability", r.Capability, "plugin", r.Plugin, "error", err)
		return f.effect.deny(protocol.Unavailable, "audit", "the audit log can't be written: "+err.Error(), "ambit status")
	}
	if !f.wasAsked {
		g.count(asAllowed)
	}
	return nil
}

// conclude writes the outcome. The effect has happened or not; a log that
// can't say so any more refuses the next intent.
func (g *Gate) conclude(f *Flight, err error) error {
	r := f.record
	r.Kind, r.Time = audit.Outcome, g.cfg.Clock.Now()
	if !f.begun.IsZero() {
		r.Micros = r.Time.Sub(f.begun).Microseconds()
	}
	r.Rule, r.Revision, r.Grant, r.Approval, r.Verdict = "", "", "", "", ""
	r.Status, r.Code, r.Detail, err = f.ending(err)
	defer g.settle(f, r.Status)
	if _, logErr := g.cfg.Audit.Append(context.WithoutCancel(f.ctx), r, nil, false); logErr != nil {
		g.log.Error("the outcome can't be recorded", "effect", f.id, "status", r.Status, "error", logErr)
	}
	return err
}

// refuse records a decision against an effect that was not begun.
func (g *Gate) refuse(ctx context.Context, f *Flight, err error) error {
	r := f.record
	r.Kind, r.Time, r.Status, r.Code = audit.Refusal, g.cfg.Clock.Now(), "refused", string(protocol.CodeOf(err))
	switch {
	case r.Code == string(protocol.DryRun): // neither asked, nor allowed, nor denied
		r.Status = r.Code
	case !f.wasAsked:
		g.count(asDenied)
	}
	if d, ok := errors.AsType[*Denial](err); ok {
		r.Rule, r.Detail = d.Rule, d.Message
	} else {
		r.Detail = err.Error()
	}
	if _, logErr := g.cfg.Audit.Append(context.WithoutCancel(ctx), r, f.payload(), false); logErr != nil {
		g.log.Error("a refusal can't be recorded", "capability", r.Capability, "plugin", r.Plugin, "error", logErr)
	}
	return err
}

// extend adds what Resolve learned to a copy of the attributes: the caller's
// map is not ours.
func (e *Effect) extend(more capability.Attributes) {
	all := maps.Clone(e.Attributes)
	if all == nil {
		all = capability.Attributes{}
	}
	maps.Copy(all, more)
	e.Attributes = all
}
