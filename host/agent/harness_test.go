package agent_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/store"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// script is a model that answers by the n-th request it gets.
type script struct {
	mu    sync.Mutex
	asked []model.Request
	reply func(ctx context.Context, n int, req model.Request, delta func(model.Delta)) (model.Response, error)
}

func (s *script) Complete(ctx context.Context, _ gate.Origin, _ string, req model.Request, delta func(model.Delta)) (model.Response, error) {
	s.mu.Lock()
	n := len(s.asked)
	s.asked = append(s.asked, req)
	s.mu.Unlock()
	return s.reply(ctx, n, req, delta)
}

func (s *script) requests() []model.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]model.Request(nil), s.asked...)
}

// replies answers with a fixed sequence and repeats its last.
func replies(list ...model.Response) *script {
	return &script{reply: func(_ context.Context, n int, _ model.Request, _ func(model.Delta)) (model.Response, error) {
		return list[min(n, len(list)-1)], nil
	}}
}

func say(text string) model.Response {
	return model.Response{Text: text, Stop: model.StopEnd, Usage: model.Usage{Input: 10, Output: 5}}
}

func want(calls ...string) model.Response {
	r := model.Response{Stop: model.StopTools, Usage: model.Usage{Input: 10, Output: 5}}
	for i, c := range calls {
		name, args, _ := strings.Cut(c, " ")
		if args == "" {
			args = "{}"
		}
		r.Calls = append(r.Calls, model.ToolCall{ID: name + string(rune('0'+i)), Name: name, Args: json.RawMessage(args)})
	}
	return r
}

type handler func(ctx context.Context, o gate.Origin, args json.RawMessage) (agent.Result, error)

type toolbox struct {
	list []agent.Tool
	do   map[string]handler

	mu   sync.Mutex
	made []string // tool and arguments, in the order of their begin
}

func (b *toolbox) add(name string, risk capability.Risk, do handler) *agent.Tool {
	b.list = append(b.list, agent.Tool{Name: name, Risk: risk, Input: json.RawMessage(`{"type":"object"}`)})
	if b.do == nil {
		b.do = map[string]handler{}
	}
	b.do[name] = do
	return &b.list[len(b.list)-1]
}

func (b *toolbox) List(context.Context, string) ([]agent.Tool, error) { return b.list, nil }

func (b *toolbox) Call(ctx context.Context, o gate.Origin, tool string, args json.RawMessage) (agent.Result, error) {
	b.mu.Lock()
	b.made = append(b.made, tool+" "+string(args))
	b.mu.Unlock()
	return b.do[tool](ctx, o, args)
}

func (b *toolbox) calls() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.made...)
}

func answer(text string, labels ...string) handler {
	return func(context.Context, gate.Origin, json.RawMessage) (agent.Result, error) {
		return agent.Result{Text: text, Labels: labels}, nil
	}
}

func denial(capability string) handler {
	return func(context.Context, gate.Origin, json.RawMessage) (agent.Result, error) {
		return agent.Result{}, &gate.Denial{Code: protocol.Denied, Plugin: "shop", Capability: capability, Resource: "x",
			Rule: "base.risk", Revision: "0123456789ab", Message: "the amount is too high", Change: "ambit grant shop " + capability}
	}
}

func openStore(t *testing.T, path string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

type fixture struct {
	*agent.Agent
	t      *testing.T
	store  *store.Store
	events <-chan agent.Event
}

// start runs an agent over a real store. edit may change its configuration.
func start(t *testing.T, m agent.Model, b *toolbox, edit ...func(*agent.Config)) *fixture {
	t.Helper()
	return startOn(t, openStore(t, filepath.Join(t.TempDir(), "state.db")), m, b, edit...)
}

func startOn(t *testing.T, s *store.Store, m agent.Model, b *toolbox, edit ...func(*agent.Config)) *fixture {
	t.Helper()
	cfg := agent.Config{Name: "main", ModelPlugin: "script", Store: s, Model: m, Tools: b, Backoff: time.Millisecond, Zone: time.UTC}
	for _, e := range edit {
		e(&cfg)
	}
	a, err := agent.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{Agent: a, t: t, store: s, events: a.Events(t.Context())}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return f
}

func (f *fixture) submit(text string) agent.TurnID {
	f.t.Helper()
	id, err := f.Submit(f.t.Context(), agent.Message{Session: "s", Text: text})
	if err != nil {
		f.t.Fatal(err)
	}
	return id
}

// until returns the events up to and with the first that matches.
func (f *fixture) until(match func(agent.Event) bool) []agent.Event {
	f.t.Helper()
	var seen []agent.Event
	for {
		select {
		case e, ok := <-f.events:
			if !ok {
				f.t.Fatalf("the events ended; seen: %+v", seen)
			}
			seen = append(seen, e)
			if match(e) {
				return seen
			}
		case <-time.After(20 * time.Second): // only a hang gets here
			f.t.Fatalf("no such event; seen: %+v", seen)
		}
	}
}

func (f *fixture) untilType(typ agent.EventType) []agent.Event {
	f.t.Helper()
	return f.until(func(e agent.Event) bool { return e.Type == typ })
}

// ask submits and returns how the turn ended.
func (f *fixture) ask(text string) agent.Event {
	f.t.Helper()
	id := f.submit(text)
	seen := f.until(func(e agent.Event) bool { return e.Type == agent.EventTurnFinished && e.Turn == string(id) })
	return seen[len(seen)-1]
}

func (f *fixture) history() []agent.Entry {
	f.t.Helper()
	h, err := f.History(f.t.Context(), "s", 0, 0)
	if err != nil {
		f.t.Fatal(err)
	}
	return h
}

// results are the tool results of the session, in order.
func (f *fixture) results() []model.ToolResult {
	f.t.Helper()
	var list []model.ToolResult
	for _, e := range f.history() {
		if e.Message.Result != nil {
			list = append(list, *e.Message.Result)
		}
	}
	checkPairs(f.t, f.history())
	return list
}

// checkPairs holds the history to what every provider demands: each call has
// one result, after it and before the next answer of the model.
func checkPairs(t *testing.T, h []agent.Entry) {
	t.Helper()
	open := map[string]bool{}
	for _, e := range h {
		if e.Kind == agent.FromPlugin {
			continue
		}
		if r := e.Message.Result; r != nil {
			if !open[r.ID] {
				t.Errorf("result %s answers no open call", r.ID)
			}
			delete(open, r.ID)
			continue
		}
		if len(open) > 0 {
			t.Errorf("entry %d (%s) stands between a call and its result: %v", e.Seq, e.Kind, open)
		}
		for _, c := range e.Message.Calls {
			open[c.ID] = true
		}
	}
	if len(open) > 0 {
		t.Errorf("calls without result: %v", open)
	}
}

func notices(h []agent.Entry) string {
	var all []string
	for _, e := range h {
		if e.Kind == agent.FromHost {
			all = append(all, e.Message.Text)
		}
	}
	return strings.Join(all, "\n")
}
