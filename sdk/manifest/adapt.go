package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Adapt makes a tool's declaration fit for a manifest when it was written for
// another host: characters that could deceive a reader are left out of its
// description, which is cut at the limit, an input schema that does not say so is
// one of an object, and a name that can't be one here is kept as Original.
func (t *ToolSpec) Adapt() {
	t.Description = strings.Map(func(r rune) rune {
		if deceives(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(t.Description, "\ufffd"))
	if len(t.Description) > maxToolDescription {
		cut := maxToolDescription
		for !utf8.RuneStart(t.Description[cut]) {
			cut--
		}
		t.Description = t.Description[:cut]
	}
	var schema map[string]json.RawMessage
	if len(t.Input) == 0 || json.Unmarshal(t.Input, &schema) == nil && schema["type"] == nil {
		if schema == nil {
			schema = map[string]json.RawMessage{}
		}
		schema["type"] = json.RawMessage(`"object"`)
		if b, err := json.Marshal(schema); err == nil { // it was JSON
			t.Input = b
		}
	}
	if toolName.MatchString(t.Name) {
		return
	}
	t.Original = t.Name
	t.Name = strings.TrimLeft(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '_'
	}, t.Name), "_-")
	t.Name = t.Name[:min(len(t.Name), 64)]
}

// Encode writes a manifest as a plugin.yaml that a person can read and edit.
func (m *Manifest) Encode() ([]byte, error) {
	js, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(js, &doc); err != nil { // keeps the order of the keys
		return nil, fmt.Errorf("manifest: %w", err)
	}
	plain(&doc)
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(&doc); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	return out.Bytes(), e.Close()
}

// plain gives the document YAML's block style; texts stay quoted where a reader
// of YAML would take them for something else.
func plain(n *yaml.Node) {
	n.Style = 0
	if n.Kind == yaml.SequenceNode && !slices.ContainsFunc(n.Content, func(c *yaml.Node) bool { return c.Kind != yaml.ScalarNode }) {
		n.Style = yaml.FlowStyle
	}
	for _, c := range n.Content {
		plain(c)
	}
}
