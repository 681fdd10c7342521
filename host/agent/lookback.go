package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// KindLookback is the trigger of what an agent does when it looks back on its
// conversations, in the policy's input. No turn has it.
const KindLookback = "lookback"

const (
	// maxConversations are looked at in one go; the others have their turn later.
	maxConversations = 20
	// afterTrouble is when is tried again what could not be done.
	afterTrouble = time.Hour
)

// Memory keeps what an agent learned from its conversations.
type Memory interface {
	// Ready fails when nothing can be noted now, and says why.
	Ready(ctx context.Context, agent string) error
	// Learn writes one note, through the gate. The same lesson again replaces it.
	Learn(ctx context.Context, origin gate.Origin, l Lesson) error
}

// Lesson is a note on a conversation.
type Lesson struct {
	Name   string    `json:"name"`
	Text   string    `json:"text"`
	Labels []string  `json:"labels"` // of the conversation; sorted
	Turns  []string  `json:"turns"`  // the first and the last, or just one
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
}

// Mark is how far an agent has looked back on a session.
type Mark struct {
	Agent, Session string
	Upto           int64 // the last entry that was looked at
	At             time.Time
	// Next is Upto once the lessons are noted. They are stored before the first of
	// them is, so that a crash neither asks the model again nor loses one.
	Next    int64
	Lessons []Lesson
}

// Marks keeps how far agents have looked back.
type Marks interface {
	Marks(ctx context.Context, agent string) ([]Mark, error)
	PutMark(ctx context.Context, m Mark) error
	// LastWork tells when the last turn of an agent ended that no heartbeat
	// started; busy if it runs. Zero: there was none.
	LastWork(ctx context.Context, agent string) (at time.Time, busy bool, err error)
}

// Lookback has an agent look back by itself.
type Lookback struct {
	Idle   time.Duration // after how long without a turn that no heartbeat started
	AtMost time.Duration // between two times
}

// LookbackStatus is how looking back went.
type LookbackStatus struct {
	Last    time.Time // zero: not since the start
	Next    time.Time // by itself, not before; zero: never
	Notes   int       // written since the start
	Trouble string    // the last time; empty: none
}

// LookbackReport is what one time did.
type LookbackReport struct {
	Conversations int
	Notes         []string // names
	Trouble       string
}

// lookback notes what was learned. One at a time.
type lookback struct {
	a    *Agent
	turn chan struct{}

	mu     sync.Mutex // guards status
	status LookbackStatus
}

// LookbackStatus tells how looking back went.
func (a *Agent) LookbackStatus() LookbackStatus {
	a.back.mu.Lock()
	defer a.back.mu.Unlock()
	return a.back.status
}

// LookBack looks back on all conversations that have something new, now.
func (a *Agent) LookBack(ctx context.Context) (LookbackReport, error) {
	if a.cfg.Memory == nil {
		return LookbackReport{}, protocol.Errorf(protocol.Unavailable, "agent %s has no memory", a.cfg.Name)
	}
	if err := a.cfg.Memory.Ready(ctx, a.cfg.Name); err != nil {
		return LookbackReport{}, err
	}
	return a.back.look(ctx)
}

// run looks back whenever the agent was idle for long enough.
func (b *lookback) run(ctx context.Context) {
	for {
		next := b.tick(ctx)
		b.mu.Lock()
		b.status.Next = next
		b.mu.Unlock()
		woken, stop := b.a.cfg.Clock.Wake(next)
		select {
		case <-ctx.Done():
			stop()
			return
		case <-woken:
		}
		stop()
	}
}

// tick looks back if it is time to, and tells when to look at the time again.
func (b *lookback) tick(ctx context.Context) time.Time {
	cfg := b.a.cfg
	now, rule := cfg.Clock.Now(), cfg.Lookback
	if cfg.Memory.Ready(ctx, cfg.Name) != nil {
		return now.Add(rule.Idle)
	}
	last, busy, err := cfg.Store.LastWork(ctx, cfg.Name)
	var marks []Mark
	if err == nil {
		marks, err = cfg.Store.Marks(ctx, cfg.Name)
	}
	if err != nil {
		b.end(ctx, LookbackReport{}, fmt.Errorf("how far it was can't be read: %w", err))
		return now.Add(afterTrouble)
	}
	due := last.Add(rule.Idle)
	for _, m := range marks {
		if len(m.Lessons) == 0 { // else it was cut off
			due = maxTime(due, m.At.Add(rule.AtMost))
		}
	}
	switch {
	case busy || last.IsZero():
		return now.Add(rule.Idle)
	case due.After(now):
		return due
	}
	report, err := b.look(ctx)
	switch {
	case err != nil && isRefusal(err):
		return cfg.Clock.Now().Add(rule.AtMost)
	case err != nil:
		return cfg.Clock.Now().Add(min(afterTrouble, rule.AtMost))
	case report.Conversations > 0:
		return cfg.Clock.Now().Add(max(rule.Idle, rule.AtMost))
	}
	return cfg.Clock.Now().Add(rule.Idle)
}

// look goes through the conversations. The first error ends it: what keeps one
// from being looked at keeps the others too.
func (b *lookback) look(ctx context.Context) (r LookbackReport, err error) {
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return r, context.Cause(ctx)
	}
	defer func() { b.end(ctx, r, err) }()
	cfg := b.a.cfg
	list, err := cfg.Store.Marks(ctx, cfg.Name)
	if err != nil {
		return r, err
	}
	marks := map[string]Mark{}
	for _, m := range list {
		marks[m.Session] = m
	}
	sessions, err := cfg.Store.Sessions(ctx, cfg.Name)
	if err != nil {
		return r, err
	}
	for _, s := range sessions {
		if gate.IsSub(s.ID) { // what it found was reported to its agent's conversation
			continue
		}
		m, known := marks[s.ID]
		if !known {
			m = Mark{Agent: cfg.Name, Session: s.ID}
		}
		if len(m.Lessons) == 0 {
			if known && !s.Updated.After(m.At) || b.a.Running(s.ID) != "" || r.Conversations >= maxConversations {
				continue
			}
			asked, err := b.ask(ctx, &m, &r)
			if err != nil {
				return r, err
			}
			if !asked {
				continue
			}
		}
		r.Conversations++
		if err := b.note(ctx, m, &r); err != nil {
			return r, err
		}
	}
	return r, nil
}

// ask has the model look at what is new in a session, and stores what it would
// note. It reports whether there was anything to look at.
func (b *lookback) ask(ctx context.Context, m *Mark, r *LookbackReport) (asked bool, err error) {
	cfg := b.a.cfg
	at := cfg.Clock.Now() // before the history is read: what is said meanwhile is new
	entries, err := cfg.Store.Entries(ctx, m.Session, m.Upto+1, 0)
	if err != nil {
		return false, err
	}
	session, err := cfg.Store.Session(ctx, m.Session) // after them: with all their labels
	if err != nil {
		return false, err
	}
	c := recount(entries, session.Labels, cfg.Zone)
	if c.upto == 0 {
		return false, nil
	}
	if c.upto < entries[len(entries)-1].Seq {
		at = time.Time{} // there is more for the next time
	}
	m.Next = c.upto
	if c.worth {
		m.At = at // else it does not count as a time
		resp, err := b.complete(ctx, m.Session, c)
		if err != nil {
			return true, fmt.Errorf("session %s: %w", m.Session, err)
		}
		if m.Lessons, err = lessonsIn(resp.Text, m.Session, c, cfg.Clock.Now().In(cfg.Zone)); err != nil {
			r.Trouble = fmt.Sprintf("session %s: %v", m.Session, err)
		}
	}
	return c.worth, cfg.Store.PutMark(ctx, b.settled(*m))
}

// settled is a mark as it is stored: with nothing to be noted it has moved.
func (b *lookback) settled(m Mark) Mark {
	if len(m.Lessons) == 0 {
		m.Upto, m.Next = max(m.Upto, m.Next), 0
	}
	return m
}

// complete asks the agent's first model. It is offered no tools: what stands in
// the conversation can have it write notes, and do nothing.
func (b *lookback) complete(ctx context.Context, session string, c conversation) (model.Response, error) {
	cfg := b.a.cfg
	route := Route{Plugin: cfg.ModelPlugin, Model: cfg.ModelName}
	if r, ok := cfg.Model.(Router); ok && cfg.ModelPlugin == "" {
		if routes := r.Routes(cfg.Name); len(routes) > 0 {
			route = routes[0]
		}
	}
	req := model.Request{Model: route.Model, MaxTokens: lookbackTokens, Messages: []model.Message{
		{Role: model.System, Text: fmt.Sprintf(lookbackCharter, cfg.Name)},
		{Role: model.User, Text: c.text},
	}}
	return cfg.Model.Complete(ctx, b.origin(session, c.labels), route.Plugin, req, func(model.Delta) {})
}

func (b *lookback) origin(session string, labels []string) gate.Origin {
	return gate.Origin{Agent: b.a.cfg.Name, Session: session, Trigger: KindLookback, Labels: labels}
}

// note writes the lessons of a mark. One that is refused, or does not fit, is left
// out: the owner's word on it will be the same the next time.
func (b *lookback) note(ctx context.Context, m Mark, r *LookbackReport) error {
	for _, l := range m.Lessons {
		err := b.a.cfg.Memory.Learn(ctx, b.origin(m.Session, l.Labels), l)
		code := protocol.CodeOf(err)
		switch {
		case err == nil:
			r.Notes = append(r.Notes, l.Name)
		case ctx.Err() == nil && (isRefusal(err) || code == protocol.Limit || code == protocol.Invalid):
			r.Trouble = fmt.Sprintf("a note on session %s: %v", m.Session, err)
		default:
			return fmt.Errorf("a note on session %s: %w", m.Session, err)
		}
	}
	if len(m.Lessons) == 0 {
		return nil
	}
	m.Lessons = nil
	return b.a.cfg.Store.PutMark(ctx, b.settled(m))
}

// end keeps how it went.
func (b *lookback) end(ctx context.Context, r LookbackReport, err error) {
	if ctx.Err() != nil {
		return // the host ends
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status.Last, b.status.Notes, b.status.Trouble = b.a.cfg.Clock.Now(), b.status.Notes+len(r.Notes), r.Trouble
	if err != nil {
		b.status.Trouble = short(err.Error())
	}
	if b.status.Trouble != "" {
		b.a.log.Warn("looking back on conversations", "trouble", b.status.Trouble)
	}
}

// isRefusal tells what was decided against from what failed.
func isRefusal(err error) bool {
	_, denied := errors.AsType[*gate.Denial](err)
	return denied || err != nil && !canHelp(err)
}
