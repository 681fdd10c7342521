package gate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

// allowance is a yes for the rest of a session. It lives in memory: after a
// restart the owner is asked again. It holds for what is like the request that
// was shown and for nothing that would be asked for another reason.
type allowance struct {
	approval Approval
	grant    string // id of the grant that was used
}

// maxAllowances bounds the allowances of one session; the oldest makes room.
const maxAllowances = 256

// last makes a yes last as long as the owner said.
func (g *Gate) last(ctx context.Context, p *pending, a Approval) error {
	switch a.Lasting {
	case ForSession:
		g.mu.Lock()
		list := append(g.allowances[a.Session], allowance{a, p.grant})
		g.allowances[a.Session] = list[max(0, len(list)-maxAllowances):]
		g.mu.Unlock()
	case AsGrant:
		gr, err := a.AsGrant()
		if err == nil {
			_, err = g.Grant(ctx, gr)
		}
		if err != nil {
			return fmt.Errorf("approval %d is approved, once; it could not be made a grant: %w", a.ID, err)
		}
	}
	return nil
}

// allowedBefore tells whether the owner's yes to a like request of this session
// covers this one.
func (g *Gate) allowedBefore(f *Flight, d policy.Decision) bool {
	e := f.effect
	if e.Origin.Session == "" || e.Risk == capability.Control {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, al := range g.allowances[e.Origin.Session] {
		if al.grant == f.grant.ID && al.approval.like(e, d) {
			f.record.Approval = fmt.Sprint(al.approval.ID)
			return true
		}
	}
	return false
}

// like tells whether an effect differs from an approved request only in what is
// said, not in who does it, to whom, how much at most, or why it is asked. What
// the session has read since counts: an agent that met strangers after the
// owner's yes may have been talked into something.
func (a *Approval) like(e *Effect, d policy.Decision) bool {
	if a.Actor != actorName(e.Actor) || a.Agent != e.Origin.Agent || a.Session != e.Origin.Session || a.Tool != e.Origin.Tool ||
		a.Plugin != e.Plugin || a.Capability != e.Capability || a.Risk != e.Risk || !within(e.Origin.Labels, a.Labels) {
		return false
	}
	for _, r := range d.Reasons {
		if !slices.ContainsFunc(a.Reasons, func(known policy.Reason) bool { return known.Rule == r.Rule }) {
			return false
		}
	}
	for _, name := range reached(e.power) {
		if !alike(a.Attributes[name], e.Attributes[name]) {
			return false
		}
	}
	return len(e.power.Scope) > 0 || a.Resource == e.Resource
}

// reached are the attributes by which a capability can be narrowed or that say
// who or what it reaches.
func reached(c *capability.Capability) []string {
	var names []string
	for _, k := range c.Scope {
		names = append(names, k.Attribute)
	}
	for _, a := range c.Attributes {
		if a.Role == capability.Destination {
			names = append(names, a.Name)
		}
	}
	return names
}

// alike compares attributes by which a capability can be narrowed: what was
// approved, or less of it.
func alike(approved, now any) bool {
	switch v := now.(type) {
	case nil:
		return approved == nil
	case int64:
		n, ok := approved.(int64)
		return ok && 0 <= v && v <= n
	case []string:
		list, ok := approved.([]string)
		return ok && len(v) > 0 && within(v, list)
	case string, bool:
		return now == approved
	}
	return false
}

func within(some, all []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}

func (a *Approval) lastsForSession() error {
	switch {
	case a.Session == "":
		return protocol.Errorf(protocol.Invalid, "approval %d belongs to no session; approve it once: ambit approvals approve %d", a.ID, a.ID)
	case a.Risk == capability.Control:
		return protocol.Errorf(protocol.Invalid, "approval %d is about Ambit itself and holds once: ambit approvals approve %d", a.ID, a.ID)
	}
	return nil
}

// quieted are the rules whose question a consent answers for good. Others ask
// for reasons of their own, and go on asking.
var quieted = []string{"base.risk.irreversible", "grant.ask_over"}

// AsGrant is the grant that an approval would become: the narrowest that covers
// its request. It fails for what can't be granted so, and says why.
func (a *Approval) AsGrant() (Grant, error) {
	gr := Grant{Plugin: a.Plugin, Capability: a.Capability, Agent: a.Agent, Consent: true}
	c, ok := capability.Lookup(a.Capability)
	if !ok || a.Risk == capability.Control || c.Risk == capability.Control {
		return gr, protocol.Errorf(protocol.Invalid, "approval %d is about Ambit itself and holds once: ambit approvals approve %d", a.ID, a.ID)
	}
	for _, r := range a.Reasons {
		if !slices.Contains(quieted, r.Rule) {
			return gr, protocol.Errorf(protocol.Invalid, "approval %d: a grant would not keep rule %s from asking again; approve it once or for the session: ambit approvals approve %d --session", a.ID, r.Rule, a.ID)
		}
	}
	scope, err := narrowest(c, a.Attributes)
	if err != nil {
		return gr, protocol.Errorf(protocol.Invalid, "approval %d can't be made a grant: %v; approve it once or for the session: ambit approvals approve %d --session", a.ID, err, a.ID)
	}
	gr.Scope = scope
	return gr, nil
}

// narrowest is the narrowest scope that covers these attributes. A value that a
// scope would read as more than itself has none.
func narrowest(c *capability.Capability, attrs capability.Attributes) (capability.Scope, error) {
	s := capability.Scope{Allow: map[string][]string{}, Max: map[string]int64{}}
	for _, k := range c.Scope {
		switch v := attrs[k.Attribute].(type) {
		case int64:
			s.Max[k.Name] = v
		case string:
			s.Allow[k.Name] = []string{v}
		case []string:
			s.Allow[k.Name] = slices.Clone(v)
		case nil:
		default:
			return s, fmt.Errorf("%s is a %T, which no scope is compared with", k.Attribute, v)
		}
		for _, v := range s.Allow[k.Name] {
			if wide(k, v) {
				return s, fmt.Errorf("%s %q would cover more than itself", k.Attribute, v)
			}
		}
	}
	if len(s.Allow)+len(s.Max) == 0 {
		return s, fmt.Errorf("nothing about %s narrows it", c.Name)
	}
	if err := c.CheckScope(s); err != nil {
		return s, err
	}
	if ok, why := c.Covers(s, attrs); !ok {
		return s, fmt.Errorf("%s", why)
	}
	return s, nil
}

func wide(k capability.ScopeKey, v string) bool {
	if strings.Contains(v, capability.Any) || v == "" {
		return true
	}
	switch k.Match {
	case capability.MatchHost:
		return strings.HasPrefix(v, ".")
	case capability.MatchPath:
		return v == "." || strings.HasSuffix(v, "/")
	case capability.MatchPrefix: // "https://a" is the beginning of "https://a.evil"
		_, rest, isURL := strings.Cut(v, "://")
		return isURL && !strings.Contains(rest, "/")
	}
	return false
}
