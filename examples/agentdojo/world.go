package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/effects"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/host/store"
	"github.com/ambithost/ambit/policies"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/manifest"
)

// general is the one policy beside the base layer. It knows no suite.
const general = "examples/strangers.rego"

// ceiling is the bound, in minor units, of every grant that takes one.
const ceiling = 1_000_000

// world is a host with one plugin, whose tools answer what was recorded.
type world struct {
	plugin   *manifest.Manifest
	names    map[string]string // of the suite's tools, as the manifest has them
	asks     map[string]capability.Scope
	gate     *gate.Gate
	effects  *effects.Effects
	closers  []func() error
	recorded string // what the next call of a tool answers

	mu    sync.Mutex
	asked []gate.Approval
}

func newWorld(ctx context.Context, dir string, m *manifest.Manifest) (w *world, err error) {
	w = &world{plugin: m, names: map[string]string{}, asks: map[string]capability.Scope{}}
	defer func() {
		if err != nil {
			_ = w.Close()
		}
	}()
	asks, err := m.Asks(nil)
	if err != nil {
		return w, err
	}
	for _, a := range asks {
		w.asks[a.Capability] = a.Scope
	}
	text, err := policies.FS.ReadFile(general)
	if err != nil {
		return w, err
	}
	if err := os.WriteFile(filepath.Join(dir, filepath.Base(general)), text, 0o600); err != nil {
		return w, err
	}
	rules, err := policy.Open(ctx, policy.Config{Layers: []policy.Layer{{Name: "owner", Dir: dir}}})
	if err != nil {
		return w, err
	}
	w.closers = append(w.closers, rules.Close)
	state, err := store.Open(ctx, filepath.Join(dir, "state.db"))
	if err != nil {
		return w, err
	}
	w.closers = append(w.closers, state.Close)
	if w.gate, err = gate.Open(ctx, gate.Config{Policy: rules, Audit: memory{}, Store: state, Plugins: w, Notify: w.ask}); err != nil {
		return w, err
	}
	if w.effects, err = effects.New(effects.Config{Gate: w.gate, Plugins: w, Cells: w}); err != nil {
		return w, err
	}
	return w, w.grant(ctx)
}

// grant consents to all that the plugin asks for: here only policy and
// provenance stand in the way, and a bound on money.
func (w *world) grant(ctx context.Context) error {
	for power, scope := range w.asks {
		c, _ := capability.Lookup(power)
		for _, k := range c.Scope {
			if k.Match == capability.MatchMax {
				scope.Max = map[string]int64{k.Name: ceiling}
			}
		}
		if _, err := w.gate.Grant(ctx, gate.Grant{Plugin: w.plugin.Name, Capability: power, Scope: scope}); err != nil {
			return fmt.Errorf("grant of %s: %w", power, err)
		}
	}
	return nil
}

// Close ends the world; its folder is the caller's.
func (w *world) Close() error {
	for i := len(w.closers) - 1; i >= 0; i-- {
		if err := w.closers[i](); err != nil {
			return err
		}
	}
	return nil
}

// ask notes that the owner was asked, and says yes: the replay goes on to show
// what follows.
func (w *world) ask(a gate.Approval) {
	if a.State != gate.Waiting {
		return
	}
	w.mu.Lock()
	w.asked = append(w.asked, a)
	w.mu.Unlock()
	go func() { _, _ = w.gate.Answer(context.Background(), a.ID, a.Digest, true, "") }()
}

// taken are the questions since it was last called.
func (w *world) taken() []gate.Approval {
	w.mu.Lock()
	defer w.mu.Unlock()
	asked := w.asked
	w.asked = nil
	return asked
}

// Holder describes the plugin to the gate.
func (w *world) Holder(name string) (policy.Plugin, map[string]capability.Scope, bool) {
	if name != w.plugin.Name {
		return policy.Plugin{}, nil, false
	}
	return policy.Plugin{Name: name, Version: w.plugin.Version, Digest: "sha256:0", Kinds: []string{"tool"}, Isolation: "confined"}, w.asks, true
}

// Manifest gives the effects the plugin's manifest.
func (w *world) Manifest(name string) (*manifest.Manifest, bool) {
	return w.plugin, name == w.plugin.Name
}

// Invoke is the tool's cell: it answers what was recorded.
func (w *world) Invoke(_ context.Context, _, _ string, _ []byte, _ string, _ func(context.Context, string, []byte) ([]byte, error), _ func([]byte)) ([]byte, error) {
	return json.Marshal(map[string]any{"content": []map[string]any{{"type": "text", "text": w.recorded}}})
}

// memory is an audit log that keeps nothing: nothing here happens.
type memory struct{}

func (memory) Append(context.Context, audit.Record, []byte, bool) (uint64, error) { return 0, nil }
