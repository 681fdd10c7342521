package host

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Grants returns those in force.
func (b backend) Grants(_ context.Context, plugin string) ([]control.Grant, error) {
	out := []control.Grant{}
	for _, g := range b.gate.Grants(plugin) {
		out = append(out, grantOf(g))
	}
	return out, nil
}

func grantOf(g gate.Grant) control.Grant {
	return control.Grant{ID: g.ID, Plugin: g.Plugin, Capability: g.Capability, Agent: g.Agent, Risk: riskOf(g.Capability), Scope: g.Scope, Limits: g.Limits, Consent: g.Consent, Created: g.Created, Expires: g.Expires}
}

// Grant makes a grant, with the manifest's own scope if none is given.
func (b backend) Grant(ctx context.Context, req control.GrantRequest) (*control.Grant, error) {
	b.touch()
	if _, ok := b.agents[req.Agent]; req.Agent != "" && !ok {
		return nil, protocol.Errorf(protocol.NotFound, "there is no agent %q (ambit status)", req.Agent)
	}
	g := gate.Grant{Plugin: req.Plugin, Capability: req.Capability, Agent: req.Agent, Limits: req.Limits, Expires: req.Expires}
	if req.Scope != nil {
		g.Scope = *req.Scope
	} else if p, ok := b.plugins.lookup(req.Plugin); ok {
		g.Scope = p.scopes[req.Capability]
	}
	made, err := b.gate.Grant(ctx, g)
	if err != nil {
		return nil, err
	}
	b.channels.Refresh()
	out := grantOf(made[0])
	return &out, nil
}

// Revoke ends grants.
func (b backend) Revoke(ctx context.Context, req control.RevokeRequest) (*control.Revocation, error) {
	b.touch()
	start := time.Now()
	rev, err := b.gate.RevokeFrom(ctx, owner, req.Plugin, req.Capability, req.Agent)
	out := &control.Revocation{Cancelled: len(rev.Cancelled), Micros: time.Since(start).Microseconds()}
	for _, g := range rev.Ended {
		out.Grants = append(out.Grants, grantOf(g))
	}
	return out, err
}

func (b backend) approval(a gate.Approval) control.Approval {
	states := map[gate.State]control.ApprovalState{gate.Waiting: control.Pending, gate.Approved: control.Approved, gate.Declined: control.Refused, gate.Expired: control.Expired}
	out := control.Approval{
		ID: strconv.FormatInt(a.ID, 10), State: states[a.State], Actor: a.Actor, Plugin: a.Plugin, Tool: a.Tool, Capability: a.Capability,
		Risk: a.Risk, Resource: a.Resource, Args: a.Args, Digest: a.Digest, Reasons: a.Reasons, Session: a.Session, Turn: a.Turn,
		Labels: a.Labels, Created: a.Created, Expires: a.Expires, By: a.By, Note: a.Answer, Lasting: control.Lasting(a.Lasting),
	}
	if a.State != gate.Waiting {
		return out
	}
	if session, _ := b.reports(a); session != a.Session {
		out.Parent = session
	}
	if g, err := a.AsGrant(); err != nil {
		out.NoGrant = err.Error()
	} else {
		would := grantOf(g)
		out.Grant = &would
	}
	return out
}

// Approvals returns what waits; with all also what ended in the last day.
func (b backend) Approvals(ctx context.Context, all bool) ([]control.Approval, error) {
	out := []control.Approval{}
	if !all {
		for _, a := range b.gate.Approvals() {
			out = append(out, b.approval(a))
		}
		return out, nil
	}
	list, err := b.state.Approvals(ctx, 1000)
	if err != nil {
		return nil, err
	}
	day := b.now().Add(-24 * time.Hour)
	for _, a := range list {
		if a.Created.After(day) {
			out = append(out, b.approval(a))
		}
	}
	return out, nil
}

// Approval returns one, waiting or ended.
func (b backend) Approval(ctx context.Context, id string) (*control.Approval, error) {
	n, err := approvalID(id)
	if err != nil {
		return nil, err
	}
	list := b.gate.Approvals() // what waits, as the gate holds it
	if !slices.ContainsFunc(list, func(a gate.Approval) bool { return a.ID == n }) {
		if list, err = b.state.Approvals(ctx, 1000); err != nil {
			return nil, err
		}
	}
	for _, a := range list {
		if a.ID == n {
			out := b.approval(a)
			out.Said = b.said(ctx, a)
			return &out, nil
		}
	}
	return nil, protocol.Errorf(protocol.NotFound, "there is no approval %s (ambit approvals list)", id)
}

// said finds the owner's words that began the turn.
func (b backend) said(ctx context.Context, a gate.Approval) string {
	if a.Turn == "" {
		return ""
	}
	_, turn := b.reports(a)
	text, err := b.state.TurnText(ctx, turn)
	if err != nil {
		return ""
	}
	return text
}

// reports tells for which conversation, and which turn of it, a request was made.
func (h *Host) reports(a gate.Approval) (session, turn string) {
	if its, ok := h.agents[a.Agent]; ok {
		return its.Reports(a.Session, a.Turn)
	}
	return a.Session, a.Turn
}

// AnswerApproval answers a waiting approval.
func (b backend) AnswerApproval(ctx context.Context, id string, ans control.AnswerRequest) (*control.Approval, error) {
	b.touch()
	n, err := approvalID(id)
	if err != nil {
		return nil, err
	}
	if ans.Lasting == control.AsGrant && ans.Digest == "" {
		return nil, protocol.Errorf(protocol.Invalid, "approval %s: to make it a grant say the digest of what was shown", id)
	}
	a, err := b.gate.Respond(ctx, n, gate.Answer{Digest: ans.Digest, Approve: ans.Approve, Reason: ans.Note, Lasting: gate.Lasting(ans.Lasting)})
	if err != nil {
		return nil, err
	}
	out := b.approval(a)
	return &out, nil
}

// AnswerApprovals answers several waiting approvals with one word.
func (b backend) AnswerApprovals(ctx context.Context, ans control.BatchRequest) ([]control.Approval, error) {
	b.touch()
	var list []gate.Exact
	for _, a := range ans.Answers {
		n, err := approvalID(a.ID)
		if err != nil {
			return nil, err
		}
		list = append(list, gate.Exact{ID: n, Digest: a.Digest})
	}
	answered, err := b.gate.RespondAll(ctx, list, gate.Answer{Approve: ans.Approve, Reason: ans.Note, Lasting: gate.Lasting(ans.Lasting)})
	if err != nil {
		return nil, err
	}
	out := []control.Approval{}
	for _, a := range answered {
		out = append(out, b.approval(a))
	}
	return out, nil
}

func approvalID(id string) (int64, error) {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return 0, protocol.Errorf(protocol.Invalid, "approval %q: want its number (ambit approvals list)", id)
	}
	return n, nil
}
