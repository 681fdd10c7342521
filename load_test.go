package main_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/host/store"
	"github.com/ambithost/ambit/plugins"
)

// burden is what a host has to bear: messages one after the other at a steady
// rate, whether or not those before are answered, to each session in turn.
type burden struct {
	sessions, messages int
	every              time.Duration
}

// bear sends the messages and returns how long each answer took, from before the
// message is sent until its turn has ended, sorted. An answer that did not come
// is an error.
func (l burden) bear(ctx context.Context, c *control.Client) ([]time.Duration, error) {
	var mu sync.Mutex
	var took []time.Duration
	var errs []error
	var all sync.WaitGroup
	next := time.NewTicker(l.every)
	defer next.Stop()
	for i := range l.messages {
		all.Go(func() {
			begun := time.Now()
			err := l.ask(ctx, c, i)
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(begun))
			if err != nil {
				errs = append(errs, fmt.Errorf("message %d: %w", i, err))
			}
		})
		<-next.C
	}
	all.Wait()
	slices.Sort(took)
	return took, errors.Join(errs[:min(len(errs), 10)]...)
}

func (l burden) ask(ctx context.Context, c *control.Client, i int) error {
	answers, last := map[string]int{}, control.ChatEvent{} // by turn: those before it in its session are heard too
	req := control.ChatRequest{Session: fmt.Sprintf("load-%d", i%l.sessions), Text: fmt.Sprintf("hello, this is message %d", i)}
	if err := c.Chat(ctx, req, func(e control.ChatEvent) error {
		if last = e; e.Type == control.ChatDone && e.Status == "end" && e.Text != "" {
			answers[e.Turn]++
		}
		return nil
	}); err != nil {
		return err
	}
	if answers[last.Turn] != 1 {
		return fmt.Errorf("%d answers; the last event is %+v", answers[last.Turn], last)
	}
	return nil
}

// check holds the state that the host left to what it was sent: each message was
// heard once, has an answer after it, and no turn is open.
func (l burden) check(ctx context.Context, home string) error {
	state, err := store.Open(ctx, filepath.Join(home, "state.db"))
	if err != nil {
		return err
	}
	defer state.Close()
	heard := map[string]int{}
	for i := range l.sessions {
		entries, err := state.Entries(ctx, fmt.Sprintf("load-%d", i), 0, 0)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.Kind == agent.FromOwner {
				heard[e.Message.Text]++
			}
		}
		if n := len(entries); n == 0 || entries[n-1].Kind != agent.FromAgent {
			return fmt.Errorf("session %d does not end with an answer: %+v", i, entries[max(0, n-1):])
		}
	}
	for i := range l.messages {
		if n := heard[fmt.Sprintf("hello, this is message %d", i)]; n != 1 {
			return fmt.Errorf("message %d was heard %d times", i, n)
		}
	}
	open, err := state.Open(ctx, "main")
	if err == nil && len(open) > 0 {
		err = fmt.Errorf("%d turns are open", len(open))
	}
	return err
}

// TestLoad: of what many sessions are sent at once nothing is lost, and whoever
// sent it gets one answer. BenchmarkLoad has a thousand sessions.
func TestLoad(t *testing.T) {
	t.Parallel()
	if len(plugins.List()) == 0 {
		t.Skip("the first-party plugins are not built: make plugins")
	}
	home := filepath.Join(t.TempDir(), "home")
	h := startHost(t, home)
	installAll(t, h.client, "rehearsal")
	l := burden{sessions: 50, messages: 200, every: 5 * time.Millisecond}
	if _, err := l.bear(t.Context(), h.client); err != nil {
		t.Fatal(err)
	}
	h.kill(t)
	if err := l.check(t.Context(), home); err != nil {
		t.Error(err)
	}
}
