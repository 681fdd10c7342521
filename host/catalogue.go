package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/host/store"
	"github.com/ambithost/ambit/registry"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/manifest"
)

// plugin is one installed plugin with all that is known about it; it is never
// changed, only replaced.
type plugin struct {
	entry    registry.Entry
	manifest *manifest.Manifest
	setting  store.Setting
	asks     []manifest.Requirement
	scopes   map[string]capability.Scope // asks by capability
	broken   error                       // why it can't be used
	barred   error                       // the same, when a revocation feed says so
}

func (p *plugin) usable() bool { return p.broken == nil && p.setting.Enabled }

// catalogue is what is installed, for the gate, the effects and the cells. It
// is read on every effect, so readers take a snapshot and no lock.
type catalogue struct {
	registry  *registry.Store
	state     *store.Store
	isolation func(plugin string, r manifest.Runtime) string
	plugins   atomic.Pointer[map[string]*plugin]
	revoked   func(registry.Entry) error // why it must not run; nil: nobody says
	changed   func()                     // after a reload; nil: nobody wants to know
}

// reload reads lock, manifests and settings again. A plugin that can't be read
// is kept with the reason: it is listed and can't be used.
func (c *catalogue) reload(ctx context.Context) error {
	settings, err := c.state.Settings(ctx)
	if err != nil {
		return fmt.Errorf("plugin settings: %w", err)
	}
	next := map[string]*plugin{}
	for _, e := range c.registry.List() {
		p := &plugin{entry: e, setting: settings[e.Name], scopes: map[string]capability.Scope{}}
		p.manifest, p.broken = c.registry.Manifest(e.Name)
		if p.broken == nil {
			p.asks, p.broken = p.manifest.Asks(p.setting.Config)
		}
		if c.revoked != nil {
			p.barred = c.revoked(e)
		}
		if p.broken == nil {
			p.broken = p.barred
		}
		for _, a := range p.asks {
			p.scopes[a.Capability] = a.Scope
		}
		next[e.Name] = p
	}
	c.plugins.Store(&next)
	if c.changed != nil {
		c.changed()
	}
	return nil
}

// usable names the plugins of a kind that can be used, sorted.
func (c *catalogue) usable(k manifest.Kind) (names []string) {
	for name, p := range *c.plugins.Load() {
		if p.usable() && p.manifest.Is(k) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (c *catalogue) lookup(name string) (*plugin, bool) {
	p, ok := (*c.plugins.Load())[name]
	return p, ok
}

// Holder describes an enabled plugin to the gate.
func (c *catalogue) Holder(name string) (policy.Plugin, map[string]capability.Scope, bool) {
	p, ok := c.lookup(name)
	if !ok || !p.usable() {
		return policy.Plugin{}, nil, false
	}
	kinds := make([]string, len(p.manifest.Kinds))
	for i, k := range p.manifest.Kinds {
		kinds[i] = string(k)
	}
	return policy.Plugin{
		Name: name, Version: p.entry.Version, Digest: p.entry.Digest, Kinds: kinds, Signed: p.entry.Signed,
		Isolation: c.isolation(name, p.entry.Runtime),
	}, p.scopes, true
}

// Manifest returns an enabled plugin's manifest.
func (c *catalogue) Manifest(name string) (*manifest.Manifest, bool) {
	p, ok := c.lookup(name)
	if !ok || !p.usable() {
		return nil, false
	}
	return p.manifest, true
}

var errDisabled = errors.New("it is disabled")

// unusable says why a plugin can't be used, nil if it can.
func (p *plugin) unusable() error {
	if p.broken != nil {
		return p.broken
	}
	if !p.setting.Enabled {
		return errDisabled
	}
	return nil
}
