package manifest

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/ambithost/ambit/sdk/capability"
)

var placeholder = regexp.MustCompile(`\$\{config\.([A-Za-z0-9_]+)\}`)

// Asks is the whole list of what a plugin asks for under a configuration: its
// requirements with "${config.KEY}" filled in, and what follows from its role
// without being written down (a tool asks to be called, a model to complete).
// A grant is measured against this list; a use outside it is denied whatever
// was granted. An entry whose configuration value is missing is left out, so
// that it admits nothing.
func (m *Manifest) Asks(config map[string]string) ([]Requirement, error) {
	var out []Requirement
	for _, r := range m.Requires {
		scope, err := fill(r.Scope, config)
		if err != nil {
			return nil, fmt.Errorf("manifest: %s requires %s: %w", m.Name, r.Capability, err)
		}
		out = append(out, Requirement{Capability: r.Capability, Scope: scope, Reason: r.Reason})
	}
	for _, implied := range m.implied() {
		i := slices.IndexFunc(out, func(r Requirement) bool { return r.Capability == implied.Capability })
		switch {
		case i < 0:
			out = append(out, implied)
		case implied.Capability == "tool.call":
			tools := append(slices.Clone(out[i].Scope.Allow["tools"]), implied.Scope.Allow["tools"]...)
			out[i].Scope = capability.Scope{Allow: map[string][]string{"tools": tools}}
		}
	}
	slices.SortFunc(out, func(a, b Requirement) int { return strings.Compare(a.Capability, b.Capability) })
	return out, nil
}

// implied lists what follows from tools and kinds.
func (m *Manifest) implied() []Requirement {
	byPower := map[string][]string{}
	for _, t := range m.Tools {
		byPower[t.Power()] = append(byPower[t.Power()], t.Name)
	}
	var out []Requirement
	for power, tools := range byPower {
		slices.Sort(tools)
		r := Requirement{Capability: power, Scope: widest(power), Reason: "offers the tools " + strings.Join(tools, ", ")}
		if len(tools) == 1 {
			r.Reason = "offers the tool " + tools[0]
		}
		if power == "tool.call" {
			full := make([]string, len(tools))
			for i, t := range tools {
				full[i] = m.Name + "/" + t
			}
			r.Scope = capability.Scope{Allow: map[string][]string{"tools": full}}
		}
		out = append(out, r)
	}
	if m.Is(Model) {
		out = append(out, Requirement{Capability: "model.complete", Reason: "is a model adapter"})
	}
	return out
}

// widest is the scope that narrows nothing: the manifest of a tool with a
// domain power may ask for less in its requires.
func widest(power string) capability.Scope {
	c, ok := capability.Lookup(power)
	if !ok {
		return capability.Scope{}
	}
	allow := map[string][]string{}
	for _, k := range c.Scope {
		if k.Match != capability.MatchMax && k.Match != capability.MatchAddress && k.Default == nil {
			entry := capability.Any
			if k.Match == capability.MatchHost {
				entry = "*:*"
			}
			allow[k.Name] = []string{entry}
		}
	}
	return capability.Scope{Allow: allow}
}

// fill replaces placeholders. In a list of hosts a value that is a URL stands
// for its authority.
func fill(s capability.Scope, config map[string]string) (capability.Scope, error) {
	out := capability.Scope{Max: s.Max}
	for key, list := range s.Allow {
		filled := []string{}
		for _, entry := range list {
			v, ok, err := fillEntry(entry, config)
			if err != nil {
				return out, fmt.Errorf("%s: %w", key, err)
			}
			if ok {
				filled = append(filled, v)
			}
		}
		if out.Allow == nil {
			out.Allow = map[string][]string{}
		}
		out.Allow[key] = filled
	}
	return out, nil
}

func fillEntry(entry string, config map[string]string) (value string, ok bool, err error) {
	match := placeholder.FindStringSubmatch(entry)
	if match == nil {
		return entry, true, nil
	}
	if match[0] != entry {
		return "", false, fmt.Errorf("%q: a placeholder must be the whole entry", entry)
	}
	v := config[match[1]]
	if v == "" {
		return "", false, nil
	}
	if v == capability.Any || v == "*:*" || strings.HasPrefix(v, ".") {
		return "", false, fmt.Errorf("configuration %q is %q: a wildcard can't be configured, only granted", match[1], v)
	}
	if !strings.Contains(v, "://") {
		return v, true, nil
	}
	authority, err := Authority(v)
	return authority, err == nil, err
}

// Authority returns the authority of an absolute URL as scopes spell it: lower
// case, without the scheme's own port.
func Authority(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("%q is not an absolute URL", raw)
	}
	authority := strings.ToLower(u.Host)
	if own := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]; own != "" {
		authority = strings.TrimSuffix(authority, own)
	}
	return authority, nil
}
