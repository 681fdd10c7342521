package gate

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Flight is an effect between the latch and its outcome.
type Flight struct {
	gate   *Gate
	id     string
	effect *Effect
	ctx    context.Context
	cancel context.CancelCauseFunc
	record audit.Record // what intent, outcome and refusal have in common

	requires capability.Scope
	grant    *Grant
	asked    *policy.Request // what policy was shown, the last time
	since    time.Time
	begun    time.Time // zero until Perform is called; guarded by gate.mu
	wasAsked bool      // the owner
	extended atomic.Bool
	ended    atomic.Bool
	bill     bill
}

// ID is the effect's id: in the audit log, and as the parent of effects made on
// its behalf.
func (f *Flight) ID() string { return f.id }

// Extend keeps the effect in flight after Perform returned nil: its context
// stays alive and its outcome is recorded when end is called. end is
// idempotent.
func (f *Flight) Extend() (end func(error)) {
	f.extended.Store(true)
	return func(err error) {
		if f.ended.CompareAndSwap(false, true) {
			_ = f.gate.conclude(f, err)
			f.gate.leave(f)
		}
	}
}

// board checks the latch and registers the flight in one step, so that a kill
// either refuses it here or finds it in flight. The flight is returned with
// the error too, for the record of the refusal.
func (g *Gate) board(ctx context.Context, e *Effect) (*Flight, error) {
	f := &Flight{gate: g, id: g.boot + "-" + strconv.FormatUint(g.seq.Add(1), 36), effect: e, since: g.cfg.Clock.Now()}
	f.ctx, f.cancel = context.WithCancelCause(ctx)
	f.record = e.record()
	f.record.Effect = f.id
	g.mu.Lock()
	defer g.mu.Unlock()
	if halt, is := g.haltFor(e); is {
		f.cancel(nil)
		return f, e.deny(protocol.Killed, "latch", halt.String(), halt.command())
	}
	g.flights[f] = struct{}{}
	return f, nil
}

// record is what the log says of an effect before anything is decided.
func (e *Effect) record() audit.Record {
	return audit.Record{
		Parent: e.Origin.Parent, Actor: actorName(e.Actor), Plugin: e.Plugin, Capability: e.Capability,
		Resource: e.Resource, Agent: e.Origin.Agent, Session: e.Origin.Session, Turn: e.Origin.Turn,
	}
}

func (f *Flight) land() {
	if !f.extended.Load() {
		f.gate.leave(f)
	}
}

func (g *Gate) leave(f *Flight) {
	f.cancel(nil)
	g.settle(f, neverBegun)
	g.mu.Lock()
	delete(g.flights, f)
	g.mu.Unlock()
}

// cover finds the grant that covers the effect and ties the flight to it.
func (g *Gate) cover(f *Flight) (policy.Plugin, error) {
	e := f.effect
	holder, asks, ok := g.cfg.Plugins.Holder(e.Plugin)
	if !ok {
		return holder, e.deny(protocol.Denied, "plugin", fmt.Sprintf("no plugin %q is installed and enabled", e.Plugin), "ambit plugin list")
	}
	f.record.Digest = holder.Digest
	requires, ok := asks[e.Capability]
	if !ok {
		return holder, e.deny(protocol.Denied, "manifest", "its manifest does not ask for this capability", "a version of the plugin that does, or, for one without a manifest, ambit plugin install --host")
	}
	if ok, why := e.power.Covers(requires, e.Attributes); !ok {
		return holder, e.deny(protocol.Denied, "manifest", "its manifest asks for less: "+why, "a version, or a configuration, of the plugin that asks for this")
	}
	f.requires = requires
	g.mu.Lock()
	defer g.mu.Unlock()
	grant, err := g.covering(e)
	if err != nil {
		return holder, err
	}
	f.grant, f.record.Grant = grant, grant.ID
	return holder, nil
}

// resolve runs the effect's Resolve, if any.
func (f *Flight) resolve() error {
	if f.effect.Resolve == nil {
		return nil
	}
	more, err := f.effect.Resolve(f.ctx)
	if err != nil {
		if cause := f.cancelled(); cause != nil {
			return cause
		}
		return err
	}
	f.effect.extend(more)
	return nil
}

// perform begins, unless the flight was cancelled or its grant ended while it
// was checked, and turns a panic into an error.
func (f *Flight) perform() (err error) {
	if err := f.begin(); err != nil {
		return err
	}
	defer func() {
		if p := recover(); p != nil {
			f.gate.log.Error("defect: an effect panicked", "capability", f.effect.Capability, "panic", p, "stack", string(debug.Stack()))
			err = protocol.Errorf(protocol.Internal, "%s failed by a defect of the host; its log has the details", f.effect.Capability)
		}
	}()
	return f.effect.Perform(f.ctx, f)
}

// begin is the last check. It holds the lock under which revoke and kill
// change grants and latch: an effect is either begun before them, and then
// they cancel it, or not at all.
func (f *Flight) begin() error {
	g, now := f.gate, f.gate.cfg.Clock.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	if cause := f.cancelled(); cause != nil {
		return cause
	}
	if !f.grant.live(now) {
		return f.effect.denyGrant("the grant ended while the request was checked")
	}
	if ok, why := g.admits(f.grant, f.effect, now); !ok {
		return f.effect.denyGrant("its grant does not cover this any more: " + why)
	}
	f.begun = now
	return nil
}

// cancelled says why the flight's context ended: a typed cause if revoke or
// kill ended it, else the caller's.
func (f *Flight) cancelled() error {
	if f.ctx.Err() == nil {
		return nil
	}
	cause := context.Cause(f.ctx)
	if _, typed := errors.AsType[*protocol.Error](cause); typed {
		return cause
	}
	return &protocol.Error{Code: protocol.Timeout, Message: "the caller stopped waiting: " + cause.Error()}
}

// ending turns Perform's error into what the record says. A write that was
// cut off may have happened: its outcome is unknown.
func (f *Flight) ending(err error) (status, code, detail string, out error) {
	if err == nil {
		return "done", "", "", nil
	}
	c := protocol.CodeOf(err)
	if cause := f.cancelled(); cause != nil && c != protocol.Unknown {
		err, c = cause, protocol.CodeOf(cause)
	}
	status = "failed"
	switch c {
	case protocol.Revoked, protocol.Killed, protocol.Timeout:
		status = f.cutOff()
	case protocol.Unknown:
		status = "unknown"
	}
	return status, string(c), err.Error(), err
}

// cutOff is the status of a flight that is cancelled now: a write that has
// begun may have happened.
func (f *Flight) cutOff() string {
	if f.effect.Risk != capability.Read && !f.begun.IsZero() {
		return "unknown"
	}
	return "cancelled"
}

func actorName(a policy.Entity) string {
	if a.ID == "" || a.Type == "owner" {
		return a.Type
	}
	return a.Type + ":" + a.ID
}
