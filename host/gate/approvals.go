package gate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

// State of an approval.
type State string

const (
	Waiting  State = "waiting"
	Approved State = "approved"
	Declined State = "declined"
	Expired  State = "expired" // nobody answered, or who asked is gone
)

// Approval is one exact request that waits for the owner. Approving it lets
// that one effect happen, once; a request that differs in a byte has another
// digest and asks again.
type Approval struct {
	ID         int64                 `json:"id"`
	State      State                 `json:"state"`
	Digest     string                `json:"digest"` // SHA-256, hex, of the exact request
	Created    time.Time             `json:"created"`
	Expires    time.Time             `json:"expires"`
	Actor      string                `json:"actor"`
	Agent      string                `json:"agent,omitempty"`
	Session    string                `json:"session,omitempty"`
	Turn       string                `json:"turn,omitempty"`
	Tool       string                `json:"tool,omitempty"`   // plugin/tool on whose behalf
	Labels     []string              `json:"labels,omitempty"` // of the session
	Plugin     string                `json:"plugin"`
	Capability string                `json:"capability"`
	Risk       capability.Risk       `json:"risk"`
	Resource   string                `json:"resource"`
	Attributes capability.Attributes `json:"attributes"`
	Args       json.RawMessage       `json:"args,omitempty"` // as requested; cut when very long
	Reasons    []policy.Reason       `json:"reasons,omitempty"`
	Answer     string                `json:"answer,omitempty"` // the owner's word of reason
	Lasting    Lasting               `json:"lasting,omitempty"`
	By         string                `json:"by,omitempty"` // who answered: "owner", "plugin:NAME"
	Answered   time.Time             `json:"answered,omitzero"`
	Grant      string                `json:"grant,omitempty"` // id of the grant that would be used
	// Left says that the turn that asked is gone: the answer starts one.
	Left bool `json:"left,omitempty"`
}

// ApprovalStore keeps the record of approvals.
type ApprovalStore interface {
	AddApproval(context.Context, *Approval) error // sets ID
	EndApproval(context.Context, Approval) error
	LeftStore
}

type pending struct {
	approval Approval      // never changed
	grant    string        // id of the grant that would be used
	answer   chan Approval // buffered: the answer never waits for the asker
	left     bool          // nobody waits for it; guarded by Gate.mu
}

// approve asks the owner and waits, unless a yes of this session covers the
// request. Nil means: this exact request, now, once.
func (g *Gate) approve(f *Flight, d policy.Decision) error {
	if g.allowedBefore(f, d) || g.redeem(f) {
		return nil
	}
	p, err := g.ask(f, d)
	if err != nil {
		return err
	}
	answer := g.answerTo(f, p)
	if answer.State == Waiting {
		return protocol.Errorf(protocol.Timeout, "%v; question %d goes on waiting for the owner until %s, and it was not done", f.cancelled(), p.approval.ID, p.approval.Expires.In(g.cfg.Zone).Format("15:04"))
	}
	if cause := f.cancelled(); cause != nil {
		if f.leaves() && answer.State != Expired {
			p.answer <- answer // it was taken out above
			g.abandon(f, p)
		}
		return cause
	}
	switch {
	case answer.State == Approved && answer.Digest == f.effect.digest():
		if !g.use(f, p.approval.ID) {
			return f.effect.deny(protocol.Unavailable, "approval", "that the approval is used can't be recorded", "ambit status")
		}
		return nil
	case answer.State == Approved:
		return f.effect.deny(protocol.Declined, "approval", "the request changed after it was approved", "")
	case answer.State == Declined:
		return f.effect.deny(protocol.Declined, "approval", "the owner declined"+because(answer.Answer)+askedFor(d), "")
	}
	return f.effect.deny(protocol.Declined, "approval", "the owner did not answer in time"+askedFor(d), "ask again when the owner is there")
}

// answerTo waits for the owner until the approval expires. One that is waiting
// still goes on without who asked.
func (g *Gate) answerTo(f *Flight, p *pending) Approval {
	for {
		late, stop := g.cfg.Clock.Wake(p.approval.Expires)
		select {
		case answer := <-p.answer:
			stop()
			return answer
		case <-late:
			stop()
			if g.cfg.Clock.Now().Before(p.approval.Expires) {
				continue // the clock was set
			}
		case <-f.ctx.Done():
			stop()
			if f.leaves() {
				g.abandon(f, p)
				return p.approval
			}
		}
		return g.expire(f.ctx, p)
	}
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// askedFor says why the owner was asked, with the source and the sentence that
// made a request suspicious; what strangers wrote stands in quotes there.
func askedFor(d policy.Decision) string {
	if len(d.Reasons) == 0 {
		return ""
	}
	return " (asked because " + d.Reasons[0].Message + ")"
}

func (g *Gate) ask(f *Flight, d policy.Decision) (*pending, error) {
	if p := g.adopt(f); p != nil {
		f.record.Approval, f.wasAsked = fmt.Sprint(p.approval.ID), true
		return p, nil
	}
	e, now := f.effect, g.cfg.Clock.Now()
	p := &pending{answer: make(chan Approval, 1), grant: f.grant.ID, approval: Approval{
		State: Waiting, Digest: e.digest(), Created: now, Expires: now.Add(g.cfg.ApprovalTTL),
		Actor: actorName(e.Actor), Agent: e.Origin.Agent, Session: e.Origin.Session, Turn: e.Origin.Turn,
		Tool: e.Origin.Tool, Labels: e.Origin.Labels, Plugin: e.Plugin,
		Capability: e.Capability, Risk: e.Risk, Resource: e.Resource, Attributes: maps.Clone(e.Attributes),
		Args: e.payload(), Reasons: d.Reasons, Grant: f.grant.ID,
	}}
	if err := g.cfg.Store.AddApproval(f.ctx, &p.approval); err != nil {
		return nil, e.deny(protocol.Unavailable, "approval", "the owner can't be asked: "+err.Error(), "ambit status")
	}
	f.record.Approval, f.wasAsked = fmt.Sprint(p.approval.ID), true
	g.count(asAsked)
	g.mu.Lock()
	g.approvals[p.approval.ID] = p
	g.mu.Unlock()
	g.cfg.Notify(p.approval)
	return p, nil
}

// expire ends an approval that nobody waits for any more. If an answer came in
// the same moment, that answer counts.
func (g *Gate) expire(ctx context.Context, p *pending) Approval {
	if !g.take(p.approval.ID) {
		return <-p.answer
	}
	return g.ended(ctx, p)
}

// ended records that nobody answered. p was taken.
func (g *Gate) ended(ctx context.Context, p *pending) Approval {
	a := p.approval
	a.State, a.Answered = Expired, g.cfg.Clock.Now()
	if err := g.cfg.Store.EndApproval(context.WithoutCancel(ctx), a); err != nil {
		g.log.Error("an expired approval can't be stored", "approval", a.ID, "error", err)
	}
	g.cfg.Notify(a)
	return a
}

// take removes an approval from those that wait; only one caller succeeds.
func (g *Gate) take(id int64) bool {
	_, ok := g.taken(id)
	return ok
}

// taken is take that tells whether who asked is gone.
func (g *Gate) taken(id int64) (left, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p, ok := g.approvals[id]
	delete(g.approvals, id)
	return ok && p.left, ok
}

// Approvals lists what waits for the owner, oldest first.
func (g *Gate) Approvals() []Approval {
	g.sweep()
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([]Approval, 0, len(g.approvals))
	for _, p := range g.approvals {
		a := p.approval
		a.Left = p.left
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b Approval) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// digest identifies the exact request: who, with whose grant, what, on what,
// with which arguments and facts.
func (e *Effect) digest() string {
	attrs, err := json.Marshal(e.Attributes) // maps are written in key order
	if err != nil {
		attrs = []byte(err.Error())
	}
	h := sha256.New()
	for _, part := range [][]byte{[]byte(actorName(e.Actor)), []byte(e.Plugin), []byte(e.Capability), []byte(e.Risk), []byte(e.Resource), []byte(e.Origin.Agent), []byte(e.Origin.Session), attrs, e.Args} {
		fmt.Fprintf(h, "%d:", len(part))
		h.Write(part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// maxPayload is how much of a request's arguments audit and approvals keep.
const maxPayload = 64 << 10

// payload is what the audit keeps apart and the owner is shown: the arguments,
// or for very long ones their size and hash.
func (e *Effect) payload() []byte {
	if len(e.Args) <= maxPayload {
		return e.Args
	}
	sum := sha256.Sum256(e.Args)
	return payloadOf(map[string]any{"bytes": len(e.Args), "sha256": hex.EncodeToString(sum[:]), "begins": string(e.Args[:1024])})
}

func payloadOf(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte(err.Error())
	}
	return b
}
