package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/ambithost/ambit/sdk/capability"
)

var (
	pluginName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)
	toolName   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)
	original   = regexp.MustCompile(`^[!-~]{1,128}$`)
)

// maxToolDescription caps what a tool says of itself, in bytes.
const maxToolDescription = 8000

// CheckName says what a plugin's name must look like.
func CheckName(name string) error {
	if !pluginName.MatchString(name) {
		return fmt.Errorf("manifest: name %q: want a lower-case letter, then up to 39 lower-case letters, digits or dashes", name)
	}
	return nil
}

// Validate checks a manifest against the format and the vocabulary, and
// reports every problem found.
func (m *Manifest) Validate() error {
	var errs []error
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf("manifest: "+format, a...)) }
	if m.Format != 1 {
		bad("manifest: want 1, the only format there is, not %d", m.Format)
	}
	if err := CheckName(m.Name); err != nil {
		errs = append(errs, err)
	}
	if !semver.IsValid("v" + m.Version) {
		bad("version %q: want a semantic version such as 1.2.0", m.Version)
	}
	if err := plainText(m.Description, 2000); err != nil || m.Description == "" {
		bad("description: want one readable sentence: %v", err)
	}
	if m.Runtime != Wasm && m.Runtime != Native {
		bad("runtime %q: want wasm or native", m.Runtime)
	}
	if m.Module == "" || filepath.Base(m.Module) != m.Module || strings.HasPrefix(m.Module, ".") {
		bad("module %q: want the name of a file beside the manifest", m.Module)
	}
	if len(m.Kinds) == 0 {
		bad("kinds: want at least one of tool, model, channel, memory")
	}
	for _, k := range m.Kinds {
		if !slices.Contains([]Kind{Tool, Model, Channel, Memory}, k) {
			bad("kinds: unknown kind %q", k)
		}
	}
	if m.Limits.MemoryMB < 0 || m.Limits.TimeoutSeconds < 0 || m.Limits.TimeoutSeconds > maxTimeoutSeconds {
		bad("limits: want positive numbers, and at most %d seconds", maxTimeoutSeconds)
	}
	switch m.Interface {
	case Servlet:
	case HyperMCP2, Functions:
		if m.Runtime != Wasm || !slices.Equal(m.Kinds, []Kind{Tool}) {
			bad("interface %q: only a Wasm plugin of the one kind tool has another interface than ours", m.Interface)
		}
	default:
		bad("interface %q: want hyper-mcp-v2 or functions, or leave it out", m.Interface)
	}
	if m.IdempotentSend && !m.Is(Channel) {
		bad("idempotent_send: only a channel sends")
	}
	errs = append(errs, m.validateTools()...)
	errs = append(errs, m.validateRequires()...)
	if err := objectSchema(m.Config); m.Config != nil && err != nil {
		bad("config: %v", err)
	}
	return errors.Join(errs...)
}

func (m *Manifest) validateTools() (errs []error) {
	seen := map[string]bool{}
	for _, t := range m.Tools {
		bad := func(format string, a ...any) {
			errs = append(errs, fmt.Errorf("manifest: tool %q: "+format, append([]any{t.Name}, a...)...))
		}
		if !toolName.MatchString(t.Name) {
			bad("name: want up to 64 letters, digits, dashes or underscores")
		}
		if seen[t.Name] {
			bad("declared twice")
		}
		seen[t.Name] = true
		if t.Original != "" && !original.MatchString(t.Original) {
			bad("original: want up to 128 visible ASCII characters")
		}
		if err := plainText(t.Description, maxToolDescription); err != nil {
			bad("description: %v", err)
		}
		if err := objectSchema(t.Input); err != nil {
			bad("input: %v", err)
			continue
		}
		for _, l := range t.Labels {
			if l != "untrusted" && l != "private" {
				bad("label %q: want untrusted or private", l)
			}
		}
		if err := t.takesAttributes(); err != nil {
			bad("%v", err)
		}
		if err := t.checkRoles(); err != nil {
			bad("%v", err)
		}
	}
	if m.Is(Tool) && len(m.Tools) == 0 {
		errs = append(errs, errors.New("manifest: kind tool, but no tools"))
	}
	return errs
}

// takesAttributes holds a tool with a domain power to that power's vocabulary,
// so that a rule about cards holds whichever plugin provides them.
func (t *ToolSpec) takesAttributes() error {
	if t.Capability == "" || t.Capability == "tool.call" {
		return nil
	}
	c, ok := capability.Lookup(t.Capability)
	if !ok {
		return fmt.Errorf("capability %q is not in the vocabulary", t.Capability)
	}
	if !c.Domain {
		return fmt.Errorf("capability %q is performed by the host; a tool carries domain powers only", t.Capability)
	}
	var schema struct {
		Properties map[string]struct {
			Type any `json:"type"`
		} `json:"properties"`
		Required []string `json:"required"`
	}
	if err := json.Unmarshal(t.Input, &schema); err != nil {
		return fmt.Errorf("input: %w", err)
	}
	for _, a := range c.Attributes {
		if !a.Required {
			continue
		}
		want := a.Type
		if want == "strings" {
			want = "array"
		}
		p, ok := schema.Properties[a.Name]
		if !ok || p.Type != want || !slices.Contains(schema.Required, a.Name) {
			return fmt.Errorf("%s: input must require %q of type %s", c.Name, a.Name, want)
		}
	}
	return nil
}

// checkRoles holds risk, destinations and contents to the vocabulary and to the
// input schema: a role given to an argument that there is not guards nothing.
func (t *ToolSpec) checkRoles() error {
	if t.Risk != "" && (!slices.Contains([]capability.Risk{capability.Read, capability.Write, capability.Irreversible}, t.Risk) || t.Level() != t.Risk) {
		return fmt.Errorf("risk %q: want write or irreversible, and no less than the risk of %s; leave it out to have that", t.Risk, t.Power())
	}
	var schema struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	if err := json.Unmarshal(t.Input, &schema); err != nil {
		return fmt.Errorf("input: %w", err)
	}
	for list, names := range map[string][]string{"destinations": t.Destinations, "contents": t.Contents} {
		for _, name := range names {
			if _, ok := schema.Properties[name]; !ok {
				return fmt.Errorf("%s: the input schema has no argument %q", list, name)
			}
			if list == "contents" && slices.Contains(t.Destinations, name) {
				return fmt.Errorf("%q is both a destination and a content; a destination it is", name)
			}
		}
	}
	return nil
}

func (m *Manifest) validateRequires() (errs []error) {
	seen := map[string]bool{}
	for _, r := range m.Requires {
		bad := func(format string, a ...any) {
			errs = append(errs, fmt.Errorf("manifest: requires %s: "+format, append([]any{r.Capability}, a...)...))
		}
		c, ok := capability.Lookup(r.Capability)
		if !ok {
			bad("not in the vocabulary")
			continue
		}
		if seen[r.Capability] {
			bad("asked for twice")
		}
		seen[r.Capability] = true
		if err := plainText(r.Reason, 500); err != nil || r.Reason == "" {
			bad("reason: say in a sentence why the plugin needs it")
		}
		if err := c.CheckScope(r.Scope); err != nil {
			bad("%v", err)
		}
	}
	return errs
}

func objectSchema(raw json.RawMessage) error {
	var s struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(raw, &s); err != nil || s.Type != "object" {
		return errors.New(`want a JSON Schema with "type": "object"`)
	}
	return nil
}

// plainText refuses what could deceive a reader: control characters, and
// characters that hide or reorder text.
func plainText(s string, limit int) error {
	if len(s) > limit {
		return fmt.Errorf("%d bytes, the limit is %d", len(s), limit)
	}
	for _, r := range s {
		if deceives(r) {
			return fmt.Errorf("character %U is not allowed", r)
		}
	}
	return nil
}

func deceives(r rune) bool {
	return r < 0x20 && r != '\n' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 ||
		r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 ||
		r == 0xfeff || r >= 0xe0000 && r <= 0xe007f
}
