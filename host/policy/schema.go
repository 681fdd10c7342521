package policy

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ambithost/ambit/sdk/capability"
)

// Schema is the JSON Schema of what policies see as input: the [Request] with
// the vocabulary's attributes, and the facts beside it. The result is the
// caller's.
func Schema() map[string]any {
	s := schemaOf(reflect.TypeFor[Request]())
	members := s["properties"].(map[string]any)
	members["facts"] = factsSchema()
	enumerate(s, enums())
	return s
}

// schemas hands the input's schema to OPA's type checker, which then refuses a
// rule that reads what no request has.
func schemas() *ast.SchemaSet {
	set := ast.NewSchemaSet()
	set.Put(ast.SchemaRootRef, Schema())
	return set
}

// schemaOf follows the JSON form of our own types, so that a field that is
// added to a request is known to policies without a second list.
func schemaOf(t reflect.Type) map[string]any {
	switch t {
	case reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string"}
	case reflect.TypeFor[capability.Scope]():
		return map[string]any{"type": "object", "additionalProperties": true} // keys differ by capability
	case reflect.TypeFor[capability.Attributes]():
		return attributesSchema()
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint64, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(t.Elem())}
	case reflect.Struct:
		members := map[string]any{}
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			if name != "" && name != "-" {
				members[name] = schemaOf(t.Field(i).Type)
			}
		}
		return object(members)
	}
	return map[string]any{"type": "object", "additionalProperties": true}
}

func object(members map[string]any) map[string]any {
	return map[string]any{"type": "object", "properties": members, "additionalProperties": false}
}

// attributesSchema is every attribute of the vocabulary, whichever capability
// has it. What a capability does not have is found by [lint].
func attributesSchema() map[string]any {
	types := map[string]map[string]any{
		"string": {"type": "string"}, "integer": {"type": "number"}, "boolean": {"type": "boolean"},
		"strings": {"type": "array", "items": map[string]any{"type": "string"}},
	}
	members := map[string]any{}
	for _, c := range capability.All() {
		for _, a := range c.Attributes {
			members[a.Name] = types[a.Type]
		}
	}
	return object(members)
}

func factsSchema() map[string]any {
	yes, text := map[string]any{"type": "boolean"}, map[string]any{"type": "string"}
	return object(map[string]any{
		"known": yes, "risk": text, "leads_out": yes,
		"required": yes, "required_lacks": text, "granted": yes, "granted_lacks": text,
	})
}

// enums are the members whose values are a closed list, by path.
func enums() map[string][]string {
	risks := []string{string(capability.Read), string(capability.Write), string(capability.Irreversible), string(capability.Control)}
	var names []string
	namespaces := map[string]bool{}
	for _, c := range capability.All() {
		names = append(names, c.Name)
		namespaces[strings.SplitN(c.Name, ".", 2)[0]] = true
	}
	return map[string][]string{
		"input.subject.type":             {"agent", "plugin", "owner"},
		"input.action.name":              names,
		"input.action.risk":              risks,
		"input.facts.risk":               risks,
		"input.resource.type":            slices.Sorted(maps.Keys(namespaces)),
		"input.context.plugin.isolation": {"confined", "partial", "process"},
	}
}

// enumerate writes the closed lists into the schema.
func enumerate(schema map[string]any, lists map[string][]string) {
	for path, values := range lists {
		if m := member(schema, path); m != nil {
			m["enum"] = anys(values)
		}
	}
}

func anys(values []string) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

// member finds the schema at a path such as "input.context.now", or nil.
func member(schema map[string]any, path string) map[string]any {
	at := schema
	for _, name := range strings.Split(path, ".")[1:] {
		members, _ := at["properties"].(map[string]any)
		next, ok := members[name].(map[string]any)
		if !ok {
			return nil
		}
		at = next
	}
	return at
}

// nearest is the candidate that a misspelt word most likely meant, or "".
func nearest(word string, candidates []string) string {
	best, distance := "", max(2, len(word)/3)+1
	for _, c := range candidates {
		if d := edits(word, c); d < distance {
			best, distance = c, d
		}
	}
	return best
}

// edits is the Levenshtein distance, in bytes.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

// meant is the advice about a word that is none of a list.
func meant(word string, candidates []string) string {
	if best := nearest(word, candidates); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	if len(candidates) > 12 {
		return "ambit help policy names where the words are listed"
	}
	return "known: " + strings.Join(slices.Sorted(slices.Values(candidates)), ", ")
}
