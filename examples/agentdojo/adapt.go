package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/manifest"
)

// plugin makes the suite's tools one plugin, as annotated. The benchmark's tools
// name their arguments as they like, and the vocabulary wants its own: those are
// added beside the tool's and filled by [filled], as a bridge to a foreign
// service would.
func (s *suite) plugin() (*manifest.Manifest, error) {
	name := strings.ToLower(strings.ReplaceAll(s.Name, "_", "-"))
	if !properName.MatchString(name) {
		name = "suite"
	}
	m := &manifest.Manifest{
		Format: 1, Name: name, Version: "1.0.0", Description: "Recorded tools.",
		Runtime: manifest.Wasm, Module: "recorded.wasm", Kinds: []manifest.Kind{manifest.Tool},
	}
	for i, t := range s.Tools {
		note, known := s.notes[t.Name]
		if !known {
			note = annotation{Risk: capability.Irreversible, Labels: []string{"private", "untrusted"}}
		}
		properties, required := map[string]any{}, []string{}
		for name := range t.Args {
			properties[name] = map[string]any{}
		}
		for _, a := range attributes(note.Capability) {
			typ := a.Type
			if typ == "strings" {
				typ = "array"
			}
			properties[a.Name] = map[string]any{"type": typ}
			required = append(required, a.Name)
		}
		input, err := json.Marshal(map[string]any{"type": "object", "properties": properties, "required": required})
		if err != nil {
			return nil, err
		}
		m.Tools = append(m.Tools, manifest.ToolSpec{
			Name: toolName(i, t.Name), Description: "A recorded tool.", Input: input, Capability: note.Capability, Risk: note.Risk,
			Labels: note.Labels, Destinations: note.Destinations, Contents: note.Contents,
		})
	}
	return m, m.Validate()
}

// proper are the names that a manifest takes for a tool and for a plugin.
var (
	proper     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)
	properName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)
)

// toolName is the tool's name, or a number if the manifest can't have it.
func toolName(i int, name string) string {
	if proper.MatchString(name) {
		return name
	}
	return fmt.Sprintf("tool_%d", i)
}

// attributes are those that a power's tools must take.
func attributes(power string) []capability.Attribute {
	c, ok := capability.Lookup(power)
	if !ok || !c.Domain {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.Attributes), func(a capability.Attribute) bool { return !a.Required })
}

// filled are a call's arguments with what the vocabulary wants made from them:
// destinations from destinations, texts from contents, money in minor units. A
// recorded argument of the right name and type stays as it is.
func filled(spec *manifest.ToolSpec, args map[string]any, place string) (json.RawMessage, error) {
	out := maps.Clone(args)
	if out == nil {
		out = map[string]any{}
	}
	for _, a := range attributes(spec.Capability) {
		given := args[a.Name]
		switch a.Type {
		case "string":
			if _, ok := given.(string); ok {
				continue
			}
			out[a.Name] = place
			if a.Role != "" {
				out[a.Name] = strings.Join(first(a.Role, texts(spec, args, a.Role)), "\n")
			}
		case "strings":
			if list, ok := given.([]any); ok && !slices.ContainsFunc(list, func(v any) bool { _, ok := v.(string); return !ok }) {
				continue
			}
			out[a.Name] = append([]string{}, texts(spec, args, a.Role)...)
		case "integer":
			out[a.Name] = minorUnits(given)
		case "boolean":
			out[a.Name] = given == true
		default:
			return nil, fmt.Errorf("%s: attribute %s has type %s", spec.Name, a.Name, a.Type)
		}
		if a.Name == "currency" {
			out[a.Name] = "XXX" // ISO 4217: no currency
		}
	}
	return json.Marshal(out)
}

// minorUnits reads an amount; what is no number within bounds is more than any
// grant admits.
func minorUnits(given any) int64 {
	f, err := strconv.ParseFloat(strings.TrimSpace(fmt.Sprint(given)), 64)
	if given == nil {
		f, err = 0, nil
	}
	if err != nil || math.IsNaN(f) || math.Abs(f) > 1e12 {
		return math.MaxInt32
	}
	return int64(math.Round(f * 100))
}

// first keeps one destination, and all contents.
func first(role capability.Role, list []string) []string {
	if role == capability.Destination && len(list) > 1 {
		return list[:1]
	}
	return list
}

// texts are the strings and numbers in a call's arguments that have a role, in the order of
// the annotation.
func texts(spec *manifest.ToolSpec, args map[string]any, role capability.Role) []string {
	names := spec.Destinations
	if role == capability.Content {
		names = spec.Contents
	}
	var out []string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			out = append(out, v)
		case json.Number:
			out = append(out, v.String())
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
	for _, name := range names {
		walk(args[name])
	}
	return out
}
