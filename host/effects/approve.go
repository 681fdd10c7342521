package effects

import (
	"context"
	"fmt"

	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Approvals are what waits for the owner; *gate.Gate has them.
type Approvals interface {
	Approvals() []gate.Approval
	Respond(ctx context.Context, id int64, ans gate.Answer) (gate.Approval, error)
	Evaluate(ctx context.Context, e gate.Effect) (gate.Decision, error)
}

const maxReason = 1 << 10

// ownerApprove passes on the owner's answer to one approval, from a channel
// that holds owner.approve. What is judged is the request as the gate holds it:
// of the channel's own words only its number and digest count, and both must be
// those of one that waits. What the channel showed the owner, and whether the
// owner answered at all, nobody here can tell. That is what the ceiling of the
// grant is for, and why no channel answers what is about Ambit itself.
func (c *Call) ownerApprove(ctx context.Context, args []byte) ([]byte, error) {
	var a struct {
		ID      int64  `json:"id"`
		Digest  string `json:"digest"`
		Approve *bool  `json:"approve"`
		Reason  string `json:"reason"`
	}
	if err := decode("owner.approve", args, &a); err != nil {
		return nil, err
	}
	if a.ID <= 0 || a.Digest == "" || a.Approve == nil {
		return nil, protocol.Errorf(protocol.Invalid, "owner.approve: want the approval's id, the digest of what was shown, and approve true or false")
	}
	if len(a.Reason) > maxReason {
		return nil, protocol.Errorf(protocol.Limit, "owner.approve: the reason has %d bytes, the limit is %d", len(a.Reason), maxReason)
	}
	if c.e.cfg.Approvals == nil {
		return nil, protocol.Errorf(protocol.Unavailable, "owner.approve: this host has no approvals")
	}
	shown, ok := c.waiting(a.ID, a.Digest)
	if !ok {
		return nil, protocol.Errorf(protocol.NotFound, "owner.approve: no approval %d with this digest waits: it was answered, it expired, or another request was shown", a.ID)
	}
	resource := fmt.Sprintf("approval %d: %s %s", a.ID, shown.Plugin, shown.Capability)
	err := c.gated(ctx, "owner.approve", resource, approveAttributes(shown, *a.Approve), args, func(ctx context.Context, _ *gate.Flight) error {
		_, err := c.e.cfg.Approvals.Respond(ctx, a.ID, gate.Answer{Digest: a.Digest, Approve: *a.Approve, Reason: oneLine(clean(a.Reason), maxReason), By: c.actor()})
		return err
	})
	if err != nil {
		return nil, err
	}
	return empty, nil
}

// MayApprove tells whether a channel could pass on the owner's yes to an
// approval, as things stand.
func (e *Effects) MayApprove(ctx context.Context, plugin string, a gate.Approval) bool {
	if e.cfg.Approvals == nil || a.Risk == capability.Control {
		return false
	}
	d, err := e.cfg.Approvals.Evaluate(ctx, gate.Effect{
		Capability: "owner.approve", Actor: policy.Entity{Type: "plugin", ID: plugin}, Plugin: plugin, Resource: fmt.Sprintf("approval %d", a.ID),
		Attributes: approveAttributes(a, true), Origin: gate.Origin{Agent: a.Agent, Trigger: "channel"},
	})
	return err == nil && d.Unconditional()
}

// waiting finds an approval that a channel may know of: an answer to any other
// learns nothing but that.
func (c *Call) waiting(id int64, digest string) (gate.Approval, bool) {
	for _, a := range c.e.cfg.Approvals.Approvals() {
		if a.ID == id && a.Digest == digest {
			return a, true
		}
	}
	return gate.Approval{}, false
}

// noCurrency is ISO 4217's code for a transaction that involves none.
const noCurrency = "XXX"

// approveAttributes are what a ceiling is compared with: the amount of the
// request that would be approved, as the gate holds it. To decline costs
// nothing.
func approveAttributes(a gate.Approval, approve bool) capability.Attributes {
	attrs := capability.Attributes{"capability": a.Capability, "amount": int64(0), "currency": noCurrency}
	amount, isAmount := a.Attributes["amount"].(int64)
	currency, isCurrency := a.Attributes["currency"].(string)
	if approve && (isAmount || isCurrency) {
		attrs["amount"], attrs["currency"] = amount, currency
	}
	return attrs
}
