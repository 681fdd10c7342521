package agent_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// company is an agent with a tool that sets sub-agents to work, as the host's
// effect does, and one model for all of them.
type company struct {
	*fixture
	box     toolbox
	agent   atomic.Pointer[agent.Agent]
	reports chan agent.Report
	errs    chan error
}

// delegation is what the model names.
type delegation struct {
	Task   string   `json:"task"`
	Tools  []string `json:"tools"`
	Tokens int      `json:"tokens"`
}

func found(t *testing.T, reply func(ctx context.Context, sub bool, n int, req model.Request) (model.Response, error), edit ...func(*agent.Config)) *company {
	t.Helper()
	c := &company{reports: make(chan agent.Report, 100), errs: make(chan error, 100)}
	c.box.add("delegate/run", capability.Write, c.delegate)
	c.box.add("notes/read", capability.Read, answer("a note", "private"))
	c.box.add("web/fetch", capability.Read, answer("a page", "untrusted"))
	c.box.add("notes/write", capability.Write, answer("written"))
	var main, sub atomic.Int64
	m := &script{reply: func(ctx context.Context, _ int, req model.Request, _ func(model.Delta)) (model.Response, error) {
		if strings.Contains(req.Messages[0].Text, "you are a sub-agent") {
			return reply(ctx, true, int(sub.Add(1))-1, req)
		}
		return reply(ctx, false, int(main.Add(1))-1, req)
	}}
	c.fixture = start(t, m, &c.box, edit...)
	c.agent.Store(c.Agent)
	return c
}

func (c *company) delegate(ctx context.Context, o gate.Origin, args json.RawMessage) (agent.Result, error) {
	var d delegation
	if err := json.Unmarshal(args, &d); err != nil {
		return agent.Result{}, err
	}
	own := o.Bounds
	o.Bounds, o.Parent = gate.Within(own, o.Turn, d.Tools, []string{"tool.call", "agent.run"}), "effect-1"
	r, err := c.agent.Load().Delegate(ctx, agent.Task{Origin: o, Text: d.Task, Tools: d.Tools, Tokens: d.Tokens})
	c.reports <- r
	c.errs <- err
	return agent.Result{Text: r.Text, Labels: r.Labels, Delegated: true}, err
}

func delegated(task string, tools ...string) string {
	b, _ := json.Marshal(delegation{Task: task, Tools: tools})
	return "delegate__run " + string(b)
}

// TestSubAgent: it sees its task and its tools alone, its labels come back, its
// conversation is on disk under its agent's, and what it says vouches for nothing.
func TestSubAgent(t *testing.T) {
	t.Parallel()
	var offered []string
	var first string
	c := found(t, func(_ context.Context, sub bool, n int, req model.Request) (model.Response, error) {
		switch {
		case sub && n == 0:
			for _, d := range req.Tools {
				offered = append(offered, d.Name)
			}
			first = req.Messages[len(req.Messages)-1].Text
			return want("web__fetch", "notes__write"), nil
		case sub:
			return say("write to bob@page.example"), nil
		case n == 0:
			return want("notes__read", delegated("look", "web/fetch")), nil
		}
		return say("thanks"), nil
	})
	if e := c.ask("please look"); e.Reason != agent.Done {
		t.Fatalf("%+v", e)
	}
	r := <-c.reports
	if r.Reason != agent.Done || r.Text != "write to bob@page.example" || !gate.IsSub(r.Session) || r.Tokens != 30 || !slices.Equal(r.Labels, []string{"private", "untrusted"}) {
		t.Errorf("report: %+v", r)
	}
	if !slices.Equal(offered, []string{"web__fetch"}) || first != "look" {
		t.Errorf("it was offered %q and told %q", offered, first)
	}
	if made := c.box.calls(); slices.ContainsFunc(made, func(s string) bool { return strings.HasPrefix(s, "notes/write") }) {
		t.Errorf("a tool that was not given was called: %q", made)
	}
	s, err := c.store.Session(t.Context(), r.Session)
	if err != nil || s.Parent != "s" || !slices.Equal(s.Labels, r.Labels) {
		t.Errorf("session: %+v, %v", s, err)
	}
	own, _ := c.store.Session(t.Context(), "s")
	if !slices.Contains(own.Labels, "untrusted") {
		t.Errorf("the labels did not come back: %q", own.Labels)
	}
	h, err := c.History(t.Context(), r.Session, 0, 0)
	if err != nil || len(h) < 4 || h[1].Kind != agent.FromTask {
		t.Fatalf("its conversation: %+v, %v", h, err)
	}
	checkPairs(t, h)
	material := agent.MaterialOf(c.history(), own.Labels)
	for _, f := range material.Trace("bob@page.example").Found {
		if f.Source.Kind != "agent" || !f.Source.Has("untrusted") {
			t.Errorf("its words count as those of %+v", f.Source)
		}
	}
	if _, err := c.Submit(t.Context(), agent.Message{Session: r.Session, Text: "go on"}); protocol.CodeOf(err) != protocol.Invalid {
		t.Errorf("somebody can speak in its conversation: %v", err)
	}
}

// TestSubAgentIsRefused: what it may not be given, and how many there may be.
func TestSubAgentIsRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		wish string
		edit func(*agent.Config)
		want protocol.Code
	}{
		"a tool that the agent lacks": {delegated("x", "bank/charge"), nil, protocol.Denied},
		"no tokens left":              {delegated("x"), func(c *agent.Config) { c.Limits.Tokens = 900 }, protocol.Limit},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			edit := tc.edit
			if edit == nil {
				edit = func(*agent.Config) {}
			}
			c := found(t, func(_ context.Context, sub bool, n int, _ model.Request) (model.Response, error) {
				if sub {
					t.Error("it runs")
				}
				if n == 0 {
					return want(tc.wish), nil
				}
				return say("well"), nil
			}, edit)
			c.ask("go")
			<-c.reports
			if err := <-c.errs; protocol.CodeOf(err) != tc.want {
				t.Errorf("%v, want %s", err, tc.want)
			}
		})
	}
}

// TestSubAgentCannotWiden: one that may have sub-agents of its own can't give them
// what it lacks, and by default it may have none.
func TestSubAgentCannotWiden(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		depth int
		inner string
		want  protocol.Code
	}{
		"by default there is one step": {1, delegated("deeper", "notes/read"), protocol.Denied},
		"a tool of the agent's":        {2, delegated("deeper", "web/fetch"), protocol.Denied},
		"narrower":                     {2, delegated("deeper", "notes/read"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := found(t, func(_ context.Context, sub bool, n int, req model.Request) (model.Response, error) {
				switch {
				case sub && strings.Contains(req.Messages[len(req.Messages)-1].Text, "deeper"):
					return say("here"), nil
				case sub && req.Messages[len(req.Messages)-1].Result == nil:
					return want(tc.inner), nil
				case sub:
					return say("back"), nil
				case n == 0:
					return want(delegated("first", "notes/read", "delegate/run")), nil
				}
				return say("end"), nil
			}, func(c *agent.Config) { c.SubAgents.Depth = tc.depth })
			c.ask("go")
			<-c.reports
			err := <-c.errs
			if tc.want == "" && err != nil || tc.want != "" && protocol.CodeOf(err) != tc.want {
				t.Errorf("%v, want %q", err, tc.want)
			}
			if err := <-c.errs; err != nil {
				t.Errorf("the outer one: %v", err)
			}
		})
	}
}

// TestSubAgentEndsWithItsAgent: whatever ends the turn that set it to work ends it
// too, at once, and so does its own interruption.
func TestSubAgentEndsWithItsAgent(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*company, string){
		"stop":      func(c *company, _ string) { c.submit("stop") },
		"interrupt": func(c *company, _ string) { c.Interrupt("s") },
		"its own":   func(c *company, sub string) { c.Interrupt(sub) },
		"a newer message": func(c *company, _ string) {
			_, _ = c.Submit(c.t.Context(), agent.Message{Session: "s", Text: "no", Mode: agent.Supersede})
		},
		"close": func(c *company, _ string) { _ = c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			working := make(chan struct{}, 1)
			c := found(t, func(ctx context.Context, sub bool, n int, _ model.Request) (model.Response, error) {
				switch {
				case sub:
					working <- struct{}{}
					<-ctx.Done()
					return model.Response{}, protocol.AsError(context.Cause(ctx))
				case n == 0:
					return want(delegated("wait")), nil
				}
				return say("end"), nil
			})
			c.submit("go")
			<-working
			var sub string
			list, err := c.Sessions(t.Context())
			for _, s := range list {
				if s.Parent == "s" {
					sub = s.ID
				}
			}
			if err != nil || sub == "" || c.Running(sub) == "" {
				t.Fatalf("no sub-agent at work in %+v, %v", list, err)
			}
			if session, _ := c.Reports(sub, ""); session != "s" {
				t.Errorf("it reports to %q", session)
			}
			end(c, sub)
			r := <-c.reports
			if r.Reason == agent.Done || r.Reason == agent.Active || c.Running(sub) != "" {
				t.Errorf("it ended with %+v, running %q", r, c.Running(sub))
			}
		})
	}
}

// TestSubAgentsCount: their tokens are those of the turn, and no more than so many
// work at once.
func TestSubAgentsCount(t *testing.T) {
	t.Parallel()
	c := found(t, func(_ context.Context, sub bool, n int, _ model.Request) (model.Response, error) {
		if sub {
			return model.Response{Text: "done", Stop: model.StopEnd, Usage: model.Usage{Input: 1500}}, nil
		}
		return want(delegated(fmt.Sprint("task ", n))), nil
	}, func(c *agent.Config) { c.Limits.Tokens = 4000 })
	e := c.ask("go")
	ran := 0
	for range len(c.errs) {
		if err := <-c.errs; err == nil {
			ran++
		} else if protocol.CodeOf(err) != protocol.Limit {
			t.Error(err)
		}
	}
	if e.Reason != agent.Limited || ran != 2 {
		t.Errorf("%d sub-agents of 1,500 tokens ran within 4,000: %+v", ran, e)
	}

	hold := make(chan struct{})
	many := found(t, func(ctx context.Context, sub bool, n int, _ model.Request) (model.Response, error) {
		if sub {
			select {
			case <-hold:
			case <-ctx.Done():
			}
			return say("done"), nil
		}
		if n == 0 {
			return want("crowd"), nil
		}
		return say("end"), nil
	}, func(c *agent.Config) { c.SubAgents.AtOnce = 2 })
	many.box.list = append(many.box.list, agent.Tool{Name: "crowd", Input: json.RawMessage(`{}`), Risk: capability.Write})
	many.box.do["crowd"] = func(ctx context.Context, o gate.Origin, _ json.RawMessage) (agent.Result, error) {
		for range 3 {
			go func() { _, _ = many.delegate(ctx, o, json.RawMessage(`{"task":"x"}`)) }()
		}
		<-many.reports // the one too many
		err := <-many.errs
		close(hold)
		for range 2 {
			<-many.reports
			if err := <-many.errs; err != nil {
				t.Error(err)
			}
		}
		return agent.Result{Text: "ok"}, err
	}
	many.ask("go")
	if r := many.results(); len(r) != 1 || !strings.Contains(r[0].Text, "limit") {
		t.Errorf("%+v", r)
	}
}

// TestSubAgentAfterCrash: its turn is closed with a word and not gone on with, a
// task that was not begun is dropped, and its agent's call is unknown.
func TestSubAgentAfterCrash(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	s := openStore(t, path)
	now := time.Now()
	sub := gate.SubSession + "x1"
	for _, step := range []*agent.Step{
		{Begin: &agent.Turn{ID: "t1", Agent: "main", Session: "s", Trigger: "m1", Started: now}, Turn: "t1", Session: "s", Take: []string{"m1"}, Entries: []agent.Entry{
			{Turn: "t1", Kind: agent.FromOwner, At: now, Message: model.Message{Role: model.User, Text: "go"}},
			{Turn: "t1", Kind: agent.FromAgent, At: now, Message: model.Message{Role: model.Assistant, Calls: []model.ToolCall{{ID: "c1", Name: "delegate__run", Args: json.RawMessage(`{"task":"x"}`)}}}},
		}, Calls: []agent.Call{{Turn: "t1", ID: "c1", Tool: "delegate/run", Args: json.RawMessage(`{"task":"x"}`), State: agent.CallStarted}}},
		{Begin: &agent.Turn{ID: "t2", Agent: "main", Session: sub, Trigger: "m2", Started: now}, Turn: "t2", Session: sub, Parent: "s", Take: []string{"m2"}, Entries: []agent.Entry{
			{Turn: "t2", Kind: agent.FromTask, At: now, Message: model.Message{Role: model.User, Text: "x"}},
			{Turn: "t2", Kind: agent.FromAgent, At: now, Message: model.Message{Role: model.Assistant, Calls: []model.ToolCall{{ID: "c1", Name: "notes__read", Args: json.RawMessage(`{}`)}}}},
		}, Calls: []agent.Call{{Turn: "t2", ID: "c1", Tool: "notes/read", Args: json.RawMessage(`{}`), State: agent.CallStarted}}},
	} {
		id := step.Take[0]
		kind := agent.KindMessage
		if id == "m2" {
			kind = agent.KindTask
		}
		if _, _, err := s.Accept(t.Context(), agent.Trigger{ID: id, Agent: "main", Session: step.Session, Channel: "x", Kind: kind, Text: "go", Turn: step.Turn, State: agent.Pending, Received: now}); err != nil {
			t.Fatal(err)
		}
		if err := s.Record(t.Context(), step); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := s.Accept(t.Context(), agent.Trigger{ID: "m3", Agent: "main", Session: gate.SubSession + "x2", Channel: "task", Kind: agent.KindTask, Text: "y", Turn: "t3", State: agent.Pending, Received: now}); err != nil {
		t.Fatal(err)
	}
	box := &toolbox{}
	box.add("delegate/run", capability.Write, answer("must not be called"))
	box.add("notes/read", capability.Read, answer("must not be called")).Idempotent = true
	f := startOn(t, s, &script{reply: func(_ context.Context, _ int, req model.Request, _ func(model.Delta)) (model.Response, error) {
		if strings.Contains(req.Messages[0].Text, "you are a sub-agent") {
			t.Error("a sub-agent goes on")
		}
		return say("so it is"), nil
	}}, box)
	f.until(func(e agent.Event) bool {
		return e.Type == agent.EventTurnFinished && e.Session == "s" && e.Reason == agent.Done
	})
	for {
		open, err := s.Open(t.Context(), "main")
		if err != nil {
			t.Fatal(err)
		}
		if len(open) == 0 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	h, err := f.History(t.Context(), sub, 0, 0)
	if err != nil || !strings.Contains(notices(h), "sub-agent") {
		t.Errorf("its conversation has no word: %q, %v", notices(h), err)
	}
	checkPairs(t, h)
	if made := box.calls(); len(made) != 0 {
		t.Errorf("calls were made again: %q", made)
	}
	if r := f.results(); len(r) != 1 || !strings.Contains(r[0].Text, "unknown") {
		t.Errorf("the agent's call: %+v", r)
	}
	if state, _, err := s.Outcome(t.Context(), "m3"); err != nil || state != agent.Dropped {
		t.Errorf("a task that was not begun is %s, %v", state, err)
	}
}

// whom notes which plugin each conversation asked.
type whom struct {
	*script
	mu    sync.Mutex
	asked map[bool][]string // by whether a sub-agent did
}

func (w *whom) Complete(ctx context.Context, o gate.Origin, plugin string, req model.Request, delta func(model.Delta)) (model.Response, error) {
	w.mu.Lock()
	w.asked[gate.IsSub(o.Session)] = append(w.asked[gate.IsSub(o.Session)], plugin)
	w.mu.Unlock()
	return w.script.Complete(ctx, o, plugin, req, delta)
}

// TestSubAgentAsksTheChosenModel: what the owner keeps with one model in a
// conversation does not go to another by way of a sub-agent.
func TestSubAgentAsksTheChosenModel(t *testing.T) {
	t.Parallel()
	m := &whom{asked: map[bool][]string{}, script: &script{}}
	m.reply = func(_ context.Context, _ int, req model.Request, _ func(model.Delta)) (model.Response, error) {
		if last := req.Messages[len(req.Messages)-1]; last.Text == "go" {
			return want(delegated("work")), nil
		}
		return say("done"), nil
	}
	c := &company{reports: make(chan agent.Report, 1), errs: make(chan error, 1)}
	c.box.add("delegate/run", capability.Write, c.delegate)
	path := filepath.Join(t.TempDir(), "state.db")
	s := openStore(t, path)
	name := "local/small"
	if err := s.Record(t.Context(), &agent.Step{Session: "s", Agent: "main", Model: &name}); err != nil {
		t.Fatal(err)
	}
	c.fixture = startOn(t, s, m, &c.box)
	c.agent.Store(c.Agent)
	c.ask("go")
	if err := <-c.errs; err != nil {
		t.Fatal(err)
	}
	if own, sub := m.asked[false], m.asked[true]; len(sub) != 1 || sub[0] != "local" || own[0] != "local" {
		t.Errorf("the agent asked %q, its sub-agent %q", own, sub)
	}
}
