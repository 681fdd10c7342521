package host

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/semver"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/store"
	"github.com/ambithost/ambit/plugins"
	"github.com/ambithost/ambit/registry"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/protocol"
)

// previews are the plugins that the owner was shown and has not installed.
type previews struct {
	mu   sync.Mutex
	list map[string]*preview
}

type preview struct {
	candidate *registry.Candidate
	arrival   *arrival // nil: it did not come from a registry
	setting   store.Setting
	more      []string // what it asks for that the installed version does not
	shown     time.Time
}

const (
	previewTTL  = 10 * time.Minute
	maxPreviews = 16
)

// keep remembers a candidate and forgets the oldest beyond the limit.
func (p *previews) keep(v *preview) (id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.list == nil {
		p.list = map[string]*preview{}
	}
	for id, old := range p.list {
		if len(p.list) >= maxPreviews || time.Since(old.shown) > previewTTL {
			_ = old.candidate.Discard()
			delete(p.list, id)
		}
	}
	id = rand.Text()
	v.shown = time.Now()
	p.list[id] = v
	return id
}

func (p *previews) take(id, digest string) (*preview, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v, ok := p.list[id]
	if !ok || time.Since(v.shown) > previewTTL {
		return nil, protocol.Errorf(protocol.NotFound, "this preview was forgotten; look at the plugin again")
	}
	if v.candidate.Digest != digest {
		return nil, protocol.Errorf(protocol.Invalid, "the preview was of %s, not of %s; nothing was installed", v.candidate.Digest, digest)
	}
	delete(p.list, id)
	return v, nil
}

// PreviewInstall copies the plugin, from a registry if need be, parses and compiles
// it in a confined cell of its own, and says what it asks for.
func (b backend) PreviewInstall(ctx context.Context, req control.PreviewRequest) (*control.Preview, error) {
	b.touch()
	set, end := b.downloads.begin(cmp.Or(req.Ref, req.Upgrade, req.Path, req.Name))
	defer end()
	src, from, err := b.source(ctx, req, set)
	if err != nil {
		return nil, err
	}
	set("compile", 0, 0)
	config := map[string]string{}
	if old, ok := b.plugins.lookup(req.Upgrade); ok {
		maps.Copy(config, old.setting.Config)
	}
	maps.Copy(config, req.Config)
	if src.Manifest != nil && len(req.Hosts)+len(req.Exports) > 0 {
		return nil, protocol.Errorf(protocol.Invalid, "%s has a manifest: hosts and functions are named for a plugin that has none", src.From)
	}
	c, err := b.registry.Stage(src, func(module, name string) (*manifest.Manifest, []byte, error) {
		return b.generate(ctx, module, name, registry.Digest(src.Module), req)
	})
	if err != nil {
		return nil, protocol.Errorf(codeOr(err, protocol.Invalid), "%v", err)
	}
	if req.Upgrade != "" { // a version may know less configuration than the one before
		known := configSchema(c.Manifest.Config).Properties
		maps.DeleteFunc(config, func(key, _ string) bool {
			_, stays := known[key]
			_, given := req.Config[key]
			return !stays && !given
		})
	}
	e, installed := b.registry.Lookup(c.Manifest.Name)
	same := b.has(c)
	if !same {
		if _, err := b.driverInspect(ctx, b.cells.specOf(c.Manifest, c.Digest, c.Module, config)); err != nil {
			_ = c.Discard()
			return nil, protocol.Errorf(codeOr(err, protocol.Invalid), "plugin %q: %v. Nothing was installed.", c.Manifest.Name, err)
		}
	}
	p, err := b.preview(c, config)
	if err != nil {
		_ = c.Discard()
		return nil, err
	}
	p.Same = same
	if from != nil {
		from.tell(p, b.publishers.book)
		if installed && semver.Compare("v"+p.Version, "v"+e.Version) < 0 {
			p.Notes = append(p.Notes, "it is older than the installed version")
		}
		if installed && e.Repository == "" {
			p.Notes = append(p.Notes, "it takes the place of one that did not come from there ("+e.Source+"), with what that one stored")
		}
	}
	p.ID = b.previews.keep(&preview{candidate: c, arrival: from, setting: store.Setting{Enabled: true, Config: p.Config}, more: moreOf(p.Changes)})
	return p, nil
}

// has reports whether exactly this artifact of a registry is installed, and whole.
func (b backend) has(c *registry.Candidate) bool {
	e, ok := b.registry.Lookup(c.Manifest.Name)
	return ok && c.Artifact() != "" && e.Artifact == c.Artifact() && b.registry.Check(e.Name) == nil
}

// codeOr keeps the code of a typed error and gives any other one code.
func codeOr(err error, code protocol.Code) protocol.Code {
	if c := protocol.CodeOf(err); c != protocol.Internal {
		return c
	}
	return code
}

func (b backend) source(ctx context.Context, req control.PreviewRequest, set func(string, int64, int64)) (*registry.Source, *arrival, error) {
	switch {
	case req.Ref+req.Upgrade != "":
		a, err := b.arrive(ctx, req, set)
		if err != nil {
			return nil, nil, err
		}
		return a.fetched.Source(a.by), a, nil
	case req.Path != "":
		src, err := registry.FromPath(req.Path)
		if err != nil {
			return nil, nil, protocol.Errorf(protocol.Invalid, "%v", err)
		}
		return src, nil, nil
	}
	bundle, err := plugins.Open(req.Name)
	if err != nil {
		return nil, nil, protocol.Errorf(protocol.NotFound, "%v", err)
	}
	return &registry.Source{Manifest: bundle.Manifest, Module: bundle.Module, From: "embedded"}, nil, nil
}

func (b backend) preview(c *registry.Candidate, config map[string]string) (*control.Preview, error) {
	m := c.Manifest
	for key, v := range configDefaults(m.Config) {
		if _, given := config[key]; !given {
			config[key] = v
		}
	}
	missing, err := checkConfig(m, config)
	if err != nil {
		return nil, err
	}
	asks, err := m.Asks(config)
	if err != nil {
		return nil, protocol.Errorf(protocol.Invalid, "%v", err)
	}
	if e, ok := b.registry.Lookup(m.Name); ok && e.Repository != "" && c.Repository() != e.Repository {
		return nil, protocol.Errorf(protocol.Denied, "%s is installed from %s, and this did not come from there. To change over: ambit plugin remove %s, which deletes what it stored", m.Name, e.Repository, m.Name)
	}
	if err := b.revocations.mayInstall(c); err != nil {
		return nil, err
	}
	p := &control.Preview{Config: config, MissingConfig: missing, Tools: toolsOf(m), Identity: identity(m, c.Digest, c.Size, c.Source)}
	if m.Generated {
		p.Manifest = string(c.Text())
	}
	old, replaces := b.plugins.lookup(m.Name)
	if replaces {
		p.Replaces, p.Changes = old.entry.Version, changes(old, m, asks)
	}
	for _, a := range asks {
		r := requirement(a)
		if replaces {
			had, asked := old.scopes[a.Capability]
			c, known := capability.Lookup(a.Capability)
			r.New = !asked || !known || !c.Within(a.Scope, had)
		}
		p.Requires = append(p.Requires, r)
	}
	return p, nil
}

func identity(m *manifest.Manifest, digest string, size int64, from string) control.Identity {
	return control.Identity{
		Name: m.Name, Version: m.Version, Description: m.Description, License: m.License, Kinds: m.Kinds, Runtime: m.Runtime,
		Digest: digest, Size: size, Source: from, Generated: m.Generated,
	}
}

func requirement(a manifest.Requirement) control.Requirement {
	return control.Requirement{Capability: a.Capability, Risk: riskOf(a.Capability), Scope: a.Scope, Reason: a.Reason}
}

func toolsOf(m *manifest.Manifest) (out []control.Tool) {
	for _, t := range m.Tools {
		out = append(out, control.Tool{Name: t.Name, Description: t.Description, Capability: t.Power(), Risk: t.Level(), Input: t.Input, Labels: t.Labels, Idempotent: t.Idempotent})
	}
	return out
}

// Install puts a previewed plugin in place and makes the grants; when a grant
// is refused, the plugin is installed without.
func (b backend) Install(ctx context.Context, req control.InstallRequest) (*control.PluginDetail, error) {
	b.touch()
	v, err := b.previews.take(req.Preview, req.Digest)
	if err != nil {
		return nil, err
	}
	defer func() { _ = v.candidate.Discard() }()
	b.installing.Lock()
	defer b.installing.Unlock()
	m := v.candidate.Manifest
	if err := b.revocations.mayInstall(v.candidate); err != nil { // perhaps since the preview
		return nil, err
	}
	if b.has(v.candidate) { // the same
		return b.Plugin(ctx, m.Name)
	}
	if missing, err := checkConfig(m, v.setting.Config); err != nil || len(missing) > 0 {
		return nil, protocol.Errorf(protocol.Invalid, "plugin %s needs the configuration %v (--config KEY=VALUE): %v", m.Name, missing, err)
	}
	asks, err := m.Asks(v.setting.Config)
	if err != nil {
		return nil, err
	}
	wishes, err := grantsFor(m.Name, asks, req.Grants)
	if err != nil {
		return nil, err
	}
	if req.Keep {
		// Measured again: what was compared may have been replaced since.
		old, ok := b.plugins.lookup(m.Name)
		if !ok {
			return nil, protocol.Errorf(protocol.NotFound, "no plugin %q is installed any more", m.Name)
		}
		if v.more = moreOf(changes(old, m, asks)); len(v.more) > 0 && !req.Accept {
			return b.hold(ctx, v)
		}
		v.setting.Enabled = old.setting.Enabled
	}
	return b.put(ctx, v, asks, wishes, req.Keep)
}

// put installs. With keep the grants in force stay, but for what is asked no more;
// without, they end and the wishes take their place. b.installing is held.
func (b backend) put(ctx context.Context, v *preview, asks []manifest.Requirement, wishes []gate.Grant, keep bool) (*control.PluginDetail, error) {
	m := v.candidate.Manifest
	r := audit.Record{Kind: audit.Install, Actor: "owner", Plugin: m.Name, Digest: v.candidate.Digest, Resource: v.candidate.Source, Detail: m.Version}
	if v.arrival != nil {
		r.Detail = strings.TrimSpace(m.Version + " " + v.candidate.Artifact() + " " + v.candidate.Signer())
	}
	if _, err := b.audit.Append(ctx, r, nil, true); err != nil {
		return nil, fmt.Errorf("nothing was installed: %w", err)
	}
	if err := v.arrival.remember(b.publishers.book, b.now()); err != nil {
		return nil, err
	}
	held := b.gate.Grants(m.Name)
	if keep {
		asked := func(c string) bool {
			return slices.ContainsFunc(asks, func(a manifest.Requirement) bool { return a.Capability == c })
		}
		if err := b.prune(ctx, m.Name, asked); err != nil {
			return nil, err
		}
	} else if len(held) > 0 { // a new version starts with what is granted now
		if _, err := b.gate.Revoke(ctx, owner, m.Name, ""); err != nil {
			return nil, err
		}
	}
	if _, err := b.registry.Commit(v.candidate, b.now()); err != nil {
		return nil, err
	}
	if err := b.settle(ctx, m.Name, v.setting); err != nil {
		return nil, err
	}
	if _, err := b.gate.Grant(ctx, perAgent(wishes, held)...); err != nil {
		return nil, fmt.Errorf("%s is installed but holds no new grants: %w", m.Name, err)
	}
	return b.Plugin(ctx, m.Name)
}

// grantsFor turns wishes into grants and checks them against what is asked.
func grantsFor(name string, asks []manifest.Requirement, wishes []control.GrantWish) ([]gate.Grant, error) {
	var out []gate.Grant
	for _, w := range wishes {
		i := slices.IndexFunc(asks, func(a manifest.Requirement) bool { return a.Capability == w.Capability })
		if i < 0 {
			return nil, protocol.Errorf(protocol.Invalid, "%s does not ask for %s; nothing was installed", name, w.Capability)
		}
		g := gate.Grant{Plugin: name, Capability: w.Capability, Scope: asks[i].Scope, Expires: w.Expires}
		if w.Scope != nil {
			g.Scope = *w.Scope
		}
		out = append(out, g)
	}
	return out, nil
}

// settle stores a setting, ends the plugin's cell, and reads the catalogue
// again, so that the next call starts with what is true now.
func (b backend) settle(ctx context.Context, name string, s store.Setting) error {
	if err := b.state.SetSetting(ctx, name, s); err != nil {
		return err
	}
	if err := b.plugins.reload(ctx); err != nil {
		return err
	}
	b.cells.KillPlugin(name)
	return nil
}

// Plugins lists what is installed.
func (b backend) Plugins(context.Context) ([]control.Plugin, error) {
	out := []control.Plugin{}
	all := *b.plugins.plugins.Load()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, b.line(all[name]))
	}
	return out, nil
}

func (b backend) line(p *plugin) control.Plugin {
	m := p.manifest
	if m == nil { // damaged: the lock still knows what it was
		m = &manifest.Manifest{Name: p.entry.Name, Version: p.entry.Version, Runtime: p.entry.Runtime}
	}
	out := control.Plugin{Identity: identity(m, p.entry.Digest, p.entry.Size, p.entry.Source), Enabled: p.setting.Enabled,
		State: "stopped", Installed: p.entry.Installed, Grants: len(b.gate.Grants(p.entry.Name))}
	out.Signed, out.Signer, out.Publisher, out.Artifact = p.entry.Signed, p.entry.Signer, p.entry.Publisher(), p.entry.Artifact
	if b.publishers.book != nil && out.Signed {
		known, _ := b.publishers.book.Lookup(out.Publisher)
		out.KeySeen = known.FirstSeen
	}
	if p.entry.Previous != nil {
		out.Previous = p.entry.Previous.Version
	}
	if h := p.entry.Held; h != nil {
		out.Held = &control.Held{Version: h.Version, More: h.More, Since: h.Since}
	}
	if b.halted("plugin:" + p.entry.Name) {
		out.State = "killed"
	}
	if p.barred != nil {
		out.State = "revoked"
	}
	for _, c := range b.cells.Running() {
		if c.Plugin == p.entry.Name {
			out.State, out.Isolation = "running", c.Isolation
		}
	}
	return out
}

// Plugin tells all about one.
func (b backend) Plugin(ctx context.Context, name string) (*control.PluginDetail, error) {
	p, ok := b.plugins.lookup(name)
	if !ok {
		return nil, protocol.Errorf(protocol.NotFound, "no plugin %q is installed (ambit plugin list)", name)
	}
	out := &control.PluginDetail{Plugin: b.line(p), Config: p.setting.Config}
	if p.broken != nil {
		out.LastError = p.broken.Error()
	}
	if p.manifest != nil {
		out.Tools, out.ConfigSchema, out.Limits = toolsOf(p.manifest), p.manifest.Config, p.manifest.Limits
	}
	out.Readme, out.Licence = b.registry.Text(p.entry), b.registry.License(p.entry)
	for _, a := range p.asks {
		out.Requires = append(out.Requires, requirement(a))
	}
	out.InForce, _ = b.Grants(ctx, name)
	for _, c := range b.cells.Running() {
		if c.Plugin == name {
			out.PID = c.PID
			out.Measures, out.Missing = describe(c.Measures)
		}
	}
	return out, nil
}

// RemovePlugin revokes its grants, ends its cell and deletes it.
func (b backend) RemovePlugin(ctx context.Context, name string) error {
	b.touch()
	b.installing.Lock()
	defer b.installing.Unlock()
	p, ok := b.plugins.lookup(name)
	if !ok {
		return protocol.Errorf(protocol.NotFound, "no plugin %q is installed (ambit plugin list)", name)
	}
	if len(b.gate.Grants(name)) > 0 {
		if _, err := b.gate.Revoke(ctx, owner, name, ""); err != nil {
			return err
		}
	}
	r := audit.Record{Kind: audit.Remove, Actor: "owner", Plugin: name, Digest: p.entry.Digest}
	if _, err := b.audit.Append(ctx, r, nil, true); err != nil {
		return fmt.Errorf("its grants are revoked, but it is still installed: %w", err)
	}
	if err := b.registry.Remove(name); err != nil {
		return err
	}
	if err := b.state.DeletePlugin(ctx, name); err != nil {
		return err
	}
	err := b.plugins.reload(ctx)
	b.cells.KillPlugin(name)
	return err
}

// SetPluginEnabled switches one on or off.
func (b backend) SetPluginEnabled(ctx context.Context, name string, enabled bool) (*control.PluginDetail, error) {
	kind := audit.Disable
	if enabled {
		kind = audit.Enable
	}
	defer b.poke()
	return b.change(ctx, name, kind, func(s *store.Setting) error { s.Enabled = enabled; return nil })
}

// SetPluginConfig replaces the configuration.
func (b backend) SetPluginConfig(ctx context.Context, name string, config map[string]string) (*control.PluginDetail, error) {
	return b.change(ctx, name, audit.Configure, func(s *store.Setting) error {
		p, _ := b.plugins.lookup(name)
		if p.manifest == nil {
			return p.broken
		}
		config = maps.Clone(config)
		missing, err := checkConfig(p.manifest, config)
		if err == nil && len(missing) > 0 {
			err = protocol.Errorf(protocol.Invalid, "plugin %s needs the configuration %v", name, missing)
		}
		if err == nil {
			_, err = p.manifest.Asks(config)
		}
		s.Config = config
		return err
	})
}

func (b backend) change(ctx context.Context, name string, kind audit.Kind, edit func(*store.Setting) error) (*control.PluginDetail, error) {
	b.touch()
	p, ok := b.plugins.lookup(name)
	if !ok {
		return nil, protocol.Errorf(protocol.NotFound, "no plugin %q is installed (ambit plugin list)", name)
	}
	s := p.setting
	if err := edit(&s); err != nil {
		return nil, protocol.Errorf(codeOr(err, protocol.Invalid), "%v", err)
	}
	config, err := json.Marshal(s.Config)
	if err != nil {
		return nil, err
	}
	if _, err := b.audit.Append(ctx, audit.Record{Kind: kind, Actor: "owner", Plugin: name, Digest: p.entry.Digest}, config, true); err != nil {
		return nil, fmt.Errorf("nothing was changed: %w", err)
	}
	if err := b.settle(ctx, name, s); err != nil {
		return nil, err
	}
	return b.Plugin(ctx, name)
}
