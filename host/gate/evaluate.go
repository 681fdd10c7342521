package gate

import (
	"context"
	"errors"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Evaluate decides an effect that someone else would perform: latch, grant and
// policy, in that order, and then nothing. It reserves no budget and asks nobody,
// which is why only an allow without obligations may be acted on: see
// [Decision.Unconditional]. The answer is on the record before it is given, with
// what policy saw; one that can't be recorded is a no. A refusal is a decision, not
// an error; an error is about an effect that can't be decided at all.
func (g *Gate) Evaluate(ctx context.Context, e Effect) (Decision, error) {
	e.Perform = func(context.Context, *Flight) error { return errors.New("gate: an evaluation performs nothing") }
	if err := e.complete(); err != nil {
		return Decision{}, err
	}
	f := &Flight{gate: g, id: "evaluation", effect: &e, ctx: ctx, cancel: func(error) {}, record: e.record()}
	d, err := g.evaluate(f)
	if err != nil {
		return Decision{}, err
	}
	r := f.record
	r.Kind, r.Time, r.Verdict, r.Revision = audit.Evaluation, g.cfg.Clock.Now(), string(d.Verdict), d.Revision
	if len(d.Reasons) > 0 {
		r.Rule, r.Detail = d.Reasons[0].Rule, d.Reasons[0].Message
	}
	if _, err := g.cfg.Audit.Append(context.WithoutCancel(ctx), r, f.payload(), false); err != nil {
		g.log.Error("an evaluation can't be recorded; it is refused", "capability", r.Capability, "plugin", r.Plugin, "error", err)
		return refused(e.deny(protocol.Unavailable, "audit", "the audit log can't be written: "+err.Error(), "ambit status"))
	}
	return d, nil
}

func (g *Gate) evaluate(f *Flight) (Decision, error) {
	e := f.effect
	g.mu.Lock()
	halt, halted := g.haltFor(e)
	g.mu.Unlock()
	if halted {
		return refused(e.deny(protocol.Killed, "latch", halt.String(), halt.command()))
	}
	if err := e.bound(); err != nil {
		return refused(err)
	}
	holder, err := g.cover(f)
	if err != nil {
		return refused(err)
	}
	d, err := g.decide(f, holder)
	if err != nil {
		return refused(err)
	}
	return Decision{d}, nil
}

// Decision is what [Gate.Evaluate] says. The zero Decision denies.
type Decision struct{ policy.Decision }

// Unconditional tells whether the effect may happen just like that.
func (d Decision) Unconditional() bool {
	return d.Verdict == policy.Allow && len(d.Obligations) == 0
}

// refused makes a denial a decision.
func refused(err error) (Decision, error) {
	d, ok := errors.AsType[*Denial](err)
	if !ok {
		return Decision{}, err
	}
	return Decision{policy.Decision{
		Verdict: policy.Deny, Revision: d.Revision,
		Reasons: []policy.Reason{{Rule: d.Rule, Message: d.Message, Change: d.Change}},
	}}, nil
}
