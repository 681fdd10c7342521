package channel_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/channel"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/host/store"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"

	wire "github.com/ambithost/ambit/sdk/channel"
)

// service is a messaging service and the gate before it: what is put in arrives,
// and what is sent is kept.
type service struct {
	mu      sync.Mutex
	events  []wire.Event
	polls   int
	fetches int
	idle    int // fetches that say nothing arrived
	sent    []wire.Send
	fail    func(n int, to string, m wire.Send) error
	deaf    bool // whether the owner's words count can't be told
	hooked  []wire.Hook
	changed chan struct{}
}

func newService() *service { return &service{changed: make(chan struct{}, 1)} }

func (s *service) put(e wire.Event) {
	s.mu.Lock()
	s.events = append(s.events, e)
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *service) Poll(_ context.Context, _ string, in wire.Poll) (out wire.Polled, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.polls++
	seen := 0
	if len(in.Cursor) > 0 {
		if err := json.Unmarshal(in.Cursor, &seen); err != nil {
			return out, err
		}
	}
	out.Events = s.events[seen:]
	out.Cursor, _ = json.Marshal(len(s.events))
	out.Next = wire.Wait{Request: json.RawMessage(`{}`), Idle: "nothing"}
	return out, nil
}

func (s *service) Fetch(ctx context.Context, _ string, _ json.RawMessage) (json.RawMessage, error) {
	s.mu.Lock()
	s.fetches++
	idle := s.idle > 0
	s.idle--
	s.mu.Unlock()
	if idle {
		return json.RawMessage(`{"status":200,"body":"nothing"}`), nil
	}
	select {
	case <-s.changed:
		return json.RawMessage(`{"status":200,"body":"something"}`), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (*service) Keep(context.Context, string, string, []wire.File) ([]string, error) { return nil, nil }
func (s *service) Hear(context.Context, string, string, string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deaf {
		return protocol.Errorf(protocol.Unavailable, "policy can't answer")
	}
	return nil
}
func (*service) Approve(context.Context, string, string, wire.Reply) error { return nil }
func (*service) MayApprove(context.Context, string, gate.Approval) bool    { return true }

func (s *service) Send(_ context.Context, _ policy.Entity, _ gate.Origin, _, to string, m wire.Send) (wire.Sent, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.Working {
		return wire.Sent{}, nil
	}
	s.sent = append(s.sent, m)
	if s.fail != nil {
		if err := s.fail(len(s.sent), to, m); err != nil {
			return wire.Sent{}, err
		}
	}
	return wire.Sent{Ref: fmt.Sprint(len(s.sent))}, nil
}

func (s *service) texts(chat string) (list []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.sent {
		if m.Chat == chat {
			list = append(list, m.Text)
		}
	}
	return list
}

// board is the rest of the host.
type board struct {
	agent   *agent.Agent
	repeats bool
	mu      sync.Mutex
	notes   []string
}

func (b *board) Channels() []string                      { return []string{"post"} }
func (b *board) Agents() []string                        { return []string{"main"} }
func (b *board) Repeats(string) bool                     { return b.repeats }
func (b *board) Agent(name string) (channel.Agent, bool) { return b.agent, name == "main" }
func (b *board) OwnerSeen()                              {}
func (b *board) Question(gate.Approval) string           { return "may I?" }
func (b *board) Waits(int64) bool                        { return true }
func (b *board) Status(context.Context, string) string   { return "fine" }
func (b *board) Notice(_, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if text != "" {
		b.notes = append(b.notes, text)
	}
}

func (b *board) noted() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.notes, "\n")
}

// echo is a model that repeats the last message.
type echo struct{}

func (echo) Complete(_ context.Context, _ gate.Origin, _ string, req model.Request, _ func(model.Delta)) (model.Response, error) {
	last := req.Messages[len(req.Messages)-1].Text
	return model.Response{Text: "you said: " + last, Stop: model.StopEnd, Usage: model.Usage{Input: 1, Output: 1}}, nil
}

type noTools struct{}

func (noTools) List(context.Context, string) ([]agent.Tool, error) { return nil, nil }
func (noTools) Call(context.Context, gate.Origin, string, json.RawMessage) (agent.Result, error) {
	return agent.Result{}, errors.New("there are none")
}

type fixture struct {
	*channel.Service
	*service
	t     *testing.T
	board *board
	store *store.Store
}

// start runs channels over a real store and a real agent.
func start(t *testing.T, s *service, wrap func(channel.Store) channel.Store, peers ...channel.Peer) *fixture {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	for _, p := range peers {
		p.Plugin, p.Agent, p.Since = "post", "main", time.Now()
		if err := db.SavePeer(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	a, err := agent.New(agent.Config{Name: "main", ModelPlugin: "echo", Store: db, Model: echo{}, Tools: noTools{}, Backoff: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	f := &fixture{service: s, t: t, board: &board{agent: a}, store: db}
	var kept channel.Store = db
	if wrap != nil {
		kept = wrap(db)
	}
	f.Service, err = channel.New(channel.Config{Store: kept, Effects: s, Host: f.board, Backoff: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Service.Close() })
	return f
}

func (f *fixture) run() {
	f.t.Helper()
	if err := f.Service.Start(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
}

// until waits for something; only a hang gets to the end.
func (f *fixture) until(what string, is func() bool) {
	f.t.Helper()
	for range 4000 {
		if is() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	f.t.Fatalf("never: %s; owner got %q, ann got %q, notices %q", what, f.texts("c1"), f.texts("c2"), f.board.noted())
}

func message(id, person, text string) wire.Event {
	return wire.Event{ID: id, Chat: wire.Chat{ID: "c" + person, Direct: true}, From: wire.Person{ID: person}, Text: text}
}

func ofOwner() channel.Peer {
	return channel.Peer{Person: "1", Role: channel.Owner, Chat: "c1", Session: "post:1:1"}
}

func ofAnn() channel.Peer {
	return channel.Peer{Person: "2", Role: channel.Contact, Alias: "ann", Chat: "c2", Session: "post:2:1"}
}

func TestIdleAnswersWakeNobody(t *testing.T) {
	t.Parallel()
	s := newService()
	s.idle = 2
	f := start(t, s, nil, ofOwner())
	f.run()
	f.until("the third fetch", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.fetches == 3 })
	s.mu.Lock()
	polls := s.polls
	s.mu.Unlock()
	if polls != 1 {
		t.Errorf("the plugin was woken %d times, want once", polls)
	}
	s.put(message("e1", "1", "hello"))
	f.until("an answer", func() bool { return strings.Contains(strings.Join(f.texts("c1"), "\n"), "you said: hello") })
}

// fragile fails to store what arrives, for a while.
type fragile struct {
	channel.Store
	mu   sync.Mutex
	left int
}

func (f *fragile) Arrive(ctx context.Context, plugin string, cursor json.RawMessage, events []wire.Event) error {
	f.mu.Lock()
	f.left--
	fails := f.left >= 0
	f.mu.Unlock()
	if fails {
		return errors.New("the disk is full")
	}
	return f.Store.Arrive(ctx, plugin, cursor, events)
}

// A request confirms to the service what arrived before it, so it is not made
// before that is on disk.
func TestNothingIsConfirmedThatIsNotStored(t *testing.T) {
	t.Parallel()
	s := newService()
	s.put(message("e1", "1", "hello"))
	f := start(t, s, func(db channel.Store) channel.Store { return &fragile{Store: db, left: 1 << 30} }, ofOwner())
	f.run()
	f.until("several polls", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.polls > 3 })
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fetches != 0 {
		t.Errorf("%d requests were made although nothing could be stored", s.fetches)
	}
	if !strings.Contains(f.board.noted(), "the disk is full") {
		t.Errorf("the owner was told %q", f.board.noted())
	}
}

func TestWhatWasCutOff(t *testing.T) {
	t.Parallel()
	s := newService()
	f := start(t, s, nil, ofOwner(), ofAnn())
	for _, p := range []channel.Peer{ofOwner(), ofAnn()} { // the last host ended while it sent
		step := &agent.Step{Agent: "main", Session: p.Session, Entries: []agent.Entry{{Kind: agent.FromAgent, Message: model.Message{Role: model.Assistant, Text: "to " + p.Person}}}}
		if err := f.store.Record(t.Context(), step); err != nil {
			t.Fatal(err)
		}
		p.Plugin, p.Sending = "post", step.Entries[0].Seq
		if err := f.store.Progress(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	f.run()
	f.until("the owner's answer again, and a word about Ann's", func() bool {
		got := strings.Join(f.texts("c1"), "\n")
		return strings.Contains(got, "may reach you twice") && strings.Contains(got, "to 1") && strings.Contains(got, "Whether this reached ann is unknown")
	})
	if got := f.texts("c2"); len(got) != 0 {
		t.Errorf("ann got %q", got)
	}
}

func TestFailuresOfSending(t *testing.T) {
	t.Parallel()
	s := newService()
	s.fail = func(n int, to string, m wire.Send) error {
		switch {
		case n <= 2:
			return protocol.Errorf(protocol.Unavailable, "down")
		case to == "ann" && strings.Contains(m.Text, "refused"):
			return protocol.Errorf(protocol.Denied, "private text")
		case to == "ann" && strings.Contains(m.Text, "lost"):
			return protocol.Errorf(protocol.Unknown, "no answer came")
		}
		return nil
	}
	f := start(t, s, nil, ofOwner(), ofAnn())
	f.run()
	s.put(message("e1", "1", "one"))
	f.until("the answer after two failures", func() bool { return strings.Count(strings.Join(f.texts("c1"), "\n"), "you said: one") == 3 })
	s.put(message("e2", "2", "refused"))
	f.until("word of the refusal", func() bool {
		return strings.Contains(strings.Join(f.texts("c1"), "\n"), "This was not sent to ann: private text")
	})
	s.put(message("e3", "2", "lost"))
	f.until("word of the loss", func() bool {
		return strings.Contains(strings.Join(f.texts("c1"), "\n"), "Whether this reached ann is unknown")
	})
	if got := f.texts("c2"); len(got) != 2 {
		t.Errorf("ann was sent %q, want each once", got)
	}
}

// While the owner's words have to wait, "stop" does not, and nobody else does.
func TestStopDoesNotWait(t *testing.T) {
	t.Parallel()
	s := newService()
	s.deaf = true
	f := start(t, s, nil, ofOwner(), ofAnn())
	f.run()
	s.put(message("e1", "1", "hello"))
	s.put(message("e2", "2", "and I?"))
	f.until("ann's answer", func() bool { return strings.Contains(strings.Join(f.texts("c2"), "\n"), "and I?") })
	s.put(message("e3", "1", "stop"))
	f.until("that the third arrived, and only the first waits", func() bool {
		cursor, err := f.store.Cursor(t.Context(), "post")
		list, listErr := f.store.Arrivals(t.Context(), "post", 10)
		return err == nil && listErr == nil && string(cursor) == "3" && len(list) == 1 && list[0].Event.ID == "e1"
	})
	s.mu.Lock()
	s.deaf = false
	s.mu.Unlock()
	f.Refresh()
	f.until("the answer", func() bool { return strings.Contains(strings.Join(f.texts("c1"), "\n"), "you said: hello") })
}

func TestAChannelIsNotAskedAboutItself(t *testing.T) {
	t.Parallel()
	f := start(t, newService(), nil, ofOwner())
	f.run()
	ask := gate.Approval{ID: 1, Agent: "main", Session: "post:1:1", State: gate.Waiting, Digest: "d", Expires: time.Now().Add(time.Minute)}
	for i, change := range []func(*gate.Approval){
		func(a *gate.Approval) { a.Plugin, a.Capability = "post", "message.send" },
		func(a *gate.Approval) { a.Plugin, a.Actor = "other", "plugin:post" },
		func(a *gate.Approval) { a.Plugin, a.Actor = "other", "agent:main" },
	} {
		a := ask
		a.ID = int64(i + 1)
		change(&a)
		f.Asked(a, a.Session)
	}
	f.until("the last question", func() bool { return len(f.texts("c1")) > 0 })
	if got := f.texts("c1"); len(got) != 1 || !strings.Contains(got[0], "Question 3") {
		t.Errorf("the owner was asked %q", got)
	}
}

func TestHammerChannels(t *testing.T) {
	t.Parallel()
	s := newService()
	f := start(t, s, nil, ofOwner(), ofAnn())
	f.run()
	var wg sync.WaitGroup
	const each = 20
	for _, person := range []string{"1", "2"} {
		wg.Go(func() {
			for i := range each {
				s.put(message(fmt.Sprintf("%s-%d", person, i), person, fmt.Sprintf("<%d>", i)))
			}
		})
	}
	wg.Go(func() {
		for i := range each {
			f.Refresh()
			f.Asked(gate.Approval{ID: int64(i), Agent: "main", Session: "post:1:1", State: gate.Waiting, Digest: "d", Risk: capability.Write, Expires: time.Now().Add(time.Minute)}, "post:1:1")
			f.Asked(gate.Approval{ID: int64(i), Agent: "main", Session: "post:1:1", State: gate.Approved, Digest: "d"}, "post:1:1")
		}
	})
	wg.Wait()
	for _, chat := range []string{"c1", "c2"} {
		f.until("every message of "+chat+" is answered", func() bool {
			return strings.Contains(strings.Join(f.texts(chat), "\n"), fmt.Sprintf("<%d>", each-1))
		})
	}
	if err := f.Service.Close(); err != nil {
		t.Error(err)
	}
	list, err := f.store.Arrivals(t.Context(), "post", 10)
	if err != nil || len(list) != 0 {
		t.Errorf("not handled: %v, %v", list, err)
	}
}
