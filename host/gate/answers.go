package gate

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Lasting says how far a yes reaches.
type Lasting string

const (
	Once       Lasting = ""        // this request, now
	ForSession Lasting = "session" // and what is like it, until the session or the host ends
	AsGrant    Lasting = "grant"   // and what its narrow scope covers, until revoked
)

// Answer is a word on a waiting approval.
type Answer struct {
	// Digest must be that of the request that was shown. Only the owner, at
	// the command line, may leave it out.
	Digest  string
	Approve bool
	Reason  string // told to who asked
	Lasting Lasting
	// By is who answers; the zero Entity is the owner. A plugin (a channel
	// that holds owner.approve) may answer requests of others, once, and
	// never those of risk control. Its ceiling is the gate's business where
	// it uses owner.approve, before it gets here.
	By policy.Entity
}

// Answer is the owner's plain yes or no.
func (g *Gate) Answer(ctx context.Context, id int64, digest string, approved bool, reason string) (Approval, error) {
	return g.Respond(ctx, id, Answer{Digest: digest, Approve: approved, Reason: reason})
}

// Respond answers a waiting approval. Of several answers the first counts, and
// one that comes late, or again, or for another request does nothing. The
// answer is on disk before the effect goes on; if it can't be, the effect is
// declined.
func (g *Gate) Respond(ctx context.Context, id int64, ans Answer) (Approval, error) {
	p, err := g.waiting(id, ans.Digest)
	if err != nil {
		return Approval{}, err
	}
	if err := p.may(ans); err != nil {
		return p.approval, err
	}
	left, ok := g.taken(id)
	if !ok {
		return p.approval, protocol.Errorf(protocol.NotFound, "approval %d was just answered or expired", id)
	}
	return g.conveyed(ctx, p, ans, left)
}

// Exact is one approval and the digest of what was shown of it.
type Exact struct {
	ID     int64
	Digest string
}

// RespondAll answers several with one word, each bound to its own digest: if
// one of them is not what was shown, none is answered.
func (g *Gate) RespondAll(ctx context.Context, list []Exact, ans Answer) ([]Approval, error) {
	for _, x := range list {
		ans.Digest = x.Digest
		p, err := g.waiting(x.ID, x.Digest)
		if err == nil {
			err = p.may(ans)
		}
		if err != nil {
			return nil, err
		}
	}
	var out []Approval
	var errs []error
	for _, x := range list {
		ans.Digest = x.Digest
		a, err := g.Respond(ctx, x.ID, ans)
		out, errs = append(out, a), append(errs, err)
	}
	return out, errors.Join(errs...)
}

// waiting finds an approval that waits, if digest (unless empty) is its own.
func (g *Gate) waiting(id int64, digest string) (*pending, error) {
	g.mu.Lock()
	p, ok := g.approvals[id]
	g.mu.Unlock()
	if !ok {
		return nil, protocol.Errorf(protocol.NotFound, "approval %d does not wait for an answer: it was answered, it expired, or who asked is gone (ambit approvals list)", id)
	}
	if digest != "" && digest != p.approval.Digest {
		return nil, protocol.Errorf(protocol.Invalid, "approval %d is for another request than the one shown; look again: ambit approvals show %d", id, id)
	}
	return p, nil
}

// may tells whether such an answer can be given, by whom it is.
func (p *pending) may(ans Answer) error {
	a := &p.approval
	if ans.By.Type != "" && ans.By.Type != "owner" {
		plugin, _, _ := strings.Cut(a.Tool, "/")
		switch {
		case ans.By.Type != "plugin" || ans.By.ID == "":
			return protocol.Errorf(protocol.Denied, "%s answers no approvals", actorName(ans.By))
		case ans.Digest == "":
			return protocol.Errorf(protocol.Invalid, "approval %d: an answer names the digest of what was shown", a.ID)
		case a.Risk == capability.Control:
			return protocol.Errorf(protocol.Denied, "approval %d is about Ambit itself: only the command line answers it (ambit approvals show %d)", a.ID, a.ID)
		case a.Plugin == ans.By.ID || a.Actor == "plugin:"+ans.By.ID || plugin == ans.By.ID:
			return protocol.Errorf(protocol.Denied, "approval %d is the plugin's own request: it can't answer it itself", a.ID)
		case ans.Lasting != Once:
			return protocol.Errorf(protocol.Denied, "approval %d: a channel answers one request at a time", a.ID)
		}
	}
	if !ans.Approve {
		return nil
	}
	switch ans.Lasting {
	case Once:
		return nil
	case ForSession:
		return a.lastsForSession()
	case AsGrant:
		_, err := a.AsGrant()
		return err
	}
	return protocol.Errorf(protocol.Invalid, "approval %d: lasting %q: want nothing, session or grant", a.ID, ans.Lasting)
}

// conveyed records the answer and passes it to who waits, if somebody does. p was
// taken.
func (g *Gate) conveyed(ctx context.Context, p *pending, ans Answer, left bool) (Approval, error) {
	a := p.approval
	a.State, a.Answered, a.Answer, a.By = Declined, g.cfg.Clock.Now(), ans.Reason, "owner"
	if ans.By.Type == "plugin" {
		a.By = actorName(ans.By)
	}
	switch {
	case !a.Answered.Before(a.Expires):
		a.State = Expired
	case ans.Approve:
		a.State, a.Lasting = Approved, ans.Lasting
	}
	err := g.recordAnswer(ctx, a)
	if err != nil {
		a.State, a.Answer = Declined, "the answer could not be recorded"
	} else if a.State == Approved {
		err = g.last(ctx, p, a)
	}
	if left && a.State != Expired {
		g.unheard(a)
		return a, err
	}
	p.answer <- a
	g.cfg.Notify(a)
	return a, err
}

func (g *Gate) recordAnswer(ctx context.Context, a Approval) error {
	ctx = context.WithoutCancel(ctx)
	kind := audit.Decline
	if a.State == Approved {
		kind = audit.Approve
	}
	r := audit.Record{Kind: kind, Time: a.Answered, Actor: a.By, Plugin: a.Plugin, Capability: a.Capability, Resource: a.Resource, Agent: a.Agent, Session: a.Session, Approval: fmt.Sprint(a.ID), Detail: string(a.Lasting)}
	_, logErr := g.cfg.Audit.Append(ctx, r, []byte(a.Digest), true)
	if err := errors.Join(logErr, g.cfg.Store.EndApproval(ctx, a)); err != nil {
		return fmt.Errorf("approval %d: the answer can't be recorded, so it is declined: %w", a.ID, err)
	}
	return nil
}
