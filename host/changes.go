package host

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/manifest"
)

// differences collects what is different between two versions of a plugin.
type differences []control.Change

func (d *differences) add(more bool, what, name, before, after string) {
	d.risk(more, what, name, before, after, capability.Read)
}

// risk is add with what is at stake if it is more.
func (d *differences) risk(more bool, what, name, before, after string, r capability.Risk) {
	if before == after {
		return
	}
	c := control.Change{What: what, Name: name, Old: before, New: after, More: more}
	if more {
		c.Risk = r
	}
	*d = append(*d, c)
}

// changes compares an installed version with another. More is whatever the owner
// has not consented to with the installed one: another power, a wider scope,
// another tool, and a precaution less (a lower risk, a label that is gone).
func changes(old *plugin, m *manifest.Manifest, asks []manifest.Requirement) []control.Change {
	if old.manifest == nil {
		return nil // it is damaged: there is nothing to compare with
	}
	var d differences
	was := old.manifest
	d.add(false, "version", "", was.Version, m.Version)
	d.add(was.Runtime != m.Runtime, "runtime", "", string(was.Runtime), string(m.Runtime))
	d.add(true, "interface", "", string(was.Interface), string(m.Interface))
	for _, k := range union(was.Kinds, m.Kinds) {
		d.add(!was.Is(k), "kind", string(k), yes(was.Is(k)), yes(m.Is(k)))
	}
	d.capabilities(old.asks, asks)
	d.tools(was, m)
	d.add(m.IdempotentSend, "channel", "idempotent_send", yes(was.IdempotentSend), yes(m.IdempotentSend))
	d.add(false, "config", "", string(was.Config), string(m.Config))
	d.add(false, "limits", "", text(was.Limits), text(m.Limits))
	d.add(false, "description", "", was.Description, m.Description)
	return d
}

func (d *differences) capabilities(old, asks []manifest.Requirement) {
	byName := func(list []manifest.Requirement) map[string]manifest.Requirement {
		out := map[string]manifest.Requirement{}
		for _, r := range list {
			out[r.Capability] = r
		}
		return out
	}
	before, after := byName(old), byName(asks)
	for _, name := range union(slices.Collect(maps.Keys(before)), slices.Collect(maps.Keys(after))) {
		a, had := before[name]
		b, has := after[name]
		switch {
		case !had:
			d.risk(true, "capability", name, "", text(b.Scope), riskOf(name))
		case !has:
			d.add(false, "capability", name, text(a.Scope), "")
		default:
			c, known := capability.Lookup(name)
			d.risk(!known || !c.Within(b.Scope, a.Scope), "capability", name, text(a.Scope), text(b.Scope), riskOf(name))
			d.add(false, "reason", name, a.Reason, b.Reason)
		}
	}
}

func (d *differences) tools(was, m *manifest.Manifest) {
	names := func(m *manifest.Manifest) (out []string) {
		for _, t := range m.Tools {
			out = append(out, t.Name)
		}
		return out
	}
	for _, name := range union(names(was), names(m)) {
		a, had := was.Tool(name)
		b, has := m.Tool(name)
		switch {
		case !had:
			d.risk(true, "tool", name, "", b.Power()+" ("+string(b.Level())+")", b.Level())
		case !has:
			d.add(false, "tool", name, a.Power()+" ("+string(a.Level())+")", "")
		default:
			d.tool(name, a, b)
		}
	}
}

func (d *differences) tool(name string, a, b *manifest.ToolSpec) {
	stake := a.Level()
	if b.Level().AtLeast(stake) {
		stake = b.Level()
	}
	list := func(what string, before, after []string) {
		d.risk(lacks(after, before), what, name, strings.Join(before, ", "), strings.Join(after, ", "), stake)
	}
	d.risk(true, "tool", name, a.Power(), b.Power(), stake)
	d.risk(true, "original", name, a.Original, b.Original, stake)
	d.risk(!b.Level().AtLeast(a.Level()), "risk", name, string(a.Level()), string(b.Level()), stake)
	d.risk(b.Idempotent, "idempotent", name, yes(a.Idempotent), yes(b.Idempotent), stake)
	list("labels", a.Labels, b.Labels)
	list("destinations", a.Destinations, b.Destinations)
	list("contents", a.Contents, b.Contents)
	d.add(false, "description", name, a.Description, b.Description)
	d.add(false, "schema", name, string(a.Input), string(b.Input))
}

// lacks reports whether a list misses something of another.
func lacks(list, of []string) bool {
	return slices.ContainsFunc(of, func(s string) bool { return !slices.Contains(list, s) })
}

func union[T ~string](a, b []T) []T {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	return slices.Compact(all)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// moreOf says in short what a version asks for in addition.
func moreOf(list []control.Change) (more []string) {
	for _, c := range list {
		if c.More {
			more = append(more, strings.TrimSpace(c.What+" "+c.Name))
		}
	}
	return more
}
