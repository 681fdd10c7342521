package skill

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

const maxHead = 16 << 10 // bytes of front matter

// Head is what a skill says of itself.
type Head struct {
	Name          string `json:"name"`
	Description   string `json:"description"` // one line
	License       string `json:"license,omitempty"`
	Compatibility string `json:"compatibility,omitempty"`
	// AllowedTools are those that the skill suggests. They grant nothing.
	AllowedTools []string `json:"allowed_tools,omitempty"`
	// Ignored are keys that have no meaning here, sorted as they stand.
	Ignored []string `json:"ignored,omitempty"`
}

// Parse takes a SKILL.md apart: front matter between two lines "---", and the
// body below it.
func Parse(b []byte) (h Head, body string, err error) {
	b = bytes.ReplaceAll(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), []byte("\r\n"), []byte("\n"))
	if !utf8.Valid(b) {
		return h, "", invalid("%s is not UTF-8 text", Main)
	}
	rest, ok := strings.CutPrefix(string(b), "---\n")
	if !ok {
		return h, "", invalid("%s does not begin with front matter, between two lines of ---", Main)
	}
	front, body, ok := strings.Cut("\n"+rest, "\n---\n")
	if !ok {
		if front, ok = strings.CutSuffix("\n"+rest, "\n---"); !ok {
			return h, "", invalid("the front matter of %s has no end", Main)
		}
	}
	if len(front) > maxHead {
		return h, "", invalid("the front matter has %d bytes, the limit is %d", len(front), maxHead)
	}
	if err := h.read(front); err != nil {
		return Head{}, "", err
	}
	return h, strings.TrimSpace(body), nil
}

func (h *Head) read(front string) error {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(front), &doc); err != nil {
		return invalid("the front matter is no YAML: %v", err)
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return invalid("the front matter is no list of keys and values")
	}
	if err := flat(&doc, 0); err != nil {
		return err
	}
	seen := map[string]bool{}
	pairs := doc.Content[0].Content
	for i := 0; i+1 < len(pairs); i += 2 {
		key, value := pairs[i].Value, pairs[i+1]
		if seen[key] || !plain(key) || len(key) > 80 {
			return invalid("the key %.80q stands twice, or is odd", key)
		}
		seen[key] = true
		if err := h.set(key, value); err != nil {
			return err
		}
	}
	return h.check()
}

func (h *Head) set(key string, value *yaml.Node) error {
	to := map[string]*string{"name": &h.Name, "description": &h.Description, "license": &h.License, "compatibility": &h.Compatibility}[key]
	switch {
	case to != nil:
		if value.Kind != yaml.ScalarNode {
			return invalid("%s is no text", key)
		}
		*to = value.Value
	case key == "allowed-tools" && value.Kind == yaml.ScalarNode:
		h.AllowedTools = strings.FieldsFunc(value.Value, func(r rune) bool { return r == ' ' || r == ',' || r == '\n' })
	case key == "allowed-tools" && value.Kind == yaml.SequenceNode:
		for _, v := range value.Content {
			h.AllowedTools = append(h.AllowedTools, v.Value)
		}
	case key == "metadata":
	default:
		h.Ignored = append(h.Ignored, key)
	}
	return nil
}

func (h *Head) check() error {
	if err := CheckName(h.Name); err != nil {
		return err
	}
	for name, text := range map[string]string{"description": h.Description, "license": h.License, "compatibility": h.Compatibility, "allowed-tools": strings.Join(h.AllowedTools, " ")} {
		if !plain(text) {
			return invalid("%s holds characters that steer a terminal or hide text", name)
		}
	}
	h.Description = strings.Join(strings.Fields(h.Description), " ")
	switch {
	case h.Description == "":
		return invalid("it has no description")
	case utf8.RuneCountInString(h.Description) > maxDesc:
		return invalid("the description has more than %d characters", maxDesc)
	case utf8.RuneCountInString(h.Compatibility) > 500 || len(h.License) > 500 || len(h.AllowedTools) > 100:
		return invalid("compatibility, license or allowed-tools are too long")
	}
	return nil
}

// flat refuses what makes a small document large or deep: anchors, aliases, and
// more nesting than the format has.
func flat(n *yaml.Node, depth int) error {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return invalid("the front matter uses anchors or aliases")
	}
	if depth > 6 {
		return invalid("the front matter is nested too deep")
	}
	for _, c := range n.Content {
		if err := flat(c, depth+1); err != nil {
			return err
		}
	}
	return nil
}
