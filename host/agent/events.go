package agent

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// EventType names what happened.
type EventType string

const (
	EventTurnStarted  EventType = "turn_started"
	EventDelta        EventType = "delta"         // Text: a piece of the answer that is being written
	EventToolStarted  EventType = "tool_started"  // Call, Tool, Args
	EventToolFinished EventType = "tool_finished" // Call, Tool, Text, and Code unless it answered
	EventMessage      EventType = "message"       // Kind, Text: an entry of the session that people read
	EventTurnFinished EventType = "turn_finished" // Reason, Text, Usage, Steps
	EventError        EventType = "error"         // Code, Text; deltas since the last message are void
	EventAsked        EventType = "asked"         // Approval, Text: the owner is asked
	EventLagged       EventType = "lagged"        // the subscriber was too slow; the stream ends
)

// Event is something that happened in a session.
type Event struct {
	Type     EventType       `json:"type"`
	Session  string          `json:"session"`
	Turn     string          `json:"turn,omitempty"`
	At       time.Time       `json:"at"`
	Kind     Kind            `json:"kind,omitempty"`
	Text     string          `json:"text,omitempty"`
	Call     string          `json:"call,omitempty"`
	Tool     string          `json:"tool,omitempty"` // plugin/tool
	Args     json.RawMessage `json:"args,omitempty"`
	Code     protocol.Code   `json:"code,omitempty"`
	Approval string          `json:"approval,omitempty"`
	Reason   Reason          `json:"reason,omitempty"`
	Steps    int             `json:"steps,omitempty"`
	Usage    model.Usage     `json:"usage,omitzero"`
	Cost     int64           `json:"cost,omitempty"`     // millionths of the prices' currency
	Unpriced int             `json:"unpriced,omitempty"` // tokens that have no price
}

// maxBehind is how many events a subscriber may fall behind; pieces of one
// answer count as one.
const maxBehind = 4096

// Events subscribes to sessions, or to all of the agent's when none is named.
// The channel closes when ctx ends, when the agent closes, or after a
// [EventLagged] event.
func (a *Agent) Events(ctx context.Context, sessions ...string) <-chan Event {
	return a.events.subscribe(ctx, sessions)
}

// Asked tells the session's subscribers that the owner is asked to approve
// something.
func (a *Agent) Asked(session, turn, approval, text string) {
	a.publish(Event{Type: EventAsked, Session: session, Turn: turn, Approval: approval, Text: text})
}

func (a *Agent) publish(e Event) {
	e.At = a.cfg.Clock.Now()
	a.events.publish(e)
}

// broadcast hands events to subscribers without ever waiting for one.
type broadcast struct {
	mu     sync.Mutex
	subs   map[*subscriber]struct{}
	closed chan struct{}
	pumps  sync.WaitGroup
}

type subscriber struct {
	sessions []string
	wake     chan struct{} // holds one token while events wait

	mu     sync.Mutex
	behind []Event
	lagged bool
}

func newBroadcast() *broadcast {
	return &broadcast{subs: map[*subscriber]struct{}{}, closed: make(chan struct{})}
}

func (b *broadcast) subscribe(ctx context.Context, sessions []string) <-chan Event {
	s := &subscriber{sessions: slices.Clone(sessions), wake: make(chan struct{}, 1)}
	out := make(chan Event)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.isClosed() {
		close(out)
		return out
	}
	b.subs[s] = struct{}{}
	b.pumps.Add(1)
	go func() {
		defer b.pumps.Done()
		defer close(out)
		s.pump(ctx, b.closed, out)
		b.mu.Lock()
		delete(b.subs, s)
		b.mu.Unlock()
	}()
	return out
}

func (b *broadcast) isClosed() bool {
	select {
	case <-b.closed:
		return true
	default:
		return false
	}
}

func (b *broadcast) publish(e Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := range b.subs {
		if len(s.sessions) == 0 || slices.Contains(s.sessions, e.Session) {
			s.add(e)
		}
	}
}

func (b *broadcast) close() {
	b.mu.Lock()
	if !b.isClosed() {
		close(b.closed)
	}
	b.mu.Unlock()
	b.pumps.Wait()
}

func (s *subscriber) add(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.behind)
	switch {
	case s.lagged:
		return
	case n > 0 && e.Type == EventDelta && s.behind[n-1].Type == EventDelta && s.behind[n-1].Turn == e.Turn:
		s.behind[n-1].Text += e.Text
	case n == maxBehind:
		s.lagged = true
		s.behind = append(s.behind, Event{Type: EventLagged, Session: e.Session, At: e.At})
	default:
		s.behind = append(s.behind, e)
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *subscriber) take() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch := s.behind
	s.behind = nil
	return batch
}

// pump delivers until the subscriber is gone or the agent closed. Who reads
// gets the last events of a closing agent; who does not is left after a second.
func (s *subscriber) pump(ctx context.Context, closed <-chan struct{}, out chan<- Event) {
	var grace <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-closed:
			closed, grace = nil, time.After(time.Second)
		}
		for batch := s.take(); len(batch) > 0; batch = s.take() {
			for len(batch) > 0 {
				select {
				case out <- batch[0]:
					if batch[0].Type == EventLagged {
						return
					}
					batch = batch[1:]
				case <-ctx.Done():
					return
				case <-closed:
					closed, grace = nil, time.After(time.Second)
				case <-grace:
					return
				}
			}
		}
		if closed == nil {
			return
		}
	}
}
