package capability

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Scope narrows a capability. In JSON and YAML it is one flat object: a key
// with a list of strings is an allow-list, a key with an integer is an upper
// bound. The zero Scope holds nothing beyond the defaults that the
// capability's [ScopeKey]s declare.
type Scope struct {
	Allow map[string][]string
	Max   map[string]int64
}

// MarshalJSON writes the flat form.
func (s Scope) MarshalJSON() ([]byte, error) {
	flat := make(map[string]any, len(s.Allow)+len(s.Max))
	for k, v := range s.Allow {
		flat[k] = v
	}
	for k, v := range s.Max {
		flat[k] = v
	}
	return json.Marshal(flat)
}

// UnmarshalJSON reads the flat form and refuses any other shape.
func (s *Scope) UnmarshalJSON(b []byte) error {
	var flat map[string]json.RawMessage
	if err := json.Unmarshal(b, &flat); err != nil {
		return fmt.Errorf("scope: want an object of lists and integers: %w", err)
	}
	*s = Scope{}
	for k, raw := range flat {
		var list []string
		if json.Unmarshal(raw, &list) == nil && list != nil {
			if s.Allow == nil {
				s.Allow = map[string][]string{}
			}
			s.Allow[k] = list
			continue
		}
		var n int64
		if err := json.Unmarshal(raw, &n); err != nil || string(raw) == "null" {
			return fmt.Errorf("scope: %q must be a list of strings or an integer", k)
		}
		if s.Max == nil {
			s.Max = map[string]int64{}
		}
		s.Max[k] = n
	}
	return nil
}

// Attributes are the facts about one request that a scope is matched against:
// strings, integers (int64), booleans, and lists of strings.
type Attributes map[string]any

// Covers reports whether scope admits a request with these attributes. When it
// does not, why says in words which key refused. A key that the capability
// does not declare refuses: an owner who wrote a limit that nobody enforces
// must not believe in it.
func (c *Capability) Covers(scope Scope, attrs Attributes) (ok bool, why string) {
	if key, found := c.unknownKey(scope); found {
		return false, fmt.Sprintf("scope key %q is unknown to %s", key, c.Name)
	}
	for _, k := range c.Scope {
		if k.Match == MatchMax {
			if ok, why := k.coversMax(scope, attrs); !ok {
				return false, why
			}
			continue
		}
		if ok, why := k.coversAllow(scope, attrs); !ok {
			return false, why
		}
	}
	return true, ""
}

func (c *Capability) unknownKey(s Scope) (string, bool) {
	for key := range s.Allow {
		if k := c.ScopeKey(key); k == nil || k.Match == MatchMax {
			return key, true
		}
	}
	for key := range s.Max {
		if k := c.ScopeKey(key); k == nil || k.Match != MatchMax {
			return key, true
		}
	}
	return "", false
}

func (k ScopeKey) coversMax(scope Scope, attrs Attributes) (bool, string) {
	limit, set := scope.Max[k.Name]
	if !set {
		return true, ""
	}
	n, isInt := attrs[k.Attribute].(int64)
	if !isInt {
		return false, fmt.Sprintf("the request states no %s", k.Attribute)
	}
	if n > limit || n < 0 {
		return false, fmt.Sprintf("%s is %d, the limit is %d", k.Attribute, n, limit)
	}
	return true, ""
}

func (k ScopeKey) coversAllow(scope Scope, attrs Attributes) (bool, string) {
	allow, set := scope.Allow[k.Name]
	if !set {
		allow = k.Default
	}
	if slices.Contains(allow, Any) && k.Match != MatchHost {
		return true, ""
	}
	if k.Match == MatchAddress { // checked by policy on the resolved addresses
		return true, ""
	}
	values, ok := attrs.strings(k.Attribute)
	if !ok {
		return false, fmt.Sprintf("the request states no %s", k.Attribute)
	}
	for _, v := range values {
		if !slices.ContainsFunc(allow, func(entry string) bool { return k.Match.covers(entry, v) }) {
			return false, fmt.Sprintf("%s %q is not in %s %v", k.Attribute, v, k.Name, allow)
		}
	}
	return true, ""
}

// strings returns an attribute as a list; an absent one is not ok.
func (a Attributes) strings(name string) ([]string, bool) {
	switch v := a[name].(type) {
	case string:
		return []string{v}, true
	case []string:
		return v, true
	}
	return nil, false
}

func (m Match) covers(entry, value string) bool {
	switch m {
	case MatchExact:
		return entry == value
	case MatchPrefix:
		return strings.HasPrefix(value, entry)
	case MatchPath:
		return value == strings.TrimSuffix(entry, "/") || entry == "." || strings.HasSuffix(entry, "/") && strings.HasPrefix(value, entry)
	case MatchHost:
		return coversHost(entry, value)
	}
	return false
}

// coversHost compares an entry with an authority: lower case, without the
// scheme's default port. ".example.org" covers every name below example.org
// and not that name itself; "*" covers any authority on the default port,
// "*:*" any at all.
func coversHost(entry, authority string) bool {
	switch {
	case entry == "*:*":
		return true
	case entry == Any:
		return !hasPort(authority)
	case strings.HasPrefix(entry, "."):
		return len(authority) > len(entry) && strings.HasSuffix(authority, strings.ToLower(entry))
	}
	return strings.ToLower(entry) == authority
}

func hasPort(authority string) bool {
	colon := strings.LastIndexByte(authority, ':')
	return colon > strings.LastIndexByte(authority, ']')
}

// CheckScope says whether every key of a scope is known to the capability and
// of the right shape.
func (c *Capability) CheckScope(s Scope) error {
	if key, found := c.unknownKey(s); found {
		return fmt.Errorf("scope key %q: %s knows %s", key, c.Name, c.keyNames())
	}
	for _, k := range c.Scope {
		if _, set := s.Allow[k.Name]; !set && k.Default == nil && k.Match != MatchMax && k.Match != MatchAddress {
			return fmt.Errorf("scope key %q is missing; %s", k.Name, k.Doc)
		}
	}
	return nil
}

func (c *Capability) keyNames() string {
	var list []string
	for _, k := range c.Scope {
		list = append(list, k.Name)
	}
	if len(list) == 0 {
		return "no scope"
	}
	return strings.Join(list, ", ")
}

// Within reports whether one scope admits nothing that another does not. Where it
// can't tell it says no: two spellings of the same range of addresses are two.
func (c *Capability) Within(some, all Scope) bool {
	if _, unknown := c.unknownKey(some); unknown {
		return false
	}
	for _, k := range c.Scope {
		if k.Match == MatchMax {
			limit, limited := all.Max[k.Name]
			n, set := some.Max[k.Name]
			if limited && (!set || n > limit) {
				return false
			}
			continue
		}
		outer := k.entries(all)
		for _, entry := range k.entries(some) {
			if !slices.ContainsFunc(outer, func(o string) bool { return k.Match.holds(o, entry) }) {
				return false
			}
		}
	}
	return true
}

func (k ScopeKey) entries(s Scope) []string {
	if list, set := s.Allow[k.Name]; set {
		return list
	}
	return k.Default
}

// holds reports whether an entry admits all that another one does.
func (m Match) holds(outer, inner string) bool {
	switch {
	case outer == inner:
		return true
	case m == MatchAddress:
		return outer == Any
	case m != MatchHost:
		return outer == Any || inner != Any && m.covers(outer, inner)
	case outer == "*:*":
		return true
	}
	// ".example.org" stands for names with a port too, so "*" does not hold it.
	wide := inner == Any || inner == "*:*" || outer == Any && strings.HasPrefix(inner, ".")
	return !wide && coversHost(outer, inner)
}
