// Package agent is the loop: a message starts a turn, the model is asked, the
// tools it calls are used, their results go back to it, until it is done.
// Everything the loop does passes the gate, behind [Model] and [Tools].
//
// Guarantees: a message is on disk before [Agent.Submit] returns, and answered
// once. A session has one turn at a time; a message that arrives meanwhile
// steers it. Every step is journaled before the next begins: after a crash the
// session says what was cut off, its message is taken up again, and a call
// whose outcome is unknown is not repeated unless its tool is idempotent.
// After [Agent.Stop] returns no turn that ran before it is running. A turn
// that can't be recorded does not go on.
//
// Start at [New], then [Agent.Start].
package agent

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/ambithost/ambit/host/clock"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Model continues conversations. The actor is the agent that the origin names.
type Model interface {
	// Complete asks the model plugin. onDelta gets the text as it arrives, in
	// order, and is not called after Complete returned. The error's code says
	// whether asking again can help: unavailable and timeout can.
	Complete(ctx context.Context, origin gate.Origin, plugin string, req model.Request, onDelta func(model.Delta)) (model.Response, error)
}

// Tools are what an agent may call. The actor is the agent that the origin
// names.
type Tools interface {
	// List returns the tools offered to an agent, from pinned manifests,
	// always in the same order.
	List(ctx context.Context, agent string) ([]Tool, error)
	// Call uses one tool, named plugin/tool, through the gate. An error means
	// that there is no result: a *[gate.Denial], or why it failed.
	Call(ctx context.Context, origin gate.Origin, tool string, args json.RawMessage) (Result, error)
}

// Tool is one tool as its manifest describes it.
type Tool struct {
	Name        string // plugin/tool
	Description string
	Input       json.RawMessage // JSON Schema
	Risk        capability.Risk // of the capability that calling it uses; empty is not read
	Idempotent  bool
	Labels      []string // of its results
}

// Result is what a tool answered.
type Result struct {
	Text    string
	IsError bool
	Code    protocol.Code // why it is an error; empty: failed
	Labels  []string
	// Delegated: a sub-agent's words are in it, which are a model's.
	Delegated bool
	Skill     string // the text is this skill's, and nothing else: "mail-helper by ACME"
}

// Recorder puts a turn's begin and end on the audit log.
type Recorder interface {
	// Turn records that the turn began (Reason is [Active]) or how it ended.
	// An error keeps the turn from beginning.
	Turn(ctx context.Context, t Turn) error
}

// Config is what an agent is made of. Name, Store, Model and
// Tools are required.
type Config struct {
	Name         string
	Instructions string // the owner's, part of the system prompt
	ModelPlugin  string // empty: the Model chooses
	ModelName    string // as the provider knows it; empty: the plugin's default
	Store        Store
	Model        Model
	Tools        Tools
	Recorder     Recorder // nil: none
	// Price tells what an answer of a model costs, in millionths of a currency;
	// false: there is no price for it. Nil: there are no prices.
	Price     func(Route, model.Usage) (int64, bool)
	Limits    Limits        // zero fields: defaults
	SubAgents SubAgents     // zero fields: defaults
	Backoff   time.Duration // before the first retry of the model, then doubled; 0: 1 s
	Debounce  time.Duration // how long after a channel's message a turn begins, for what is written in pieces; 0: at once
	Clock     clock.Clock   // nil: the machine's
	Heartbeat *Heartbeat    // nil: none
	Memory    Memory        // nil: none
	Lookback  *Lookback     // nil: the agent does not look back by itself
	Warden    Warden        // nil: nothing is held, and nothing recorded
	// Home tells in which session the owner is now, for what the clock starts in
	// a session; nil: in that one.
	Home func(ctx context.Context, session string) string
	// Skills tells what the agent can use, for people and models; nil: there are none.
	Skills func(ctx context.Context, agent string) []Skill
	// Asked finds the question about a call of an earlier turn that a crash cut
	// off while the owner was asked; nil: there are none.
	Asked     func(turn, tool string) (approval int64, ok bool)
	Chronicle Chronicle      // nil: turns are not told what happened
	Zone      *time.Location // the owner's; nil: time.Local
	Logger    hclog.Logger   // nil: silent
}

// Limits bound one turn. A zero field is its default.
type Limits struct {
	Steps         int           // model calls; 24
	Tokens        int           // input and output of all model calls together; 500,000
	Wall          time.Duration // waiting for the owner included; 15 minutes
	AnswerTokens  int           // one answer of the model; 0 leaves it to the model
	ContextTokens int           // approximate size of what the model is given; 100,000
	ResultBytes   int           // of one tool result that the model gets to see; 32 KiB
	Denials       int           // of one tool or one capability; 3
	AllDenials    int           // 6
	Parallel      int           // reads at the same time; 8
}

func (l Limits) withDefaults() Limits {
	set := func(v *int, def int) {
		if *v == 0 {
			*v = def
		}
	}
	set(&l.Steps, 24)
	set(&l.Tokens, 500_000)
	set(&l.ContextTokens, 100_000)
	set(&l.ResultBytes, 32<<10)
	set(&l.Denials, 3)
	set(&l.AllDenials, 6)
	set(&l.Parallel, 8)
	if l.Wall == 0 {
		l.Wall = 15 * time.Minute
	}
	return l
}

func (l Limits) validate() error {
	for name, v := range map[string]int{"steps": l.Steps, "tokens": l.Tokens, "context tokens": l.ContextTokens,
		"result bytes": l.ResultBytes, "denials": l.Denials, "all denials": l.AllDenials, "parallel": l.Parallel} {
		if v < 1 {
			return fmt.Errorf("agent: limit of %s is %d; want at least 1", name, v)
		}
	}
	if l.Wall < 0 || l.AnswerTokens < 0 {
		return errors.New("agent: a limit is negative")
	}
	return nil
}

// maxAtWork is how many turns of an agent load their session, ask their model or
// record its answer at the same time; more wait. Turns whose tools are at work do
// not count. maxAtDoor is how many messages are being stored. They keep the one
// writer of the store from being waited for by more than it can serve within a
// record's time.
const (
	maxAtWork = 32
	maxAtDoor = 16
)

// Agent runs the turns of one agent. Its methods may be called concurrently.
type Agent struct {
	cfg    Config
	log    hclog.Logger
	events *broadcast

	// lifetime spans Start to Close: the parent of every turn, not of a call.
	lifetime context.Context
	end      context.CancelCauseFunc
	workers  sync.WaitGroup
	time     timekeeper
	places   chan struct{} // holds a token for each turn at work
	doors    chan struct{} // and for each message that is being stored
	back     lookback

	mu       sync.Mutex // guards what follows; never held over I/O
	started  bool
	closed   bool
	sessions map[string]*line
	readings map[string]reading
	resting  map[string]time.Time // model plugins that failed, and until when they are left alone
}

// New checks the configuration and makes an agent that does nothing yet.
func New(cfg Config) (*Agent, error) {
	if cfg.Name == "" {
		return nil, errors.New("agent: a name is required")
	}
	if cfg.Store == nil || cfg.Model == nil || cfg.Tools == nil {
		return nil, errors.New("agent: store, model and tools are required")
	}
	cfg.Limits = cfg.Limits.withDefaults()
	cfg.SubAgents = cfg.SubAgents.withDefaults()
	if err := errors.Join(cfg.Limits.validate(), cfg.SubAgents.validate()); err != nil {
		return nil, err
	}
	if cfg.Backoff <= 0 {
		cfg.Backoff = time.Second
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}
	if cfg.Heartbeat != nil {
		h := *cfg.Heartbeat
		if err := h.check(); err != nil {
			return nil, err
		}
		cfg.Heartbeat = &h
	}
	if l := cfg.Lookback; l != nil && (l.Idle <= 0 || l.AtMost <= 0 || cfg.Memory == nil) {
		return nil, errors.New("agent: to look back takes a memory, and times above zero")
	}
	if cfg.Zone == nil {
		cfg.Zone = time.Local
	}
	if cfg.Logger == nil {
		cfg.Logger = hclog.NewNullLogger()
	}
	a := &Agent{cfg: cfg, log: cfg.Logger.Named("agent." + cfg.Name), events: newBroadcast(), sessions: map[string]*line{}, readings: map[string]reading{},
		places: make(chan struct{}, maxAtWork), doors: make(chan struct{}, maxAtDoor)}
	a.back = lookback{a: a, turn: make(chan struct{}, 1)}
	a.time = timekeeper{a: a, poked: make(chan struct{}, 1)}
	a.lifetime, a.end = context.WithCancelCause(context.Background())
	return a, nil
}

// Name is the agent's name.
func (a *Agent) Name() string { return a.cfg.Name }

// Start takes up what the last run left behind and then accepts messages.
func (a *Agent) Start(ctx context.Context) error {
	open, err := a.cfg.Store.Open(ctx, a.cfg.Name)
	if err != nil {
		return fmt.Errorf("agent %s: unfinished turns: %w", a.cfg.Name, err)
	}
	waiting, err := a.cfg.Store.Waiting(ctx, a.cfg.Name)
	if err != nil {
		return fmt.Errorf("agent %s: unanswered messages: %w", a.cfg.Name, err)
	}
	if waiting, err = a.dropTasks(ctx, waiting); err != nil {
		return fmt.Errorf("agent %s: tasks of sub-agents that were not begun: %w", a.cfg.Name, err)
	}
	if err := a.time.setHeartbeat(ctx); err != nil {
		return fmt.Errorf("agent %s: heartbeat: %w", a.cfg.Name, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.started || a.closed {
		return fmt.Errorf("agent %s: started twice, or after it was closed", a.cfg.Name)
	}
	a.started = true
	a.workers.Go(func() { a.time.run(a.lifetime) })
	if a.cfg.Lookback != nil {
		a.workers.Go(func() { a.back.run(a.lifetime) })
	}
	for _, t := range open {
		a.lineOf(t.Session).queue(job{open: &t})
	}
	for _, j := range jobsOf(waiting) {
		a.lineOf(j.session()).queue(j)
	}
	for _, l := range a.sessions {
		a.work(l)
	}
	return nil
}

// Close ends every turn, waits for them, and closes the event streams. The
// turns stay open in the store and the next Start takes them up, as after a
// crash. It may be called more than once.
func (a *Agent) Close() error {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.end(errClosing)
	a.workers.Wait()
	a.events.close()
	return nil
}

// Sessions lists the agent's conversations, the last used first.
func (a *Agent) Sessions(ctx context.Context) ([]Session, error) {
	return a.cfg.Store.Sessions(ctx, a.cfg.Name)
}

// History returns up to limit entries of a session from seq on; limit 0 is
// all of them.
func (a *Agent) History(ctx context.Context, session string, from int64, limit int) ([]Entry, error) {
	return a.cfg.Store.Entries(ctx, session, from, limit)
}

// newID makes an identifier that sorts by time: 48 bits of milliseconds, 48
// random bits.
func newID(prefix string, now time.Time) string {
	var b [14]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16) //nolint:gosec // a time after 1970
	_, _ = rand.Read(b[6:12])                                      // never fails
	return prefix + strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:12]))
}
