package agent_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/model"
)

func (f *fixture) send(m agent.Message) agent.TurnID {
	f.t.Helper()
	if m.Session == "" {
		m.Session = "s"
	}
	id, err := f.Submit(f.t.Context(), m)
	if err != nil {
		f.t.Fatal(err)
	}
	return id
}

func (f *fixture) finished() agent.Event {
	f.t.Helper()
	seen := f.untilType(agent.EventTurnFinished)
	return seen[len(seen)-1]
}

func TestAContactsMessageIsNoInstruction(t *testing.T) {
	t.Parallel()
	var seen gate.Origin
	b := &toolbox{}
	b.add("a/x", capability.Write, func(_ context.Context, o gate.Origin, _ json.RawMessage) (agent.Result, error) {
		seen = o
		return agent.Result{Text: "ok"}, nil
	})
	m := replies(want("a__x"), say("hello"))
	f := start(t, m, b)
	f.send(agent.Message{Text: "stop", From: "ann over telegram", Channel: "telegram", SourceID: "1"})
	f.finished()
	messages := m.requests()[0].Messages
	last := messages[len(messages)-1]
	if last.Role != model.User || !strings.HasPrefix(last.Text, "[untrusted ") || !strings.Contains(last.Text, "from ann over telegram") || !strings.Contains(last.Text, "\nstop\n") {
		t.Errorf("the model got %q", last.Text)
	}
	if !slices.Equal(seen.Labels, []string{"untrusted"}) {
		t.Errorf("labels of the first call: %v", seen.Labels)
	}
	found := seen.Material.Trace("stop")
	if found.OwnerNamed() || len(found.Found) != 1 || found.Found[0].Source.Name != "ann over telegram" || !found.Found[0].Source.Has("untrusted") {
		t.Errorf("the word is traced to %+v", found.Found)
	}
	s, err := f.store.Session(t.Context(), "s")
	if err != nil || !slices.Equal(s.Labels, []string{"untrusted"}) {
		t.Errorf("session %+v, %v", s, err)
	}
}

func TestABurstIsOneTurn(t *testing.T) {
	t.Parallel()
	m := replies(say("one answer"))
	f := start(t, m, &toolbox{}, func(c *agent.Config) { c.Debounce = 300 * time.Millisecond })
	for i, text := range []string{"first", "second", "third"} {
		f.send(agent.Message{Text: text, Channel: "telegram", SourceID: string(rune('a' + i))})
	}
	f.finished()
	if n := len(m.requests()); n != 1 {
		t.Fatalf("%d requests of the model, want one", n)
	}
	var got []string
	for _, msg := range m.requests()[0].Messages {
		if msg.Role == model.User {
			got = append(got, msg.Text)
		}
	}
	if !slices.Equal(got, []string{"first", "second", "third"}) {
		t.Errorf("the model got %v", got)
	}
	if w, err := f.store.Waiting(t.Context(), "main"); err != nil || len(w) != 0 {
		t.Errorf("still waiting: %v, %v", w, err)
	}
}

// Who never pauses is answered too.
func TestABurstWithoutEnd(t *testing.T) {
	t.Parallel()
	f := start(t, replies(say("an answer")), &toolbox{}, func(c *agent.Config) { c.Debounce = 40 * time.Millisecond })
	answered := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := 0; ; i++ {
			if _, err := f.Submit(t.Context(), agent.Message{Session: "s", Text: "and", Channel: "telegram", SourceID: fmt.Sprint(i)}); err != nil {
				t.Error(err)
				return
			}
			select {
			case <-answered:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	})
	defer writer.Wait()
	defer close(answered)
	f.untilType(agent.EventTurnStarted)
}

// What was to get a turn of its own gets one after a crash too.
func TestAFollowUpStaysApart(t *testing.T) {
	t.Parallel()
	for alone, want := range map[bool]int{true: 2, false: 1} {
		s := openStore(t, filepath.Join(t.TempDir(), "state.db"))
		for i, id := range []string{"a", "b"} {
			tr := agent.Trigger{ID: id, Agent: "main", Session: "s", Channel: "telegram", SourceID: id, Kind: agent.KindMessage, Text: id,
				Turn: "t" + id, State: agent.Pending, Alone: alone, Received: time.Now().Add(time.Duration(i) * time.Millisecond)}
			if _, _, err := s.Accept(t.Context(), tr); err != nil {
				t.Fatal(err)
			}
		}
		m := replies(say("an answer"), say("another answer"))
		f := startOn(t, s, m, &toolbox{}, func(c *agent.Config) { c.Debounce = time.Second })
		for range want {
			f.finished()
		}
		if waiting, err := s.Waiting(t.Context(), "main"); err != nil || len(waiting) > 0 || len(m.requests()) != want {
			t.Errorf("alone %v: %d turns, want %d; %v wait, %v", alone, len(m.requests()), want, waiting, err)
		}
	}
}

// whileItRuns starts a turn whose first tool call lasts until the message was
// sent, and returns what the model was asked.
func whileItRuns(t *testing.T, mode agent.Mode) (*fixture, *script) {
	t.Helper()
	inside, goOn := make(chan struct{}), make(chan struct{})
	b := &toolbox{}
	b.add("a/x", capability.Write, func(ctx context.Context, _ gate.Origin, _ json.RawMessage) (agent.Result, error) {
		inside <- struct{}{}
		select {
		case <-goOn:
		case <-ctx.Done():
		}
		return agent.Result{Text: "ok"}, ctx.Err()
	})
	b.add("a/y", capability.Write, answer("ok"))
	m := replies(want("a__x", "a__y"), say("done"))
	f := start(t, m, b)
	f.submit("go")
	<-inside
	f.send(agent.Message{Text: "also this", Mode: mode})
	close(goOn)
	return f, m
}

func TestSteeringSkipsWhatDidNotBegin(t *testing.T) {
	t.Parallel()
	f, m := whileItRuns(t, agent.Steer)
	f.finished()
	results := f.results()
	if len(results) != 2 || results[0].Error || !strings.Contains(results[1].Text, "a new message came first") {
		t.Errorf("results %+v", results)
	}
	if last := m.requests()[1].Messages; last[len(last)-1].Text != "also this" {
		t.Errorf("the model was asked %+v", last[len(last)-1])
	}
}

func TestAFollowUpWaits(t *testing.T) {
	t.Parallel()
	f, m := whileItRuns(t, agent.FollowUp)
	f.finished()
	f.finished()
	if results := f.results(); results[1].Error {
		t.Errorf("the second call was skipped: %+v", results)
	}
	asked := m.requests()
	if len(asked) != 3 {
		t.Fatalf("%d requests of the model, want 3", len(asked))
	}
	for i, want := range []bool{false, false, true} {
		has := slices.ContainsFunc(asked[i].Messages, func(m model.Message) bool { return m.Text == "also this" })
		if has != want {
			t.Errorf("request %d has the message: %v, want %v", i, has, want)
		}
	}
}

func TestAnInterruptingMessageSupersedes(t *testing.T) {
	t.Parallel()
	f, m := whileItRuns(t, agent.Supersede)
	if e := f.finished(); e.Reason != agent.Cancelled {
		t.Errorf("the first turn ended %s", e.Reason)
	}
	if e := f.finished(); e.Reason != agent.Done {
		t.Errorf("the second turn ended %s", e.Reason)
	}
	if last := m.requests()[1].Messages; last[len(last)-1].Text != "also this" {
		t.Errorf("the model was asked %+v", last[len(last)-1])
	}
}
