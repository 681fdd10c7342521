package policy

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ambithost/ambit/sdk/capability"
)

// input builds what policies see. It equals the JSON of the request with the
// facts beside it, and takes no way through JSON because it is built for every
// effect. A member becomes a term of OPA's when a rule reads it.
func input(r *Request) (ast.Value, error) {
	if err := checkAttributes(r.Resource.Attributes); err != nil {
		return nil, fmt.Errorf("request for %s: %w", r.Action.Name, err)
	}
	circumstances, err := circumstances(&r.Context)
	if err != nil {
		return nil, fmt.Errorf("request for %s: %w", r.Action.Name, err)
	}
	return ast.LazyObject(map[string]any{
		"subject":  map[string]any{"type": r.Subject.Type, "id": r.Subject.ID},
		"action":   map[string]any{"name": r.Action.Name, "risk": string(r.Action.Risk)},
		"resource": map[string]any{"type": r.Resource.Type, "id": r.Resource.ID, "properties": map[string]any(r.Resource.Attributes)},
		"context":  circumstances,
		"facts":    facts(r),
	}), nil
}

// facts are what the vocabulary says about the request. Those of a request that
// is covered are the same for each capability and made once.
func facts(r *Request) ast.Value {
	c, known := capability.Lookup(r.Action.Name)
	if !known {
		return factsUnknown
	}
	required, requiredLacks := false, "the manifest does not require it"
	if r.Context.Requires != nil {
		required, requiredLacks = c.Covers(*r.Context.Requires, r.Resource.Attributes)
	}
	granted, grantedLacks := false, "there is no grant"
	if r.Context.Grant != nil {
		granted, grantedLacks = c.Covers(r.Context.Grant.Scope, r.Resource.Attributes)
	}
	if required && granted {
		if v := factsCovered[c.Name]; v != nil {
			return v
		}
	}
	m := declared(c)
	m["required"], m["required_lacks"] = required, requiredLacks
	m["granted"], m["granted_lacks"] = granted, grantedLacks
	return ast.MustInterfaceToValue(m)
}

// Terms of OPA's are immutable, so all requests may share these.
var (
	factsUnknown = ast.MustInterfaceToValue(map[string]any{"known": false, "required": false, "granted": false})
	factsCovered = func() map[string]ast.Value {
		all := map[string]ast.Value{}
		for _, c := range capability.All() {
			m := declared(&c)
			m["required"], m["granted"] = true, true
			all[c.Name] = ast.MustInterfaceToValue(m)
		}
		return all
	}()
)

// declared is what the vocabulary says of a capability. One whose scope names
// addresses leads out of the host.
func declared(c *capability.Capability) map[string]any {
	out := slices.ContainsFunc(c.Scope, func(k capability.ScopeKey) bool { return k.Match == capability.MatchAddress })
	return map[string]any{"known": true, "risk": string(c.Risk), "leads_out": out}
}

func circumstances(c *Context) (map[string]any, error) {
	m := make(map[string]any, 12)
	m["plugin"] = map[string]any{
		"name": c.Plugin.Name, "version": c.Plugin.Version, "digest": c.Plugin.Digest,
		"kinds": c.Plugin.Kinds, "signed": c.Plugin.Signed, "isolation": c.Plugin.Isolation,
	}
	m["now"] = instant(c.Now)
	if c.Requires != nil {
		s, err := flat(*c.Requires)
		if err != nil {
			return nil, fmt.Errorf("context.requires: %w", err)
		}
		m["requires"] = s
	}
	if c.Grant != nil {
		s, err := flat(c.Grant.Scope)
		if err != nil {
			return nil, fmt.Errorf("context.grant.scope: %w", err)
		}
		grant := map[string]any{"id": c.Grant.ID, "scope": s}
		if !c.Grant.Expires.IsZero() {
			grant["expires"] = instant(c.Grant.Expires)
		}
		if c.Grant.Consents {
			grant["consents"] = true
		}
		m["grant"] = grant
	}
	optional(m, "agent", c.Agent)
	optional(m, "session", c.Session)
	optional(m, "turn", c.Turn)
	optional(m, "trigger", c.Trigger)
	optional(m, "tool", c.Tool)
	if len(c.Labels) > 0 {
		m["labels"] = c.Labels
	}
	if len(c.Arguments) > 0 {
		m["arguments"] = arguments(c.Arguments)
	}
	if c.AskedFor {
		m["asked_for"] = true
	}
	if d := c.Delegation; d != nil {
		m["delegation"] = map[string]any{"depth": d.Depth, "turn": d.Turn, "tools": d.Tools, "capabilities": d.Capabilities}
	}
	if !c.OwnerSeen.IsZero() {
		m["owner_seen"] = instant(c.OwnerSeen)
	}
	return m, nil
}

func optional(m map[string]any, k, v string) {
	if v != "" {
		m[k] = v
	}
}

func instant(t time.Time) string { return t.Format(time.RFC3339Nano) }

// flat is a scope in its JSON form.
func flat(s capability.Scope) (map[string]any, error) {
	m := make(map[string]any, len(s.Allow)+len(s.Max))
	for k, v := range s.Allow {
		m[k] = v
	}
	for k, v := range s.Max {
		if _, twice := m[k]; twice {
			return nil, fmt.Errorf("%q is both a list and a bound", k)
		}
		m[k] = v
	}
	return m, nil
}

// checkAttributes accepts the types that [capability.Attributes] declares and
// refuses others: a fact of another type would be one that scopes and rules
// understand differently.
func checkAttributes(a capability.Attributes) error {
	for k, v := range a {
		switch v.(type) {
		case string, int64, bool, []string:
		default:
			return fmt.Errorf("attribute %q is a %T; want string, int64, bool or []string", k, v)
		}
	}
	return nil
}

// normalise gives attributes that were read from JSON the types that
// [capability.Attributes] declares.
func normalise(a capability.Attributes) error {
	for k, v := range a {
		switch v := v.(type) {
		case float64:
			if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
				return fmt.Errorf("resource.properties.%s: %v is no integer", k, v)
			}
			a[k] = int64(v)
		case []any:
			values := make([]string, len(v))
			for i, e := range v {
				s, ok := e.(string)
				if !ok {
					return fmt.Errorf("resource.properties.%s[%d]: %v is no string", k, i, e)
				}
				values[i] = s
			}
			a[k] = values
		}
	}
	return nil
}
