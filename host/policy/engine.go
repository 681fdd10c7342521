package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/ambithost/ambit/policies"
)

// Config says where policies come from.
type Config struct {
	// Base holds base/ and lib/; nil means the built-in [policies.FS].
	Base fs.FS
	// Layers narrow the base, in any order. None is fine.
	Layers []Layer
	// Logger may be nil.
	Logger hclog.Logger
	// OnChange, if set, is called after a reload that changed the set in
	// force, with its revision, and after one that failed, with the revision
	// still in force and the reason. Calls don't overlap.
	OnChange func(revision string, err error)
}

// Engine decides requests by the policies in force. Its methods are safe for
// concurrent use.
type Engine struct {
	config  Config
	log     hclog.Logger
	set     atomic.Pointer[set]
	stuck   atomic.Int64   // evaluations that did not notice being cut off
	running sync.WaitGroup // the same, for Close
	shut    atomic.Bool

	mu     sync.Mutex // guards reloading and what follows
	status Status
	watch  *watcher
	closed bool
}

// Status tells what is in force.
type Status struct {
	Revision  string    `json:"revision"`
	LoadedAt  time.Time `json:"loaded_at"`
	LastError string    `json:"last_error,omitempty"` // why the newest files are not in force
	Files     []string  `json:"files"`
	// Layers counts the files, innermost layer first; lib counts as base.
	Layers []LayerFiles `json:"layers"`
}

// LayerFiles is how many files a layer has in force.
type LayerFiles struct {
	Name  string `json:"name"` // "base", "org", "owner"
	Files int    `json:"files"`
}

var errClosed = errors.New("policy: the engine is closed")

// Open loads the policies. It fails when a file is bad: to start without an
// owner's narrowing would widen. The error joins a [Problem] for each fault.
func Open(ctx context.Context, c Config) (*Engine, error) {
	if c.Base == nil {
		c.Base = policies.FS
	}
	if c.Logger == nil {
		c.Logger = hclog.NewNullLogger()
	}
	e := &Engine{config: c, log: c.Logger}
	s, err := e.load(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	e.use(s)
	return e, nil
}

func (e *Engine) load(ctx context.Context, before *set) (*set, error) {
	files, problems := read(e.config.Base, e.config.Layers)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(problems) == 0 && before != nil {
		problems = gone(before, e.config.Layers)
	}
	if len(problems) > 0 {
		return nil, asError(sorted(problems))
	}
	s, problems := compile(files)
	if len(problems) > 0 {
		return nil, asError(sorted(problems))
	}
	return s, nil
}

func (e *Engine) use(s *set) {
	e.set.Store(s)
	e.status = Status{Revision: s.revision, LoadedAt: time.Now(), Files: s.files, Layers: s.layers}
}

// Reload reads all files again. When they are bad the set in force stays, and
// the error says why.
func (e *Engine) Reload(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return errClosed
	}
	before := e.set.Load()
	s, err := e.load(ctx, before)
	if err != nil {
		e.status.LastError = err.Error()
		e.log.Error("policies not reloaded; the last good set stays in force", "revision", before.revision, "error", err)
		e.changed(before.revision, err)
		return fmt.Errorf("policy: revision %s stays in force: %w", before.revision, err)
	}
	recovered := e.status.LastError != ""
	if s.revision == before.revision && !recovered {
		return nil
	}
	e.use(s)
	e.log.Info("policies loaded", "revision", s.revision, "files", len(s.files))
	e.changed(s.revision, nil)
	return nil
}

func (e *Engine) changed(revision string, err error) {
	if e.config.OnChange != nil {
		e.config.OnChange(revision, err)
	}
}

// Revision is that of the set in force: 12 hex digits.
func (e *Engine) Revision() string { return e.set.Load().revision }

// Status tells what is in force, and why newer files are not.
func (e *Engine) Status() Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.status
	s.Files, s.Layers = slices.Clone(s.Files), slices.Clone(s.Layers)
	return s
}

// Eval decides a request given as JSON, the way [Engine.Decide] would. Fields
// that a [Request] does not have are refused.
func (e *Engine) Eval(ctx context.Context, requestJSON []byte) (Decision, error) {
	r, err := ParseRequest(requestJSON)
	if err != nil {
		return Decision{Verdict: Deny, Revision: e.Revision()}, err
	}
	return e.Decide(ctx, r)
}

// ParseRequest reads a request from JSON and refuses fields that a [Request]
// does not have.
func ParseRequest(requestJSON []byte) (*Request, error) {
	if len(requestJSON) > maxFileBytes {
		return nil, fmt.Errorf("policy: the request is larger than %d bytes", maxFileBytes)
	}
	dec := json.NewDecoder(bytes.NewReader(requestJSON))
	dec.DisallowUnknownFields()
	var r Request
	if err := dec.Decode(&r); err != nil {
		return nil, fmt.Errorf("policy: the request is not as described in docs (subject, action, resource, context): %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("policy: something follows the request")
	}
	if err := r.Normalise(); err != nil {
		return nil, err
	}
	return &r, nil
}

// Normalise gives the attributes of a request that was read from JSON the types
// that [capability.Attributes] declares, or says which can't have them.
func (r *Request) Normalise() error {
	if err := normalise(r.Resource.Attributes); err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	return nil
}

// Close stops watching and waits for evaluations. It is idempotent; after it
// every decision denies.
func (e *Engine) Close() error {
	e.mu.Lock()
	w := e.watch
	e.watch, e.closed = nil, true
	e.mu.Unlock()
	e.shut.Store(true)
	if w != nil {
		w.stop()
	}
	e.running.Wait()
	return nil
}
