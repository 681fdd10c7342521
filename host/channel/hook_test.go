package channel_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/channel"
	"github.com/ambithost/ambit/host/webhook/sign"
	wire "github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

const hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func keyOf(secret string) sign.Key {
	k, err := sign.ParseKey([]byte(secret))
	if err != nil {
		panic(err)
	}
	return k
}

func (s *service) HookKeys(_ context.Context, plugin string) (map[string][]sign.Key, error) {
	if plugin != "post" {
		return nil, protocol.Errorf(protocol.NotFound, "no such channel")
	}
	return map[string][]sign.Key{"OLD": {keyOf("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")}, "NEW": {keyOf(hookSecret)}}, nil
}

// Hook is a plugin that takes a body for a message of person 1.
func (s *service) Hook(_ context.Context, _, secret string, in wire.Hook) ([]wire.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooked = append(s.hooked, in)
	if secret != "NEW" {
		return nil, protocol.Errorf(protocol.Internal, "verified by %s", secret)
	}
	if string(in.Body) == "unreadable" {
		return nil, protocol.Errorf(protocol.Invalid, "what is that?")
	}
	return []wire.Event{message(wire.HookID(in.ID)+"/1", "1", string(in.Body))}, nil
}

func signed(t *testing.T, id, body, secret string, at time.Time) http.Header {
	t.Helper()
	h := http.Header{}
	if err := sign.Headers(h, id, at, []byte(body), keyOf(secret)); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHook(t *testing.T) {
	t.Parallel()
	s := newService()
	full := &full{}
	f := start(t, s, func(db channel.Store) channel.Store { full.Store = db; return full }, ofOwner())
	f.run()
	hook := func(plugin string, h http.Header, body string) error {
		return f.Service.Hook(t.Context(), plugin, h, []byte(body))
	}
	good := signed(t, "msg_1", "hello", hookSecret, time.Now())

	// What was not signed is not looked at.
	for _, c := range []struct {
		plugin string
		h      http.Header
		body   string
		want   error
	}{
		{"post", good, "hellO", sign.ErrSignature},
		{"post", http.Header{}, "hello", sign.ErrHeaders},
		{"post", signed(t, "msg_1", "hello", hookSecret, time.Now().Add(-time.Hour)), "hello", sign.ErrStale},
		{"post", signed(t, "msg_1", "hello", "whsec_CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC", time.Now()), "hello", sign.ErrSignature},
	} {
		if err := hook(c.plugin, c.h, c.body); !errors.Is(err, c.want) {
			t.Errorf("%q: %v, want %v", c.body, err, c.want)
		}
	}
	if err := hook("other", good, "hello"); protocol.CodeOf(err) != protocol.NotFound {
		t.Errorf("another channel: %v", err)
	}
	if len(s.hooked) != 0 {
		t.Fatalf("the plugin saw %+v", s.hooked)
	}

	// What can't be stored is not taken.
	full.set(true)
	if err := hook("post", good, "hello"); protocol.CodeOf(err) != protocol.Unavailable {
		t.Errorf("a full disk: %v", err)
	}
	full.set(false)
	// Many times the same: it counts once, however it comes.
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := hook("post", good, "hello"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	f.until("an answer", func() bool { return strings.Contains(strings.Join(f.texts("c1"), "\n"), "you said: hello") })
	if err := hook("post", signed(t, "msg_2", "again", hookSecret, time.Now()), "again"); err != nil {
		t.Error(err)
	}
	f.until("another", func() bool { return strings.Contains(strings.Join(f.texts("c1"), "\n"), "you said: again") })
	if got := strings.Join(f.texts("c1"), "\n"); strings.Count(got, "you said: hello") != 1 {
		t.Errorf("the owner got %q", got)
	}
	if err := hook("post", signed(t, "msg_3", "unreadable", hookSecret, time.Now()), "unreadable"); protocol.CodeOf(err) != protocol.Invalid {
		t.Errorf("what can't be read: %v", err)
	}
}

// full is a disk that may be.
type full struct {
	channel.Store
	mu sync.Mutex
	is bool
}

func (f *full) set(is bool) { f.mu.Lock(); f.is = is; f.mu.Unlock() }

func (f *full) ArriveHook(ctx context.Context, plugin, mark string, events []wire.Event) error {
	f.mu.Lock()
	is := f.is
	f.mu.Unlock()
	if is {
		return errors.New("the disk is full")
	}
	return f.Store.ArriveHook(ctx, plugin, mark, events)
}

// Over a channel whose service knows what comes again, what was cut off is sent
// again as it was, to a contact too, under the same key.
func TestWhatIsKnownWhenItComesAgain(t *testing.T) {
	t.Parallel()
	s := newService()
	f := start(t, s, nil, ofOwner(), ofAnn())
	f.board.repeats = true
	p := ofAnn()
	step := &agent.Step{Agent: "main", Session: p.Session, Entries: []agent.Entry{{Kind: agent.FromAgent, Message: model.Message{Role: model.Assistant, Text: "to ann"}}}}
	if err := f.store.Record(t.Context(), step); err != nil {
		t.Fatal(err)
	}
	p.Plugin, p.Sending = "post", step.Entries[0].Seq
	if err := f.store.Progress(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	s.fail = func(n int, _ string, _ wire.Send) error {
		if n == 1 {
			return protocol.Errorf(protocol.Unknown, "no answer came")
		}
		return nil
	}
	f.run()
	f.until("it twice", func() bool { return len(f.texts("c2")) == 2 })
	s.mu.Lock()
	defer s.mu.Unlock()
	if a, b := s.sent[0], s.sent[1]; a.Text != "to ann" || a.Text != b.Text || a.Key != b.Key || a.Key == "" {
		t.Errorf("sent %+v, then %+v", a, b)
	}
}
