// Package channel connects agents with people over messaging services, through
// plugins of kind channel. A [Service] polls every enabled channel, keeps what
// arrives until an agent has it, lets in whom the owner has paired, brings the
// agent's words back, and puts the owner's questions where the owner is.
//
// Guarantees:
//
//  1. What arrived is on disk before the service is asked for more, and reaches
//     the agent once.
//  2. Nobody is listened to whom the owner did not pair. A stranger gets a code
//     and nothing else, at most a few at a time.
//  3. A message counts as the owner's words only if it is the paired owner's
//     and the channel holds owner.speak; "stop" from the paired owner always
//     stops.
//  4. What an agent says in a conversation goes to the one person in it, never
//     anywhere else. The host's own words and questions go to the owner alone.
//  5. A message whose sending was cut off is not repeated to others than the
//     owner, and to the owner only with a word that it may come twice; unless the
//     channel's service knows a message that comes again.
//
// A channel that lies can invent its owner's messages, as far as owner.speak
// goes: that is what granting it means.
package channel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/host/provenance"
	"github.com/ambithost/ambit/host/webhook/sign"
	"github.com/ambithost/ambit/sdk/channel"
)

// Effects are what a channel does, through the gate; *effects.Effects has them.
type Effects interface {
	Receiver
	Answerer
	Sender
}

// Receiver asks a channel what arrived.
type Receiver interface {
	Poll(ctx context.Context, plugin string, in channel.Poll) (channel.Polled, error)
	Fetch(ctx context.Context, plugin string, request json.RawMessage) (json.RawMessage, error)
	// HookKeys are the keys that may sign what comes to a channel by webhook, by
	// the names of their secrets.
	HookKeys(ctx context.Context, plugin string) (map[string][]sign.Key, error)
	// Hook has a channel read a webhook that a key of the secret signed.
	Hook(ctx context.Context, plugin, secret string, in channel.Hook) ([]channel.Event, error)
	// Keep stores files that came with a message where the agent can read
	// them, and says where.
	Keep(ctx context.Context, plugin, agent string, files []channel.File) ([]string, error)
}

// Answerer decides what of the owner's words over a channel counts.
type Answerer interface {
	Hear(ctx context.Context, plugin, agent, event string) error
	Approve(ctx context.Context, plugin, agent string, r channel.Reply) error
	// MayApprove tells whether the channel could pass on a yes.
	MayApprove(ctx context.Context, plugin string, a gate.Approval) bool
}

// Sender has a channel send.
type Sender interface {
	Send(ctx context.Context, actor policy.Entity, origin gate.Origin, plugin, to string, m channel.Send) (channel.Sent, error)
}

// Agent is one agent; *agent.Agent is one.
type Agent interface {
	Listener
	Speaker
}

// Listener takes what people say to an agent.
type Listener interface {
	Submit(ctx context.Context, m agent.Message) (agent.TurnID, error)
	Notify(ctx context.Context, session, text string) error
	Interrupt(session string) bool
}

// Speaker tells what an agent says, and what that may be made of.
type Speaker interface {
	Events(ctx context.Context, sessions ...string) <-chan agent.Event
	History(ctx context.Context, session string, from int64, limit int) ([]agent.Entry, error)
	Read(ctx context.Context, session string) (*provenance.Material, []string, error)
}

// Host is what the service asks of the rest of the host.
type Host interface {
	Directory
	Desk
	Board
}

// Directory knows who there is.
type Directory interface {
	Channels() []string // the enabled ones
	// Repeats tells of a channel whose service knows a message that comes again.
	Repeats(channel string) bool
	Agents() []string
	Agent(name string) (Agent, bool)
}

// Desk is where the owner's questions lie.
type Desk interface {
	OwnerSeen()                      // the owner is present
	Question(a gate.Approval) string // for people
	Waits(approval int64) bool
}

// Board tells the owner how things are.
type Board interface {
	// Status is the answer to /status.
	Status(ctx context.Context, agent string) string
	// Notice says what keeps a channel from working; an empty text takes that
	// back.
	Notice(plugin, text string)
}

// Config is what a Service is made of. Store, Effects and Host are required.
type Config struct {
	Store   Store
	Effects Effects
	Host    Host
	// Mode says what becomes of a message that arrives while a turn runs; nil:
	// it steers the turn.
	Mode   func(plugin string) agent.Mode
	Now    func() time.Time // nil: time.Now
	Logger hclog.Logger     // nil: silent
	// Backoff is the first wait after a failure; it doubles up to 5 minutes.
	// 0: 1 s.
	Backoff time.Duration
}

const maxBackoff = 5 * time.Minute

// Service runs all channels of a host. Its methods may be called concurrently.
type Service struct {
	cfg Config
	log hclog.Logger

	lifetime context.Context // from New to Close
	end      context.CancelFunc
	work     sync.WaitGroup

	mu       sync.Mutex // guards what follows; never held over I/O
	started  bool
	closed   bool
	lines    map[string]*line // by plugin
	sessions map[string]key   // of owner and contacts
	couriers map[key]*courier
	shown    map[int64][]shown // questions, by approval
	heard    map[key]time.Time
	wake     chan struct{} // closed and replaced when what failed may work now
}

// key names a peer.
type key struct{ plugin, person string }

// line is one channel that is served.
type line struct {
	cancel  context.CancelFunc
	arrived chan struct{} // holds one token while arrivals may wait
}

// New checks the configuration. The service does nothing before Start.
func New(cfg Config) (*Service, error) {
	if cfg.Store == nil || cfg.Effects == nil || cfg.Host == nil {
		return nil, errors.New("channel: Store, Effects and Host are required")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = hclog.NewNullLogger()
	}
	if cfg.Mode == nil {
		cfg.Mode = func(string) agent.Mode { return agent.Steer }
	}
	if cfg.Backoff <= 0 {
		cfg.Backoff = time.Second
	}
	s := &Service{
		cfg: cfg, log: cfg.Logger.Named("channel"), lines: map[string]*line{}, sessions: map[string]key{},
		couriers: map[key]*courier{}, shown: map[int64][]shown{}, heard: map[key]time.Time{}, wake: make(chan struct{}),
	}
	s.lifetime, s.end = context.WithCancel(context.Background())
	return s, nil
}

// Start takes up what the last run left behind and begins to poll.
func (s *Service) Start(ctx context.Context) error {
	peers, err := s.cfg.Store.Peers(ctx)
	if err != nil {
		return fmt.Errorf("channels: who is paired: %w", err)
	}
	s.mu.Lock()
	if s.started || s.closed {
		s.mu.Unlock()
		return errors.New("channel: started twice, or after it was closed")
	}
	s.started = true
	for _, name := range s.cfg.Host.Agents() {
		if a, ok := s.cfg.Host.Agent(name); ok {
			s.work.Go(func() { s.follow(a) })
		}
	}
	s.mu.Unlock()
	for _, p := range peers {
		if p.served() {
			s.know(p)
			s.kick(p.key())
		}
	}
	s.Refresh()
	return nil
}

// Close ends all polling and delivering and waits for it. It may be called more
// than once.
func (s *Service) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.end()
	s.work.Wait()
	return nil
}

// Refresh serves the channels that are enabled now, and no others; what failed
// and waits is tried again at once. It is called when plugins, grants or the
// latch have changed.
func (s *Service) Refresh() {
	enabled := map[string]bool{}
	for _, name := range s.cfg.Host.Channels() {
		enabled[name] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.started || s.closed {
		return
	}
	for name, l := range s.lines {
		if !enabled[name] {
			l.cancel()
			delete(s.lines, name)
		}
	}
	for name := range enabled {
		if s.lines[name] == nil {
			ctx, cancel := context.WithCancel(s.lifetime)
			l := &line{cancel: cancel, arrived: make(chan struct{}, 1)}
			s.lines[name] = l
			s.work.Go(func() { s.receive(ctx, name, l) })
			s.work.Go(func() { s.handle(ctx, name, l) })
		}
	}
	close(s.wake)
	s.wake = make(chan struct{})
}

// waking is closed when something changes that may help what failed. It is asked
// for before the attempt: what changes while it fails must not be missed.
func (s *Service) waking() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wake
}

// pause waits, until something changed that may help, or until ctx ends.
func (s *Service) pause(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	s.pauseOr(ctx, d, wake, nil)
}

// pauseOr is pause that also ends when something comes.
func (s *Service) pauseOr(ctx context.Context, d time.Duration, wake, comes <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-comes:
	case <-ctx.Done():
	}
}

// backoff is how long to wait after so many failures in a row.
func (s *Service) backoff(failures int) time.Duration {
	return min(s.cfg.Backoff<<min(failures, 12), maxBackoff)
}

// know keeps at hand in whose conversation a session is.
func (s *Service) know(p Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for session, k := range s.sessions {
		if k == p.key() {
			delete(s.sessions, session)
		}
	}
	if p.served() {
		s.sessions[p.Session] = p.key()
	}
}

func (s *Service) peerOf(session string) (key, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.sessions[session]
	return k, ok
}
