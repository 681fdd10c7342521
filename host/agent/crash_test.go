package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/store"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/model"
)

// crash is a host that runs until a tool is inside its call, and then is gone:
// what is left is a copy of its state at that moment.
func crash(t *testing.T, first model.Response, texts ...string) *store.Store {
	t.Helper()
	dir := t.TempDir()
	s := openStore(t, filepath.Join(dir, "state.db"))
	inside, leave := make(chan struct{}), make(chan struct{})
	b := &toolbox{}
	for _, name := range []string{"a/write", "a/again"} {
		b.add(name, capability.Write, func(context.Context, gate.Origin, json.RawMessage) (agent.Result, error) {
			inside <- struct{}{}
			<-leave
			return agent.Result{Text: "too late"}, nil
		})
	}
	f := startOn(t, s, replies(first, say("too late")), b)
	t.Cleanup(func() { close(leave) }) // before the agent is closed
	f.submit("do it")
	<-inside
	for _, text := range texts {
		if _, err := f.Submit(t.Context(), agent.Message{Session: "s", Text: text, SourceID: text}); err != nil {
			t.Fatal(err)
		}
	}
	return copyOf(t, dir)
}

func copyOf(t *testing.T, dir string) *store.Store {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(to, "state.db-shm")); err != nil { // shared memory does not survive
		t.Fatal(err)
	}
	return openStore(t, filepath.Join(to, "state.db"))
}

func tools(after *[]string) *toolbox {
	b := &toolbox{}
	record := func(name string) handler {
		return func(_ context.Context, _ gate.Origin, args json.RawMessage) (agent.Result, error) {
			*after = append(*after, name+string(args))
			return agent.Result{Text: "did it now"}, nil
		}
	}
	b.add("a/write", capability.Write, record("write"))
	b.add("a/again", capability.Write, record("again")).Idempotent = true
	return b
}

func TestAfterACrashAnUnknownCallIsNotRepeated(t *testing.T) {
	t.Parallel()
	s := crash(t, want(`a__write {"n":1,"m":2}`, `a__write {"n":9}`))
	var made []string
	// The model wants the same again, spelled differently, and something else.
	m := replies(want(`a__write {"m": 2, "n": 1}`, `a__write {"n":3}`), say("I do not know whether it happened."), want(`a__write {"n":1,"m":2}`), say("ok"))
	f := startOn(t, s, m, tools(&made))
	f.until(func(e agent.Event) bool { return e.Type == agent.EventTurnFinished && e.Reason == agent.Interrupted })
	f.until(func(e agent.Event) bool { return e.Type == agent.EventTurnFinished && e.Reason == agent.Done })

	if fmt.Sprint(made) != `[write{"n":3}]` {
		t.Errorf("made %v", made)
	}
	r := f.results()
	if len(r) != 4 || !strings.Contains(r[0].Text, "unknown") || !strings.Contains(r[1].Text, "not made") || !strings.Contains(r[2].Text, "not made again") {
		t.Errorf("results %+v", r)
	}
	n := notices(f.history())
	if !strings.Contains(n, "unknown: a/write.") || !strings.Contains(n, "taken up again") {
		t.Errorf("the owner reads %q", n)
	}
	owner := 0
	for _, msg := range m.requests()[0].Messages {
		if msg.Role == model.User {
			owner++
		}
	}
	if owner != 1 {
		t.Errorf("the model reads the owner's message %d times", owner)
	}
	// The owner's next word lifts the doubt.
	if end := f.ask("do it again"); end.Reason != agent.Done || len(made) != 2 {
		t.Errorf("ended as %s, made %v", end.Reason, made)
	}
}

// unready is a store that does not take some steps, as if the host were killed
// before each.
type unready struct {
	*store.Store
	refuses func(*agent.Step) bool
}

func (u unready) Record(ctx context.Context, s *agent.Step) error {
	if u.refuses(s) {
		return errors.New("killed here")
	}
	return u.Store.Record(ctx, s)
}

// TestAfterACrashOfTakingUp: a host is killed once more, while it takes up what a
// crash cut off: when it has settled the call, and when it has closed the turn.
func TestAfterACrashOfTakingUp(t *testing.T) {
	t.Parallel()
	for name, refuses := range map[string]func(*agent.Step) bool{
		"settled": func(s *agent.Step) bool { return s.End != nil },
		"closed":  func(s *agent.Step) bool { return s.Begin != nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := crash(t, want(`a__write {"n":1}`))
			f := startOn(t, s, replies(say("too early")), tools(new([]string)), func(c *agent.Config) { c.Store = unready{s, refuses} })
			f.until(func(e agent.Event) bool {
				return e.Type == agent.EventError || e.Type == agent.EventTurnFinished && e.Reason == agent.Failed
			})
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			var made []string
			m := replies(want(`a__write {"n":1}`), say("I do not know whether it happened."))
			f = startOn(t, s, m, tools(&made))
			f.until(func(e agent.Event) bool { return e.Type == agent.EventTurnFinished && e.Reason == agent.Done })
			if len(made) > 0 {
				t.Errorf("a call that is in doubt was made again: %v", made)
			}
			owner := 0
			for _, msg := range m.requests()[0].Messages {
				if msg.Role == model.User {
					owner++
				}
			}
			waiting, err := s.Waiting(t.Context(), "main")
			if err != nil || len(waiting) > 0 || owner != 1 {
				t.Errorf("the model reads the message %d times; %v wait, %v", owner, waiting, err)
			}
			if n := notices(f.history()); strings.Count(n, "unknown: a/write.") != 1 {
				t.Errorf("the owner reads %q", n)
			}
		})
	}
}

func TestAfterACrashAnIdempotentCallIsMadeAgain(t *testing.T) {
	t.Parallel()
	s := crash(t, want(`a__again {"n":1}`))
	var made []string
	f := startOn(t, s, replies(say("all good")), tools(&made))
	f.until(func(e agent.Event) bool { return e.Type == agent.EventTurnFinished && e.Reason == agent.Done })
	if fmt.Sprint(made) != `[again{"n":1}]` || f.results()[0].Text != "did it now" {
		t.Errorf("made %v, results %+v", made, f.results())
	}
}

func TestAfterACrashEveryMessageIsAnsweredOnce(t *testing.T) {
	t.Parallel()
	s := crash(t, want(`a__write {}`), "and this", "and that")
	var made []string
	m := replies(say("ok"))
	f := startOn(t, s, m, tools(&made))
	for range 3 {
		f.until(func(e agent.Event) bool { return e.Type == agent.EventTurnFinished && e.Reason == agent.Done })
	}
	// A source that never heard of the acknowledgement sends once more.
	if _, err := f.Submit(t.Context(), agent.Message{Session: "s", Text: "and this", SourceID: "and this"}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if len(m.requests()) != 3 {
		t.Errorf("%d model calls, want one a message", len(m.requests()))
	}
	if w, err := s.Waiting(t.Context(), "main"); err != nil || len(w) != 0 {
		t.Errorf("still waiting: %+v %v", w, err)
	}
}

func TestAMessageThatCrashesTheHostIsGivenUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	inside := make(chan struct{}, 10)
	hang := &script{reply: func(ctx context.Context, _ int, _ model.Request, _ func(model.Delta)) (model.Response, error) {
		inside <- struct{}{}
		<-ctx.Done()
		return model.Response{}, ctx.Err()
	}}
	for i := range 3 {
		s, err := store.Open(t.Context(), filepath.Join(dir, "state.db"))
		if err != nil {
			t.Fatal(err)
		}
		f := startOn(t, s, hang, &toolbox{})
		if i == 0 {
			f.submit("go")
		}
		<-inside
		if err := f.Close(); err != nil { // leaves the turn open, like a crash
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	m := replies(say("ok"))
	f := startOn(t, openStore(t, filepath.Join(dir, "state.db")), m, &toolbox{})
	f.until(func(e agent.Event) bool { return e.Type == agent.EventTurnFinished && e.Reason == agent.Interrupted })
	if end := f.ask("hello?"); end.Reason != agent.Done || len(m.requests()) != 1 {
		t.Errorf("ended as %s after %d model calls", end.Reason, len(m.requests()))
	}
	if n := notices(f.history()); !strings.Contains(n, "tried 3 times") {
		t.Errorf("the owner reads %q", n)
	}
}
