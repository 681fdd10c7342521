package effects

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/host/provenance"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/manifest"
)

// Bounds of what is traced of one request. What is beyond them is traced as
// one value, so that nothing is left out.
const (
	maxTraced = 64
	maxLinks  = 16
	maxQuoted = 160 // characters of a value or a sentence that people are shown
)

// roleLink is the role of an address that stands within a content.
const roleLink = "link"

// tracer collects the arguments of one request.
type tracer struct {
	material *provenance.Material
	list     []policy.Argument
}

// traceTool says where the arguments of a tool call came from: all strings of
// a tool that changes something, of one that reads those that go out. A nil
// material has nothing to say.
func traceTool(m *provenance.Material, spec *manifest.ToolSpec, values map[string]any) []policy.Argument {
	if m == nil {
		return nil
	}
	t := &tracer{material: m}
	reads := spec.Level() == capability.Read
	for _, name := range slices.Sorted(maps.Keys(values)) {
		role := spec.Role(name)
		if role == "" && (reads || isPlain(spec, name)) {
			continue
		}
		for _, text := range textsIn(values[name], role == capability.Destination) {
			t.add(name, role, text)
		}
	}
	return t.list
}

// isPlain tells the attributes of the vocabulary that are neither destination nor
// content: a currency, which of the owner's own accounts.
func isPlain(spec *manifest.ToolSpec, name string) bool {
	c, ok := capability.Lookup(spec.Power())
	return ok && slices.ContainsFunc(c.Attributes, func(a capability.Attribute) bool { return a.Name == name && a.Role == "" })
}

// traceHTTP says where the outward parts of a request came from: the query, and
// the body and address of what is more than a read. A redirect is the server's
// own word and holds nothing of the session's.
func traceHTTP(m *provenance.Material, r *httpRequest) []policy.Argument {
	if m == nil || r.hop > 0 || r.reads() && r.url.query == "" {
		return nil
	}
	t := &tracer{material: m}
	t.add("url", capability.Destination, r.url.String())
	if len(r.body) > 0 {
		t.add("body", capability.Content, string(r.body))
	}
	return t.list
}

// askedFor reports whether the owner's words have one by which people ask for
// what the tool does. What a manifest calls irreversible though its capability is
// not, deletes. A tool without a domain power has its name alone.
func askedFor(m *provenance.Material, spec *manifest.ToolSpec) bool {
	words := capability.Removal()
	c, ok := capability.Lookup(spec.Power())
	if !ok || spec.Level() != capability.Irreversible || c.Risk == capability.Irreversible {
		words = nil
		if ok {
			words = c.Words
		}
	}
	if ok && c.Domain {
		return m.OwnerSays(words...)
	}
	for w := range strings.FieldsFuncSeq(strings.ToLower(spec.Name), func(r rune) bool { return r < 'a' || r > 'z' }) {
		if len(w) >= 4 {
			words = append(words, w)
		}
	}
	return m.OwnerSays(words...)
}

// textsIn lists the strings in a JSON value, keys of objects aside, and the numbers
// too if they say what is reached.
func textsIn(v any, numbers bool) []string {
	var out []string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			if strings.TrimSpace(v) != "" {
				out = append(out, v)
			}
		case json.Number:
			if numbers {
				out = append(out, v.String())
			}
		case []any:
			for _, x := range v {
				walk(x)
			}
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(v)) {
				walk(v[k])
			}
		}
	}
	walk(v)
	if len(out) > maxTraced {
		out = append(out[:maxTraced-1:maxTraced-1], strings.Join(out[maxTraced-1:], "\n"))
	}
	return out
}

// add traces one value and what stands within it. An argument of which nobody
// said what it is counts as a destination when it is an address.
func (t *tracer) add(name string, role capability.Role, text string) {
	if role == "" && isAddress(text) {
		role = capability.Destination
	}
	a := t.trace(name, string(role), text)
	t.list = append(t.list, a)
	switch role {
	case capability.Destination:
		// A link that somebody gave as it stands carries only what they put in.
		if carried := carriedBy(text); carried != "" && !a.OwnerNamed && !slices.ContainsFunc(a.Sources, func(s policy.ArgumentSource) bool { return s.Whole }) {
			t.list = append(t.list, t.trace(name, string(capability.Content), carried))
		}
	case capability.Content:
		for _, link := range linksIn(text) {
			t.list = append(t.list, t.trace(name, roleLink, link))
		}
	}
}

func (t *tracer) trace(name, role, text string) policy.Argument {
	found := t.material.Trace(text)
	a := policy.Argument{
		Name: name, Role: role, Text: quoted(text), Labels: slices.DeleteFunc(found.Labels(), ofPlaces), Match: string(found.Match), Confidence: found.Confidence,
		// A number of one or two digits stands in many texts.
		OwnerNamed: found.OwnerNamed() && !(found.Short && isNumber(text)),
		Address:    role == roleLink || isAddress(text), Secret: holdsSecret(text),
	}
	a.Legible, a.Illegible = provenance.Legible(text)
	for _, f := range found.Found {
		whole := f.Stands() && found.Match != provenance.Pieces
		a.Sources = append(a.Sources, policy.ArgumentSource{Kind: string(f.Source.Kind), Name: f.Source.Name, Labels: f.Source.Labels, Whole: whole})
		if f.Source.Kind == provenance.Owner {
			a.OwnerPercent = max(a.OwnerPercent, int64(f.Share*100))
		}
	}
	if a.OwnerNamed {
		a.OwnerPercent = 100
	}
	if role == string(capability.Destination) {
		t.records(&a, found, text)
	}
	if f, ok := found.From(untrustedLabel); ok {
		a.From, a.Sentence = f.Source.String(), quoted(f.Sentence)
	}
	return a
}

// records says what the owner's words have of the records in which a destination
// stands.
func (t *tracer) records(a *policy.Argument, found provenance.Trace, text string) {
	least := 101
	for _, r := range t.material.Records(text) {
		if r.Own {
			least = min(least, r.Percent)
		}
		for j, f := range found.Found {
			if f.Source.Same(r.Source) {
				a.Sources[j].RecordPercent = int64(r.Percent)
			}
		}
	}
	if least <= 100 {
		a.RecordPercent = int64(least)
	}
}

const untrustedLabel = "untrusted"

// ofPlaces tells the labels that say how a text was come by, not what is in it.
func ofPlaces(label string) bool { return label == policy.Pointed || label == policy.Document }

// quoted makes text of strangers fit to stand in a sentence of the host's: one
// line, cut, without what hides or reorders.
func quoted(s string) string {
	s = strings.Join(strings.Fields(oneLine(s, 4*maxQuoted)), " ")
	if r := []rune(s); len(r) > maxQuoted {
		return string(r[:maxQuoted]) + "…"
	}
	return s
}
