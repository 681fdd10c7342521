package agent

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Message is what the owner says, or somebody else.
type Message struct {
	Session  string // up to 128 letters, digits and -_.:@/
	Text     string
	Images   []model.Image // each as [model.Image.Check] wants it; bounded as a request's are
	Channel  string        // where it came from; "" is the command line
	SourceID string        // the channel's own id of it, for de-duplication; "" if it has none
	// From names who wrote it, if not the owner: then it is no instruction, the
	// session is labelled untrusted, and "stop" is a word like any other.
	From string
	// Mode says what becomes of it while a turn runs.
	Mode Mode
}

// Mode says what becomes of a message that arrives while a turn runs.
type Mode string

const (
	Steer     Mode = ""          // the turn takes it in before it asks its model again
	FollowUp  Mode = "follow-up" // a turn of its own, when this one has ended
	Supersede Mode = "interrupt" // the turn is cancelled, and the next one answers it
)

// TurnID names a turn.
type TurnID string

const maxText = 256 << 10 // bytes of one message

var sessionName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:@/-]{0,127}$`)

// Why a turn's context ended. The codes are those that the gate and the cells
// understand: killed ends the cells at work, timeout says that nobody waits.
var (
	errStopped     = protocol.Errorf(protocol.Killed, "the owner said stop")
	errInterrupted = protocol.Errorf(protocol.Timeout, "the owner interrupted the turn")
	// Who asked would still want to know the owner's answer.
	errWall    error = &gate.Leaving{Cause: protocol.Errorf(protocol.Timeout, "the turn took too long")}
	errClosing error = &gate.Leaving{Cause: protocol.Errorf(protocol.Timeout, "the host is stopping")}
)

// line is the queue of one session.
type line struct {
	session string
	jobs    []job
	current *turn     // until it is recorded
	busy    bool      // a worker serves the line
	last    time.Time // when a message arrived last
}

// job is a turn to run: for a new message, or to take up one that a crash cut
// off.
type job struct {
	trigger Trigger
	steers  string // id of the running turn that was to take the message in
	alone   bool   // no turn for other messages takes it in
	open    *OpenTurn
	task    *Task // of a sub-agent
	closed  bool  // open was closed already, and nothing began for its messages since
	drop    bool  // the owner said stop: close what is open, begin nothing
}

func (j job) session() string {
	if j.open != nil {
		return j.open.Session
	}
	return j.trigger.Session
}

// jobsOf are the turns to run for messages that wait. Those which a turn had
// taken before a crash are taken up by one, as if it were still open: the session
// has heard them already, and knows which calls are in doubt.
func jobsOf(waiting []Trigger) (jobs []job) {
	taken := map[string]*OpenTurn{}
	for _, t := range waiting {
		switch open := taken[t.Turn]; {
		case t.Attempts == 0:
			jobs = append(jobs, job{trigger: t, alone: t.apart()})
		case open != nil:
			open.Triggers = append(open.Triggers, t)
		default:
			open = &OpenTurn{Turn: Turn{ID: t.Turn, Agent: t.Agent, Session: t.Session, Trigger: t.ID}, Triggers: []Trigger{t}}
			taken[t.Turn] = open
			jobs = append(jobs, job{open: open, closed: true})
		}
	}
	return jobs
}

func (l *line) queue(j job) { l.jobs = append(l.jobs, j) }

// Submit stores the owner's message and returns the turn that will answer it:
// the one at work in the session, which takes the message in before it asks
// its model again, or a new one. A message already received returns the turn
// it started. If the running turn ends before it took the message in, a turn
// with an id of its own answers it.
//
// The words "stop" and "/stop" alone stop everything the agent does, at once. A
// command ([KindCommand]) gets a turn of its own, in its order.
func (a *Agent) Submit(ctx context.Context, m Message) (TurnID, error) {
	if !m.isStop() { // to stop never waits
		select {
		case a.doors <- struct{}{}:
			defer func() { <-a.doors }()
		case <-ctx.Done():
			return "", protocol.Errorf(protocol.Unavailable, "the message was not accepted: %v", context.Cause(ctx))
		}
	}
	if err := a.check(ctx, m); err != nil {
		return "", err
	}
	refs, err := refsOf(m.Images)
	if err != nil {
		return "", err
	}
	if len(refs) > 0 {
		if err := a.cfg.Store.KeepImages(ctx, m.Session, KeptImages, m.Images, refs); err != nil {
			return "", protocol.Errorf(protocol.Unavailable, "the images were not accepted: %v", err)
		}
	}
	now := a.cfg.Clock.Now()
	t := Trigger{
		ID: newID("m", now), Agent: a.cfg.Name, Session: m.Session, Channel: m.Channel, SourceID: m.SourceID,
		Kind: KindMessage, From: m.From, Text: m.Text, Turn: newID("t", now), State: Pending, Received: now,
		Images: refs, Alone: m.Mode == FollowUp,
	}
	if m.isStop() {
		return a.stopBy(ctx, t)
	}
	if m.From == "" && IsCommand(m.Text) {
		t.Kind = KindCommand
	}
	stored, fresh, err := a.cfg.Store.Accept(ctx, t)
	if err != nil {
		return "", protocol.Errorf(protocol.Unavailable, "the message was not accepted: %v", err)
	}
	if !fresh {
		return TurnID(stored.Turn), nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.lineOf(m.Session)
	l.last = now
	if m.Mode == Steer && !stored.apart() && l.current != nil && l.current.steerable {
		l.queue(job{trigger: stored, steers: l.current.Turn.ID})
		return TurnID(l.current.Turn.ID), nil
	}
	if m.Mode == Supersede && l.current != nil {
		l.current.cancel(errInterrupted)
	}
	l.queue(job{trigger: stored, alone: stored.apart()})
	a.work(l)
	return TurnID(stored.Turn), nil
}

func (a *Agent) check(ctx context.Context, m Message) error {
	switch {
	case gate.IsSub(m.Session):
		return protocol.Errorf(protocol.Invalid, "%s is a sub-agent's conversation: it ends with its task, and only the agent speaks in it", m.Session)
	case !sessionName.MatchString(m.Session):
		return protocol.Errorf(protocol.Invalid, "session %q: want up to 128 letters, digits and -_.:@/", m.Session)
	case strings.TrimSpace(m.Text) == "" && len(m.Images) == 0:
		return protocol.Errorf(protocol.Invalid, "the message is empty")
	case len(m.Text) > maxText:
		return protocol.Errorf(protocol.Limit, "the message has %d bytes, the limit is %d", len(m.Text), maxText)
	case !utf8.ValidString(m.Text):
		return protocol.Errorf(protocol.Invalid, "the message is not UTF-8 text")
	}
	a.mu.Lock()
	serving := a.started && !a.closed
	a.mu.Unlock()
	if !serving {
		return protocol.Errorf(protocol.Unavailable, "agent %s is not running", a.cfg.Name)
	}
	if m.isStop() {
		return nil // must not depend on the state
	}
	s, err := a.cfg.Store.Session(ctx, m.Session)
	if err != nil {
		return protocol.Errorf(protocol.Unavailable, "session %s: %v", m.Session, err)
	}
	if s.Agent != "" && s.Agent != a.cfg.Name {
		return protocol.Errorf(protocol.Invalid, "session %s belongs to agent %s", m.Session, s.Agent)
	}
	return nil
}

// apart reports whether no turn for something else takes a trigger in.
func (t Trigger) apart() bool { return t.Alone || t.Kind != KindMessage && t.Kind != "" }

func (m Message) isStop() bool { return m.From == "" && IsStop(m.Text) }

// IsStop tells the owner's word that stops everything an agent does.
func IsStop(text string) bool {
	word := strings.ToLower(strings.Trim(text, " \t\r\n.!"))
	return word == "stop" || word == "/stop"
}

// stopBy stops first and keeps books afterwards.
func (a *Agent) stopBy(ctx context.Context, t Trigger) (TurnID, error) {
	stopped := a.Running(t.Session)
	err := a.Stop(ctx)
	t.State = Answered
	if stopped != "" {
		t.Turn = string(stopped)
	}
	stored, fresh, acceptErr := a.cfg.Store.Accept(ctx, t)
	if acceptErr == nil && !fresh {
		return TurnID(stored.Turn), err
	}
	if stopped == "" {
		a.publish(Event{Type: EventTurnFinished, Session: t.Session, Turn: t.Turn, Reason: Stopped, Text: "Nothing was running in this session."})
	}
	return TurnID(t.Turn), errors.Join(err, acceptErr)
}

// Running returns the turn at work in a session, or "".
func (a *Agent) Running(session string) TurnID {
	a.mu.Lock()
	defer a.mu.Unlock()
	if l := a.sessions[session]; l != nil && l.current != nil {
		return TurnID(l.current.Turn.ID)
	}
	return ""
}

// Interrupt ends the turn at work in a session: what runs is cancelled, and
// messages that wait start the next turn. It reports whether there was one and
// does not wait for its end.
func (a *Agent) Interrupt(session string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.sessions[session]
	if l == nil || l.current == nil {
		return false
	}
	l.current.cancel(errInterrupted)
	return true
}

// Stop ends all turns of the agent at once, cells included, drops messages
// that wait, and returns when the turns are over. The next message starts the
// agent again: to keep it from acting, pull the kill switch.
func (a *Agent) Stop(ctx context.Context) error {
	var dropped []string
	var ends []<-chan struct{}
	a.mu.Lock()
	for _, l := range a.sessions {
		var keep []job
		for _, j := range l.jobs {
			if j.open != nil {
				j.drop = true
				keep = append(keep, j)
				continue
			}
			dropped = append(dropped, j.trigger.ID)
		}
		l.jobs = keep
		if l.current != nil {
			l.current.cancel(errStopped)
			ends = append(ends, l.current.over)
		}
	}
	a.mu.Unlock()
	var err error
	if len(dropped) > 0 {
		err = a.cfg.Store.Settle(ctx, Dropped, dropped...)
		a.Poke()
	}
	for _, end := range ends {
		select {
		case <-end:
		case <-ctx.Done():
			return errors.Join(err, fmt.Errorf("agent %s: stopping: %w", a.cfg.Name, context.Cause(ctx)))
		}
	}
	return err
}

// lineOf returns a session's queue. The caller holds mu.
func (a *Agent) lineOf(session string) *line {
	l := a.sessions[session]
	if l == nil {
		l = &line{session: session}
		a.sessions[session] = l
	}
	return l
}

// work sees to it that a worker serves the line. The caller holds mu.
func (a *Agent) work(l *line) {
	if l.busy || a.closed || len(l.jobs) == 0 {
		return
	}
	l.busy = true
	a.workers.Go(func() {
		for {
			a.settle(l)
			t, ctx := a.next(l)
			if t == nil {
				return
			}
			t.run(ctx)
			t.leave()
			t.cancel(nil)
			close(t.over)
		}
	})
}

// next takes the line's first job, or ends its worker.
func (a *Agent) next(l *line) (*turn, context.Context) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || len(l.jobs) == 0 {
		l.busy = false
		if len(l.jobs) == 0 {
			delete(a.sessions, l.session)
		}
		return nil, nil
	}
	j := l.jobs[0]
	l.jobs = l.jobs[1:]
	ctx, cancel := context.WithCancelCause(a.lifetime)
	l.current = newTurn(a, l, j, cancel)
	a.gather(l, j)
	return l.current, ctx
}

// gather has the turn take in what was written in one burst with its message.
// The caller holds mu.
func (a *Agent) gather(l *line, first job) {
	last := first
	for i := range l.jobs {
		next := l.jobs[i]
		if next.trigger.Channel == "" || last.open != nil || last.alone || next.open != nil || next.alone || next.trigger.Received.Sub(last.trigger.Received) >= a.cfg.Debounce {
			return
		}
		l.jobs[i].steers = l.current.Turn.ID
		last = next
	}
}

// longestBurst is for how many times the debounce a burst may hold up the turn
// that answers it: who never pauses is answered too.
const longestBurst = 6

// settle waits until a burst of messages is over, so that one turn answers what
// was written in several pieces.
func (a *Agent) settle(l *line) {
	for {
		a.mu.Lock()
		now := a.cfg.Clock.Now()
		wait := a.cfg.Debounce - now.Sub(l.last)
		idle := len(l.jobs) == 0 || l.jobs[0].open != nil || l.jobs[0].alone || l.jobs[0].trigger.Channel == "" || l.jobs[0].trigger.apart()
		if !idle {
			wait = min(wait, longestBurst*a.cfg.Debounce-now.Sub(l.jobs[0].trigger.Received))
		}
		a.mu.Unlock()
		if idle || wait <= 0 || wait > a.cfg.Debounce {
			return
		}
		select {
		case <-time.After(wait):
		case <-a.lifetime.Done():
			return
		}
	}
}
