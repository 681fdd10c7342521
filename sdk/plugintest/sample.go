package plugintest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// schema is the part of JSON Schema from which arguments can be guessed.
type schema struct {
	Type       any               `json:"type"`
	Enum       []any             `json:"enum"`
	Default    any               `json:"default"`
	Examples   []any             `json:"examples"`
	Format     string            `json:"format"`
	Minimum    *float64          `json:"minimum"`
	MinLength  int               `json:"minLength"`
	MinItems   int               `json:"minItems"`
	Items      *schema           `json:"items"`
	Properties map[string]schema `json:"properties"`
	Required   []string          `json:"required"`
	Additional any               `json:"additionalProperties"`
}

func parseSchema(raw json.RawMessage) (schema, error) {
	var s schema
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, fmt.Errorf("schema: %w", err)
	}
	return s, nil
}

// sample guesses arguments that the schema admits: the required ones only.
func sample(raw json.RawMessage) (json.RawMessage, error) {
	s, err := parseSchema(raw)
	if err != nil {
		return nil, err
	}
	return json.Marshal(s.value(""))
}

func (s schema) value(name string) any {
	switch {
	case len(s.Examples) > 0:
		return s.Examples[0]
	case s.Default != nil:
		return s.Default
	case len(s.Enum) > 0:
		return s.Enum[0]
	}
	switch s.kind() {
	case "object":
		out := map[string]any{}
		for _, r := range s.Required {
			out[r] = s.Properties[r].value(r)
		}
		return out
	case "array":
		out := []any{}
		for range max(s.MinItems, 1) {
			item := schema{}
			if s.Items != nil {
				item = *s.Items
			}
			out = append(out, item.value(name))
		}
		return out
	case "integer", "number":
		if s.Minimum != nil {
			return *s.Minimum
		}
		return 1
	case "boolean":
		return true
	case "null":
		return nil
	}
	if s.Format == "uri" || strings.Contains(strings.ToLower(name), "url") {
		return "https://example.org/"
	}
	return "sample" + strings.Repeat("x", max(0, s.MinLength-len("sample")))
}

func (s schema) kind() string {
	switch t := s.Type.(type) {
	case string:
		return t
	case []any:
		if len(t) > 0 {
			name, _ := t[0].(string)
			return name
		}
	}
	return "string"
}

// broken is arguments that a schema does not admit, and why.
type broken struct {
	why  string
	args json.RawMessage
}

// breaks derives bad arguments from good ones.
func breaks(raw, good json.RawMessage) ([]broken, error) {
	s, err := parseSchema(raw)
	if err != nil {
		return nil, err
	}
	var args map[string]any
	if err := json.Unmarshal(good, &args); err != nil {
		return nil, fmt.Errorf("good arguments are no object: %w", err)
	}
	list := []broken{{"arguments are a list", json.RawMessage(`[]`)}, {"arguments are a string", json.RawMessage(`"x"`)}}
	add := func(why string, change func(map[string]any)) error {
		bad := maps.Clone(args)
		change(bad)
		b, err := json.Marshal(bad)
		list = append(list, broken{why, b})
		return err
	}
	for _, r := range s.Required {
		if err := add(fmt.Sprintf("%q is missing", r), func(m map[string]any) { delete(m, r) }); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		wrong := any("not of that type")
		if _, several := s.Properties[name].Type.([]any); several || s.Properties[name].Type == nil {
			continue
		}
		if s.Properties[name].kind() == "string" {
			wrong = map[string]any{"not": "a string"}
		}
		if err := add(fmt.Sprintf("%q is of the wrong type", name), func(m map[string]any) { m[name] = wrong }); err != nil {
			return nil, err
		}
	}
	if s.Additional == false {
		if err := add("an argument is unknown", func(m map[string]any) { m["no_such_argument"] = 1 }); err != nil {
			return nil, err
		}
	}
	return list, nil
}
