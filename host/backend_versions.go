package host

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/registry"
	"github.com/ambithost/ambit/sdk/protocol"
)

// hold keeps the installed version and notes that a newer one waits.
func (b backend) hold(ctx context.Context, v *preview) (*control.PluginDetail, error) {
	m := v.candidate.Manifest
	r := audit.Record{Kind: audit.Install, Actor: "owner", Plugin: m.Name, Digest: v.candidate.Digest, Resource: v.candidate.Source, Detail: m.Version + " asks for more and is held", Status: "held"}
	if _, err := b.audit.Append(ctx, r, nil, true); err != nil {
		return nil, fmt.Errorf("nothing was changed: %w", err)
	}
	h := &registry.Held{Version: m.Version, Artifact: v.candidate.Artifact(), More: v.more, Since: b.now().UTC()}
	if err := b.registry.Hold(m.Name, h); err != nil {
		return nil, err
	}
	if err := b.plugins.reload(ctx); err != nil {
		return nil, err
	}
	return b.Plugin(ctx, m.Name)
}

// prune ends the grants of what a version asks for no more.
func (b backend) prune(ctx context.Context, name string, asked func(string) bool) error {
	var gone []string
	for _, g := range b.gate.Grants(name) {
		if !asked(g.Capability) && !slices.Contains(gone, g.Capability) {
			gone = append(gone, g.Capability)
		}
	}
	for _, c := range gone {
		if _, err := b.gate.Revoke(ctx, owner, name, c); err != nil {
			return err
		}
	}
	return nil
}

// perAgent gives each wish to the agents that held that capability before: what
// was for one agent is not for all because the plugin is new. Limits stay too.
func perAgent(wishes, held []gate.Grant) (out []gate.Grant) {
	for _, w := range wishes {
		found := false
		for _, h := range held {
			if h.Capability != w.Capability || h.Consent {
				continue
			}
			g := w
			g.Agent, g.Limits = h.Agent, h.Limits
			out, found = append(out, g), true
		}
		if !found {
			out = append(out, w)
		}
	}
	return out
}

// RollbackPlugin brings back the version before. What was granted stays granted,
// and is measured against what that version asks for.
func (b backend) RollbackPlugin(ctx context.Context, name string) (*control.PluginDetail, error) {
	b.touch()
	b.installing.Lock()
	defer b.installing.Unlock()
	e, ok := b.registry.Lookup(name)
	if !ok {
		return nil, protocol.Errorf(protocol.NotFound, "no plugin %q is installed (ambit plugin list)", name)
	}
	if e.Previous == nil {
		return nil, protocol.Errorf(protocol.Invalid, "no earlier version of %s is kept", name)
	}
	if err := b.revocations.entry(*e.Previous); err != nil {
		return nil, protocol.Errorf(protocol.Denied, "%s %s: %v. Nothing was changed.", name, e.Previous.Version, err)
	}
	p, _ := b.plugins.lookup(name)
	r := audit.Record{Kind: audit.Install, Actor: "owner", Plugin: name, Digest: e.Previous.Digest, Resource: e.Previous.Source, Detail: e.Previous.Version + ", rolled back from " + e.Version}
	if _, err := b.audit.Append(ctx, r, nil, true); err != nil {
		return nil, fmt.Errorf("nothing was changed: %w", err)
	}
	if _, err := b.registry.Rollback(name); err != nil {
		return nil, protocol.Errorf(protocol.Invalid, "%v. Nothing was changed.", err)
	}
	err := b.plugins.reload(ctx)
	b.cells.KillPlugin(name)
	if err != nil {
		return nil, err
	}
	if now, ok := b.plugins.lookup(name); ok && p != nil && now.broken == nil {
		if err := b.prune(ctx, name, func(c string) bool { _, asked := now.scopes[c]; return asked }); err != nil {
			return nil, err
		}
	}
	return b.Plugin(ctx, name)
}

// VerifyPlugins checks all that is installed, without a registry. A signature by a
// key that is no longer its publisher's is told too.
func (b backend) VerifyPlugins(ctx context.Context) ([]control.Checked, error) {
	out := []control.Checked{}
	for _, e := range b.registry.List() {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		p, ok := b.plugins.lookup(e.Name)
		if !ok {
			continue
		}
		c := control.Checked{Identity: b.line(p).Identity}
		if err := errors.Join(b.registry.Check(e.Name), b.checkSigner(e)); err != nil {
			c.Problem = err.Error()
		}
		out = append(out, c)
	}
	return out, nil
}

// checkSigner compares the key of an installed plugin with the one that is known.
func (b backend) checkSigner(e registry.Entry) error {
	if !e.Signed {
		return nil
	}
	book, err := b.publishers.use()
	if err != nil {
		return err
	}
	known, ok := book.Lookup(e.Publisher())
	switch {
	case !ok:
		return fmt.Errorf("no key of %s is known any more", e.Publisher())
	case known.KeyID != e.Signer && !slices.Contains(known.Earlier, e.Signer):
		return fmt.Errorf("it is signed by %s, and %s is known by %s", e.Signer, e.Publisher(), known.KeyID)
	}
	return nil
}
