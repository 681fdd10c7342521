// Package effects is what the host does on a plugin's behalf, one file a
// capability. Start at [New]; a plugin's wishes arrive at [Call.Do], the
// agent's at [Effects.CallTool] and [Effects.Complete].
//
// Guarantees: every use of a capability passes the gate, each redirect hop and
// each secret as an effect of its own; nothing else in the host touches the
// network, files or secrets for a plugin; addresses are dialled exactly as the
// gate saw them; a plugin never reads a secret, not even one that a server hands
// out for it (http_capture.go), and a secret that this host has used or been
// handed is cut out of every later response of any server, in the encodings
// that servers echo; all input is bounded in size and depth before it is used.
//
// What does not hold: a server that is granted a secret can pass it on in a
// form nobody recognises, so the hosts of a secret.use grant are trusted with
// it. After a restart a secret counts as used again from its next use on.
package effects

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/ambithost/ambit/host/effects/secret"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/model"
)

// Doer decides, records and performs effects; *gate.Gate is one.
type Doer interface {
	Do(ctx context.Context, e gate.Effect) error
}

// KV keeps each plugin's own values. Quotas are enforced here, not by it; this
// package is its only writer.
type KV interface {
	Get(ctx context.Context, plugin, key string) ([]byte, bool, error)
	Put(ctx context.Context, plugin, key string, value []byte) error
	Delete(ctx context.Context, plugin, key string) error
	Keys(ctx context.Context, plugin, prefix string) ([]string, error)
}

// KVUsage is what a [KV] implements if it can tell a plugin's usage faster
// than by reading all its values. Bytes counts keys and values.
type KVUsage interface {
	Usage(ctx context.Context, plugin string) (keys int, bytes int64, err error)
}

// Plugins knows the manifests of enabled plugins.
type Plugins interface {
	Manifest(name string) (*manifest.Manifest, bool)
	// Holder is what an enabled plugin asks for, by capability, configuration
	// filled in.
	Holder(name string) (policy.Plugin, map[string]capability.Scope, bool)
}

// Cells runs an export of a plugin in its cell. Effects of the call come
// through effect, pieces of output through emit.
type Cells interface {
	Invoke(ctx context.Context, plugin, export string, input []byte, agent string,
		effect func(ctx context.Context, name string, args []byte) ([]byte, error), emit func([]byte)) ([]byte, error)
}

// Messenger brings messages to people.
type Messenger interface {
	// Deliver is to the owner.
	Deliver(ctx context.Context, agent, session, text string) error
	// Tell has an agent say something to a contact. When it returns nil that is
	// on disk, and brought to the contact as the channel can.
	Tell(ctx context.Context, w Words) error
}

// Words are what an agent says to a contact.
type Words struct {
	ID     string // of the effect; what has the same is said once
	Agent  string
	From   string // the session in which it decided to
	To     string // the contact's name
	Text   string
	Labels []string // of that session
}

// Secrets gives the owner's secrets; *secret.Store is one.
type Secrets interface {
	Get(ctx context.Context, name string) (secret.Value, error)
}

// Config is what Effects are built from. Gate and Plugins are required; what
// is nil beside them makes its capabilities answer "unavailable".
type Config struct {
	Gate      Doer
	Plugins   Plugins
	Cells     Cells
	KV        KV
	Messenger Messenger
	Secrets   Secrets
	Approvals Approvals
	Schedules Schedules
	Delegates Delegates
	Skills    Skills
	Memory    Memory
	// Workspace gives the folder of an agent's files. It must exist.
	Workspace func(agent string) (string, error)
	// DefaultModel names the model plugin, and the model as its provider
	// knows it, that an agent uses.
	DefaultModel func(agent string) (plugin, model string, ok bool)
	// Cost tells what an answer of a model costs, in millionths of a currency;
	// nil, or false: there is no price, and budgets of money refuse it.
	Cost func(plugin, model string, u model.Usage) (micros int64, currency string, ok bool)
	// OwnerSeen tells when the owner was last present; zero: never.
	OwnerSeen func() time.Time
	Zone      *time.Location   // the owner's; nil: UTC
	Now       func() time.Time // nil: time.Now
	Logger    hclog.Logger     // nil: silent
	HTTP      HTTP
	Limits    Limits
}

// Limits bound what a plugin may keep. Zero fields take the default named.
type Limits struct {
	KVKeys         int     // keys of one plugin: 4096
	KVBytes        int64   // keys and values of one plugin: 64 MiB
	WorkspaceBytes int64   // files of one workspace: 256 MiB
	WorkspaceFiles int     // files and folders of one workspace: 10,000
	LogPerSecond   float64 // log lines of one plugin: 20, with bursts of 100
	Streams        int     // open streams of one call: 16
	Depth          int     // plugins calling plugins: 4
}

// Effects performs what the gate lets through. It is safe for concurrent use.
type Effects struct {
	cfg     Config
	log     hclog.Logger
	http    *client
	seen    seenSecrets
	purse   purse
	schemas schemas
	plugins sync.Map // plugin name → *pluginState
	spaces  sync.Map // workspace folder → *workspace
	// capturing holds the names of secrets that requests are about to fill.
	capturing sync.Map
}

// pluginState is what is kept about a plugin while the host runs.
type pluginState struct {
	kv       chan struct{} // one writer at a time, so that a quota can't be raced past
	requests chan struct{} // HTTP exchanges in progress
	logs     *lineLimit
}

// New checks the configuration and builds Effects.
func New(cfg Config) (*Effects, error) {
	if cfg.Gate == nil || cfg.Plugins == nil {
		return nil, errors.New("effects: Gate and Plugins are required")
	}
	if cfg.Logger == nil {
		cfg.Logger = hclog.NewNullLogger()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Zone == nil {
		cfg.Zone = time.UTC
	}
	if cfg.OwnerSeen == nil {
		cfg.OwnerSeen = func() time.Time { return time.Time{} }
	}
	cfg.Limits = cfg.Limits.withDefaults()
	c, err := newClient(cfg.HTTP)
	if err != nil {
		return nil, err
	}
	return &Effects{cfg: cfg, log: cfg.Logger, http: c}, nil
}

func (l Limits) withDefaults() Limits {
	return Limits{
		KVKeys: or(l.KVKeys, 4096), KVBytes: or(l.KVBytes, 64<<20),
		WorkspaceBytes: or(l.WorkspaceBytes, 256<<20), WorkspaceFiles: or(l.WorkspaceFiles, 10_000),
		LogPerSecond: or(l.LogPerSecond, 20), Streams: or(l.Streams, 16), Depth: or(l.Depth, 4),
	}
}

func or[T int | int64 | float64 | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

func (e *Effects) plugin(name string) *pluginState {
	if p, ok := e.plugins.Load(name); ok {
		return p.(*pluginState)
	}
	p, _ := e.plugins.LoadOrStore(name, &pluginState{
		kv: make(chan struct{}, 1), requests: make(chan struct{}, e.http.cfg.Concurrent), logs: newLineLimit(e.cfg.Limits.LogPerSecond),
	})
	return p.(*pluginState)
}
