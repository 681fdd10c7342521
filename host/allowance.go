package host

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/budget"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/manifest"
)

// allowance is a budget of an agent, or of what it does by itself (its heartbeats,
// its looking back), from ambit.yaml. The
// gate books it beside those of grants and policy: nothing goes over it.
type allowance struct {
	agent  string
	of     string // "agent", or "heartbeat"
	budget budget.Budget
}

// warnPercent of an allowance are used when the owner is told.
const warnPercent = 80

// allowances keeps the agents' budgets. Its zero value has none.
type allowances struct {
	list   []allowance
	used   func(ctx context.Context, account string, since time.Time) (int64, error)
	now    func() time.Time
	zone   *time.Location
	model  func(plugin string) bool // tells model plugins
	notice func(ctx context.Context, agent, session, topic string, n control.Notice)

	mu   sync.Mutex
	told map[string]time.Time // by account and percentage: the window in which the owner was told
}

// standing are the budgets that count an effect: tokens where a model is asked,
// money where an amount of it moves.
func (l *allowances) standing(ctx context.Context, e *gate.Effect) (out []budget.Budget) {
	for _, a := range l.of(e.Origin.Agent, e.Origin.Trigger) {
		if l.counts(a.budget.Unit, e) {
			out = append(out, a.budget)
			l.warn(ctx, a, e.Origin.Session)
		}
	}
	return out
}

func (l *allowances) of(name, trigger string) (out []allowance) {
	for _, a := range l.list {
		if a.agent == name && (a.of != agent.KindHeartbeat || trigger == agent.KindHeartbeat || trigger == agent.KindLookback) {
			out = append(out, a)
		}
	}
	return out
}

// counts: a plugin that asks a model is counted once, where the model plugin
// answers.
func (l *allowances) counts(u budget.Unit, e *gate.Effect) bool {
	if u == budget.Tokens {
		return e.Capability == "model.complete" && l.model(e.Plugin)
	}
	c, ok := capability.Lookup(e.Capability)
	if !ok || c.Risk == capability.Control {
		return false
	}
	_, amount := e.Attributes["amount"]
	_, currency := e.Attributes["currency"]
	return amount && currency
}

// left is what an allowance still has.
func (l *allowances) left(ctx context.Context, a allowance) (int64, time.Time, error) {
	since, err := a.budget.Window.Start(l.now(), l.zone)
	if err != nil {
		return 0, since, err
	}
	used, err := l.used(ctx, a.budget.Account(budget.Use{Agent: a.agent}), since)
	return max(0, a.budget.Limit-used), since, err
}

// status is what is used of an agent's budgets. What can't be read is left out.
func (l *allowances) status(ctx context.Context, name string) (out []control.Allowance) {
	for _, a := range l.of(name, agent.KindHeartbeat) {
		if left, _, err := l.left(ctx, a); err == nil {
			out = append(out, control.Allowance{Of: a.of, Unit: a.budget.Unit, Window: a.budget.Window, Used: a.budget.Limit - left, Limit: a.budget.Limit})
		}
	}
	return out
}

// spent tells whether an agent's heartbeats have too little left for one answer
// of a model.
func (l *allowances) spent(ctx context.Context, name, session string) (bool, error) {
	const oneAnswer = 10_000 // what is reserved for one that nobody bounds, and a short question
	for _, a := range l.of(name, agent.KindHeartbeat) {
		left, since, err := l.left(ctx, a)
		if err != nil {
			return false, err
		}
		if a.budget.Unit == budget.Tokens && left < oneAnswer || left == 0 {
			l.tell(ctx, a, session, since, 100, fmt.Sprintf("Heartbeats of agent %s pause: of their budget of %s %s too little is left.", name, a.budget.Unit.Format(a.budget.Limit), a.budget.Window.Words()))
			return true, nil
		}
	}
	return false, nil
}

// review looks after a turn whether the owner is to be warned.
func (l *allowances) review(ctx context.Context, name, session string) {
	for _, a := range l.of(name, agent.KindHeartbeat) {
		l.warn(ctx, a, session)
	}
}

// warn tells the owner once a window when little of an allowance is left.
func (l *allowances) warn(ctx context.Context, a allowance, session string) {
	left, since, err := l.left(ctx, a)
	if err != nil || left > a.budget.Limit/100*(100-warnPercent) {
		return // the reservation that follows finds what could not be read
	}
	whose := "agent " + a.agent
	if a.of == agent.KindHeartbeat {
		whose = "heartbeats of agent " + a.agent
	}
	l.tell(ctx, a, session, since, warnPercent, fmt.Sprintf("The budget of %s, %s %s, has %s left. When it is used up what it counts is refused.",
		whose, a.budget.Unit.Format(a.budget.Limit), a.budget.Window.Words(), a.budget.Unit.Format(left)))
}

func (l *allowances) tell(ctx context.Context, a allowance, session string, since time.Time, percent int, text string) {
	key := fmt.Sprintf("%s %s %s %d", a.agent, a.of, a.budget.Unit, percent)
	l.mu.Lock()
	if l.told == nil {
		l.told = map[string]time.Time{}
	}
	// A window that slides begins anew all the time; a day is often enough.
	last, before := l.told[key]
	again := before && (last.Equal(since) || !windowed(a.budget.Window) && since.Sub(last) < 24*time.Hour)
	if !again {
		l.told[key] = since
	}
	l.mu.Unlock()
	if !again {
		l.notice(ctx, a.agent, session, "budget "+a.agent+" "+a.of+" "+string(a.budget.Unit), control.Notice{Message: text, Hint: "ambit budget list"})
	}
}

func windowed(w budget.Window) bool { return w == "day" || w == "week" || w == "month" }

// openAllowances reads the agents' budgets from their settings.
func (h *Host) openAllowances() error {
	l := &h.allowances
	l.used, l.now, l.zone, l.notice = h.state.Used, h.now, h.zone, h.tellOwner
	l.model = func(name string) bool {
		p, ok := h.plugins.lookup(name)
		return ok && p.manifest != nil && p.manifest.Is(manifest.Model)
	}
	for name, f := range h.file.Agents {
		list, err := f.allowances(name)
		if err != nil {
			return err
		}
		l.list = append(l.list, list...)
	}
	return nil
}

// tellOwner shows something in the status and in a session.
func (h *Host) tellOwner(ctx context.Context, name, session, topic string, n control.Notice) {
	h.notices.set(topic, n)
	if session == "" {
		return
	}
	if err := h.Deliver(ctx, name, session, "[ambit] "+n.Message); err != nil {
		h.log.Error("a notice could not be brought to the owner", "notice", n.Message, "error", err)
	}
}
