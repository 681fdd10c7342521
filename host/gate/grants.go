package gate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/budget"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Grant is the owner's consent that a plugin may use a capability within a
// scope. The zero Grant is not live.
type Grant struct {
	ID         string           `json:"id"`
	Plugin     string           `json:"plugin"`
	Capability string           `json:"capability"`
	Agent      string           `json:"agent,omitempty"` // for which alone; empty: for all, and for what is of none
	Scope      capability.Scope `json:"scope"`
	Limits     *budget.Limits   `json:"limits,omitempty"` // never changed; nil: none
	// Consent marks the owner's word for good: no power of its own, but within
	// its scope the owner is not asked about what can't be undone.
	Consent bool      `json:"consent,omitempty"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"` // zero: never
	Revoked time.Time `json:"revoked,omitzero"` // zero: not
}

// GrantStore keeps grants.
type GrantStore interface {
	LoadGrants(context.Context) ([]Grant, error) // those not revoked
	// SaveGrants adds, all or none; each but a consent ends what it replaces.
	SaveGrants(context.Context, []Grant) error
	EndGrants(ctx context.Context, ids []string, at time.Time) error
}

// key is how a grant is found: the cost of an effect does not grow with the
// number of plugins.
type key struct{ plugin, capability string }

func (gr *Grant) key() key { return key{gr.Plugin, gr.Capability} }

// Serves tells whether a grant is one for what that agent does.
func (gr *Grant) Serves(agent string) bool { return gr.Agent == "" || gr.Agent == agent }

// replaces tells whether a grant takes the place of one for the same plugin and
// capability: one for all agents of every one, one for an agent of that agent's and of
// one for all. So a capability is held for all or for those that are named.
func (gr *Grant) replaces(old *Grant) bool {
	return gr.Agent == "" || old.Serves(gr.Agent)
}

func (gr *Grant) live(now time.Time) bool {
	return gr != nil && !gr.Created.IsZero() && gr.Revoked.IsZero() && (gr.Expires.IsZero() || now.Before(gr.Expires))
}

// forPolicy is the flight's grant as policy sees it.
func (g *Gate) forPolicy(f *Flight) *policy.Grant {
	gr := f.grant
	return &policy.Grant{ID: gr.ID, Scope: gr.Scope, Expires: gr.Expires, Consents: gr.Limits.Consents(f.effect.Attributes) || g.consented(f.effect)}
}

// covering finds a live grant whose scope covers the effect. g.mu is held.
func (g *Gate) covering(e *Effect) (*Grant, error) {
	now, why := g.cfg.Clock.Now(), "it holds no grant for it"
	for _, gr := range g.grants[key{e.Plugin, e.Capability}] {
		if gr.Consent {
			continue
		}
		if !gr.Serves(e.Origin.Agent) {
			why = "it is granted for another agent alone"
			continue
		}
		if !gr.live(now) {
			why = "its grant has expired"
			continue
		}
		ok, reason := e.power.Covers(gr.Scope, e.Attributes)
		if ok {
			ok, reason = g.admits(gr, e, now)
		}
		if ok {
			return gr, nil
		}
		why = "its grant does not cover this: " + reason
	}
	return nil, e.denyGrant(why)
}

// admits tells whether the grant's hours and conditions hold now.
func (g *Gate) admits(gr *Grant, e *Effect, now time.Time) (ok bool, why string) {
	if gr.Limits == nil {
		return true, ""
	}
	return gr.Limits.Admits(now, g.cfg.Zone, g.cfg.OwnerSeen(), e.Origin.Labels)
}

// consented tells whether the owner said yes to this for good.
func (g *Gate) consented(e *Effect) bool {
	now := g.cfg.Clock.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.ContainsFunc(g.grants[key{e.Plugin, e.Capability}], func(gr *Grant) bool {
		if !gr.Consent || !gr.Serves(e.Origin.Agent) || !gr.live(now) {
			return false
		}
		ok, _ := e.power.Covers(gr.Scope, e.Attributes)
		return ok
	})
}

// limited adds to a decision what the grant obliges, so that the same
// machinery keeps it. Who types the command has been asked already.
func (f *Flight) limited(d policy.Decision) policy.Decision {
	l := f.grant.Limits
	if l == nil {
		return d
	}
	d.Obligations, d.Reasons = slices.Clone(d.Obligations), slices.Clone(d.Reasons)
	for _, b := range l.Budgets {
		d.Obligations = append(d.Obligations, policy.Obligation{Type: "budget", Params: b.Params()})
	}
	typed := f.effect.Actor.Type == "owner" && f.effect.Origin.Trigger == "call"
	if ask, why := l.Asks(f.effect.Attributes); ask && !typed && !f.gate.consented(f.effect) {
		d.Verdict = policy.Ask
		change := fmt.Sprintf("ambit grant %s %s with another --ask-over", f.effect.Plugin, f.effect.Capability)
		d.Reasons = append(d.Reasons, policy.Reason{Rule: "grant.ask_over", Message: why, Change: change})
	}
	return d
}

// Grant records the owner's consent: durable, audited, in force when it
// returns. The plugin's manifest must ask for each capability. A grant replaces
// what the plugin holds for the same capability, whose effects in flight are
// cancelled; one for an agent leaves those of other agents. The grants get their ids
// here.
func (g *Gate) Grant(ctx context.Context, grants ...Grant) ([]Grant, error) {
	now := g.cfg.Clock.Now()
	seen := map[key]bool{}
	for i := range grants {
		gr := &grants[i]
		if seen[gr.key()] {
			return nil, protocol.Errorf(protocol.Invalid, "grant: %s %s is given twice", gr.Plugin, gr.Capability)
		}
		seen[gr.key()] = true
		if err := g.checkGrant(gr, now); err != nil {
			return nil, err
		}
		gr.ID, gr.Created, gr.Revoked = g.newID("g"), now, time.Time{}
	}
	for _, gr := range grants {
		r := audit.Record{Kind: audit.GrantK, Time: now, Actor: "owner", Plugin: gr.Plugin, Capability: gr.Capability, Grant: gr.ID}
		if _, err := g.cfg.Audit.Append(ctx, r, payloadOf(gr), true); err != nil {
			return nil, fmt.Errorf("grant: the audit log can't be written, nothing is granted: %w", err)
		}
	}
	if err := g.cfg.Store.SaveGrants(ctx, grants); err != nil {
		return nil, fmt.Errorf("grant: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, gr := range grants {
		if gr.Consent {
			g.grants[gr.key()] = append(g.grants[gr.key()], &gr)
			continue
		}
		list := []*Grant{&gr}
		for _, old := range g.grants[gr.key()] {
			if gr.replaces(old) {
				old.Revoked = now
			} else {
				list = append(list, old)
			}
		}
		g.grants[gr.key()] = list
	}
	cause := protocol.Errorf(protocol.Revoked, "its grant was replaced while it was used")
	g.cancelFlights(cause, func(f *Flight) bool { return f.grant != nil && !f.grant.Revoked.IsZero() })
	return grants, nil
}

func (g *Gate) checkGrant(gr *Grant, now time.Time) error {
	c, ok := capability.Lookup(gr.Capability)
	if !ok {
		return protocol.Errorf(protocol.Invalid, "grant: %q is not a capability (ambit plugin show %s lists what it asks for)", gr.Capability, gr.Plugin)
	}
	_, asks, ok := g.cfg.Plugins.Holder(gr.Plugin)
	if !ok {
		return protocol.Errorf(protocol.NotFound, "grant: no plugin %q is installed and enabled (ambit plugin list)", gr.Plugin)
	}
	if _, ok := asks[gr.Capability]; !ok {
		return protocol.Errorf(protocol.Invalid, "grant: %s does not ask for %s in its manifest, so a grant would do nothing (ambit plugin show %s)", gr.Plugin, gr.Capability, gr.Plugin)
	}
	if err := c.CheckScope(gr.Scope); err != nil {
		return protocol.Errorf(protocol.Invalid, "grant: %s %s: %v", gr.Plugin, gr.Capability, err)
	}
	if err := gr.Limits.Fit(c); err != nil {
		return protocol.Errorf(protocol.Invalid, "grant: %s %s: %v", gr.Plugin, gr.Capability, err)
	}
	if !gr.Expires.IsZero() && !gr.Expires.After(now) {
		return protocol.Errorf(protocol.Invalid, "grant: it would have expired already (%s)", gr.Expires.Format(time.RFC3339))
	}
	return nil
}

// Grants lists the live grants, of one plugin or of all (""), by plugin and
// capability.
func (g *Gate) Grants(plugin string) []Grant {
	now := g.cfg.Clock.Now()
	out := []Grant{}
	g.mu.Lock()
	for _, list := range g.grants {
		for _, gr := range list {
			if gr.live(now) && (plugin == "" || plugin == gr.Plugin) {
				out = append(out, *gr)
			}
		}
	}
	g.mu.Unlock()
	slices.SortFunc(out, func(a, b Grant) int {
		return strings.Compare(a.Plugin+"\x00"+a.Capability+"\x00"+a.ID, b.Plugin+"\x00"+b.Capability+"\x00"+b.ID)
	})
	return out
}

// Revocation says what a revoke did.
type Revocation struct {
	Ended     []Grant  `json:"ended"`
	Cancelled []CutOff `json:"cancelled"`
}

// CutOff is an effect that was in flight and was cancelled.
type CutOff struct {
	ID         string `json:"id"`
	Capability string `json:"capability"`
	Resource   string `json:"resource,omitempty"`
	Status     string `json:"status"` // "cancelled", or "unknown" for a write that had begun
}

// Revoke is [Gate.RevokeFrom] whichever agent the grants are for.
func (g *Gate) Revoke(ctx context.Context, actor policy.Entity, plugin, capability string) (Revocation, error) {
	return g.RevokeFrom(ctx, actor, plugin, capability, "")
}

// RevokeFrom ends all grants of a plugin, or those of one capability, or with an
// agent those that are for it alone. They are dead and their effects cancelled
// before anything is written; an error means that the revocation holds now but may
// not survive a restart.
func (g *Gate) RevokeFrom(ctx context.Context, actor policy.Entity, plugin, capability, agent string) (Revocation, error) {
	now := g.cfg.Clock.Now()
	rev := Revocation{Ended: []Grant{}}
	cause := protocol.Errorf(protocol.Revoked, "%s was revoked from %s while it was used", either(capability, "everything"), plugin)
	g.mu.Lock()
	for k, list := range g.grants {
		if k.plugin != plugin || capability != "" && k.capability != capability {
			continue
		}
		var left []*Grant
		for _, gr := range list {
			if agent != "" && gr.Agent != agent {
				left = append(left, gr)
				continue
			}
			gr.Revoked = now
			rev.Ended = append(rev.Ended, *gr)
		}
		if delete(g.grants, k); len(left) > 0 {
			g.grants[k] = left
		}
	}
	rev.Cancelled = g.cancelFlights(cause, func(f *Flight) bool { return f.grant != nil && !f.grant.Revoked.IsZero() })
	g.mu.Unlock()
	if len(rev.Ended) == 0 {
		whose := ""
		if agent != "" {
			whose = " that is for agent " + agent + " alone"
		}
		return rev, protocol.Errorf(protocol.NotFound, "revoke: %s holds no grant for %s%s", plugin, either(capability, "anything"), whose)
	}
	return rev, g.recordRevocation(ctx, actor, rev.Ended, now)
}

// recordRevocation writes state and log at the same time: each costs a sync.
func (g *Gate) recordRevocation(ctx context.Context, actor policy.Entity, ended []Grant, now time.Time) error {
	ctx = context.WithoutCancel(ctx)
	ids := make([]string, len(ended))
	for i, gr := range ended {
		ids[i] = gr.ID
	}
	stored := make(chan error, 1)
	go func() { stored <- g.cfg.Store.EndGrants(ctx, ids, now) }()
	var errs []error
	for i, gr := range ended {
		r := audit.Record{Kind: audit.Revoke, Time: now, Actor: actorName(actor), Plugin: gr.Plugin, Capability: gr.Capability, Grant: gr.ID}
		_, err := g.cfg.Audit.Append(ctx, r, nil, i == len(ended)-1)
		errs = append(errs, err)
	}
	if err := errors.Join(append(errs, <-stored)...); err != nil {
		return fmt.Errorf("revoke: in force now, but it may not survive a restart: %w", err)
	}
	return nil
}

// cancelFlights ends the flights that match. g.mu is held.
func (g *Gate) cancelFlights(cause error, match func(*Flight) bool) []CutOff {
	cut := []CutOff{}
	for f := range g.flights {
		if match(f) {
			f.cancel(cause)
			cut = append(cut, CutOff{ID: f.id, Capability: f.effect.Capability, Resource: f.effect.Resource, Status: f.cutOff()})
		}
	}
	return cut
}

func either(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
