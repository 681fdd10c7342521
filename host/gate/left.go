package gate

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Leaving is why somebody stops to wait who would still want to know the answer:
// a question of theirs goes on waiting for the owner, until it expires.
type Leaving struct{ Cause error }

// Error is the cause's.
func (l *Leaving) Error() string { return l.Cause.Error() }

// Unwrap gives the cause.
func (l *Leaving) Unwrap() error { return l.Cause }

// LeftStore keeps questions whose asker is gone, and a yes that nobody used.
type LeftStore interface {
	// LeaveApproval notes that who asked is gone, or has come back.
	LeaveApproval(ctx context.Context, id int64, gone bool) error
	// UseApproval uses up a yes: of several callers one gets true.
	UseApproval(ctx context.Context, id int64) (bool, error)
	// LeftApprovals is called at start: whoever asked before is gone. It ends the
	// questions that expired or that no turn asked, and returns the others with
	// every yes that was not used: Left is set on all of them.
	LeftApprovals(ctx context.Context, now time.Time) ([]Approval, error)
	// Untold returns answers to questions whose asker was gone, and has not been
	// told yet; UntoldDone ends that.
	Untold(ctx context.Context) ([]Approval, error)
	UntoldDone(ctx context.Context, id int64) error
}

// loadLeft takes up the questions and the yeses of the last run.
func (g *Gate) loadLeft(ctx context.Context) error {
	list, err := g.cfg.Store.LeftApprovals(ctx, g.cfg.Clock.Now())
	if err != nil {
		return err
	}
	for _, a := range list {
		if IsSub(a.Session) {
			if err := g.forgo(ctx, a); err != nil {
				return err
			}
			continue
		}
		if a.State == Approved {
			g.unused[a.Digest] = a
			continue
		}
		g.approvals[a.ID] = &pending{approval: a, grant: a.Grant, answer: make(chan Approval, 1), left: true}
	}
	return nil
}

// forgo ends a sub-agent's question, or a yes to one: nobody is left to go on with
// it.
func (g *Gate) forgo(ctx context.Context, a Approval) error {
	if a.State == Approved {
		_, err := g.cfg.Store.UseApproval(ctx, a.ID)
		return err
	}
	a.State, a.Answered = Expired, g.cfg.Clock.Now()
	return g.cfg.Store.EndApproval(ctx, a)
}

// leaves tells a turn that can't wait any longer from what ends a question: a
// revocation, a kill, the owner's stop, or a caller that nobody can tell anything.
func (f *Flight) leaves() bool {
	if f.ctx.Err() == nil || f.effect.Origin.Turn == "" || f.effect.Origin.Session == "" || IsSub(f.effect.Origin.Session) {
		return false
	}
	_, is := errors.AsType[*Leaving](context.Cause(f.ctx))
	return is
}

// abandon has a question wait on without who asked. If it was answered in the same
// moment, that answer is the one they get to know.
func (g *Gate) abandon(f *Flight, p *pending) {
	ctx := context.WithoutCancel(f.ctx)
	if err := g.cfg.Store.LeaveApproval(ctx, p.approval.ID, true); err != nil {
		g.log.Error("a question can't outlive its turn", "approval", p.approval.ID, "error", err)
		g.expire(ctx, p)
		return
	}
	g.mu.Lock()
	_, waits := g.approvals[p.approval.ID]
	p.left = waits
	g.mu.Unlock()
	if waits {
		a := p.approval
		a.Left = true
		g.cfg.Notify(a)
		return
	}
	g.unheard(<-p.answer)
}

// unheard keeps an answer that nobody waited for. A yes can be used once, by the
// very same request, until the question expires.
func (g *Gate) unheard(a Approval) {
	a.Left = true
	if a.State == Approved {
		g.mu.Lock()
		g.unused[a.Digest] = a
		g.mu.Unlock()
	}
	g.cfg.Notify(a)
}

// adopt finds a question that still waits for the owner about the very same
// request: whoever asks it again waits for that answer.
func (g *Gate) adopt(f *Flight) *pending {
	digest := f.effect.digest()
	g.mu.Lock()
	var found *pending
	for _, p := range g.approvals {
		if p.left && p.approval.Digest == digest && p.grant == f.grant.ID && g.cfg.Clock.Now().Before(p.approval.Expires) {
			p.left, found = false, p
			break
		}
	}
	g.mu.Unlock()
	if found == nil {
		return nil
	}
	if err := g.cfg.Store.LeaveApproval(f.ctx, found.approval.ID, false); err != nil { // then the answer may be told twice
		g.log.Error("that a question was taken up again can't be stored", "approval", found.approval.ID, "error", err)
	}
	return found
}

// redeem uses a yes that was given when who asked was gone, if there is one to
// exactly this request under the same grant.
func (g *Gate) redeem(f *Flight) bool {
	digest := f.effect.digest()
	g.mu.Lock()
	a, ok := g.unused[digest]
	if ok && (a.Grant != f.grant.ID || !g.cfg.Clock.Now().Before(a.Expires)) {
		ok = false
	} else if ok {
		delete(g.unused, digest)
	}
	g.mu.Unlock()
	if !ok || !g.use(f, a.ID) {
		return false
	}
	f.record.Approval, f.wasAsked = fmt.Sprint(a.ID), true
	return true
}

// use makes sure on disk that a yes counts once.
func (g *Gate) use(f *Flight, id int64) bool {
	ok, err := g.cfg.Store.UseApproval(context.WithoutCancel(f.ctx), id)
	if err != nil {
		g.log.Error("that an approval is used can't be stored", "approval", id, "error", err)
	}
	return ok && err == nil
}

// dropLeft ends what waits without who asked, and what was not used, for a
// target that is killed. The caller holds mu.
func (g *Gate) dropLeft(target string) (ended []*pending, yeses []Approval) {
	for digest, a := range g.unused {
		if a.concerns(target) {
			delete(g.unused, digest)
			yeses = append(yeses, a)
		}
	}
	for _, p := range g.approvals {
		if p.left && p.approval.concerns(target) {
			ended = append(ended, p)
		}
	}
	return ended, yeses
}

// endDropped makes that last over a restart.
func (g *Gate) endDropped(questions []*pending, yeses []Approval) {
	for _, p := range questions {
		g.endLeft(p)
	}
	for _, a := range yeses {
		if _, err := g.cfg.Store.UseApproval(context.Background(), a.ID); err != nil {
			g.log.Error("that an approval counts no more can't be stored", "approval", a.ID, "error", err)
		}
	}
}

func (a *Approval) concerns(target string) bool {
	return target == All || target == "agent:"+a.Agent || target == "plugin:"+a.Plugin || target == a.Actor
}

// sweep ends the questions without who asked that have expired. Those of others
// end where somebody waits.
func (g *Gate) sweep() {
	now := g.cfg.Clock.Now()
	var over []*pending
	g.mu.Lock()
	for _, p := range g.approvals {
		if p.left && !now.Before(p.approval.Expires) {
			over = append(over, p)
		}
	}
	for digest, a := range g.unused {
		if !now.Before(a.Expires) {
			delete(g.unused, digest)
		}
	}
	g.mu.Unlock()
	for _, p := range over {
		g.endLeft(p)
	}
}

func (g *Gate) endLeft(p *pending) {
	if g.take(p.approval.ID) {
		g.ended(context.Background(), p)
	}
}

// Untold lists answers to questions whose asker was gone and has not been told.
func (g *Gate) Untold(ctx context.Context) ([]Approval, error) { return g.cfg.Store.Untold(ctx) }

// Told notes that who asked knows the answer.
func (g *Gate) Told(ctx context.Context, id int64) error { return g.cfg.Store.UntoldDone(ctx, id) }

// Asked finds the question about one tool call of a turn that is gone, that waits
// or whose yes was not used: then the call was not made.
func (g *Gate) Asked(turn, tool string) (id int64, ok bool) {
	g.sweep()
	g.mu.Lock()
	defer g.mu.Unlock()
	match := func(a *Approval) bool { return a.Turn == turn && a.Resource == tool && a.Tool == "" }
	for _, p := range g.approvals {
		if p.left && match(&p.approval) {
			return p.approval.ID, true
		}
	}
	for _, a := range g.unused {
		if match(&a) {
			return a.ID, true
		}
	}
	return 0, false
}
