// Package manifest reads plugin.yaml: what a plugin is, which tools it offers
// and which capabilities it asks for. What the model and the owner read about
// a tool comes from here and is pinned at install; nothing a plugin says later
// changes it. Start at [Parse].
package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/ambithost/ambit/sdk/capability"
)

// MaxBytes caps the size of a manifest.
const MaxBytes = 1 << 20

// maxTimeoutSeconds is the longest a plugin can ask one call to take.
const maxTimeoutSeconds = 600

// Kind is a role a plugin can play.
type Kind string

const (
	Tool    Kind = "tool"
	Model   Kind = "model"
	Channel Kind = "channel"
	Memory  Kind = "memory"
)

// Runtime is how a plugin's module runs.
type Runtime string

const (
	Wasm   Runtime = "wasm"   // an Extism module, run by Ambit's own runner
	Native Runtime = "native" // a static go-plugin executable
)

// Interface is how the tools of a plugin are called: by which functions of its
// module and in which shapes.
type Interface string

const (
	// Servlet is the export "call", in the shapes of mcp.run servlets and of
	// hyper-mcp's first interface; also what Ambit's own SDKs make.
	Servlet Interface = ""
	// HyperMCP2 is hyper-mcp's second interface: the export "call_tool".
	HyperMCP2 Interface = "hyper-mcp-v2"
	// Functions says that each tool is a function of a plain Extism plugin: it takes and
	// returns text. See [ToolSpec.TakesText].
	Functions Interface = "functions"
)

// Manifest describes one plugin at one version.
type Manifest struct {
	Format      int           `json:"manifest"` // 1
	Name        string        `json:"name"`
	Version     string        `json:"version"` // semantic version without "v"
	Description string        `json:"description"`
	License     string        `json:"license,omitempty"` // SPDX
	Runtime     Runtime       `json:"runtime"`
	Module      string        `json:"module"` // file beside the manifest
	Kinds       []Kind        `json:"kinds"`
	Interface   Interface     `json:"interface,omitempty"` // for plugins that were made for other hosts
	Tools       []ToolSpec    `json:"tools,omitempty"`
	Requires    []Requirement `json:"requires,omitempty"`
	// IdempotentSend says of a channel that its service knows a message by
	// [channel.Send]'s Key: one whose sending was cut off is sent again as it was,
	// to anybody, and arrives once.
	IdempotentSend bool `json:"idempotent_send,omitempty"`
	// Config is the JSON Schema of the plugin's configuration, an object.
	Config json.RawMessage `json:"config,omitempty"`
	Limits Limits          `json:"limits,omitzero"`
	// Generated marks a manifest that was made for a plugin that has none.
	Generated bool `json:"generated,omitempty"`
}

// ToolSpec is one tool as the model sees it.
type ToolSpec struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Input       json.RawMessage `json:"input"` // JSON Schema of the arguments, an object
	// Original is the plugin's own name of the tool, or its function's, where that
	// can't be a name here; empty: the same.
	Original string `json:"original,omitempty"`
	// Capability is the domain power that calling the tool uses; empty is
	// tool.call.
	Capability string `json:"capability,omitempty"`
	// Idempotent tools may be called again with the same idempotency key
	// after a crash.
	Idempotent bool `json:"idempotent,omitempty"`
	// Labels mark the results: "untrusted" (text that others wrote),
	// "private" (about the owner).
	Labels []string `json:"labels,omitempty"`
	// Risk raises the risk of calling the tool above its capability's, for a
	// tool that does more harm than its kind (one that deletes for good) or
	// that changes something without having a domain power.
	Risk capability.Risk `json:"risk,omitempty"`
	// Destinations are the arguments that say who or what is reached or acted
	// on, Contents those that say what gets there or is set. Arguments that the
	// vocabulary names for the tool's capability have their role already.
	Destinations []string `json:"destinations,omitempty"`
	Contents     []string `json:"contents,omitempty"`
}

// Called is the plugin's own name of the tool.
func (t *ToolSpec) Called() string {
	if t.Original == "" {
		return t.Name
	}
	return t.Original
}

// InputArgument is the one argument of a tool that takes a text.
const InputArgument = "input"

// TakesText reports whether the tool has exactly one argument, a string named
// [InputArgument]. A function gets that text as it is; one with any other schema
// gets the arguments as a JSON object.
func (t *ToolSpec) TakesText() bool {
	var schema struct {
		Properties map[string]struct {
			Type any `json:"type"`
		} `json:"properties"`
	}
	return json.Unmarshal(t.Input, &schema) == nil && len(schema.Properties) == 1 && schema.Properties[InputArgument].Type == "string"
}

// Level is the risk of calling the tool: its capability's, or its own if that
// is greater.
func (t *ToolSpec) Level() capability.Risk {
	c, ok := capability.Lookup(t.Power())
	switch {
	case !ok:
		return capability.Irreversible
	case t.Risk.AtLeast(c.Risk):
		return t.Risk
	}
	return c.Risk
}

// Role is what an argument of the tool is to those outside.
func (t *ToolSpec) Role(argument string) capability.Role {
	switch {
	case slices.Contains(t.Destinations, argument):
		return capability.Destination
	case slices.Contains(t.Contents, argument):
		return capability.Content
	}
	if c, ok := capability.Lookup(t.Power()); ok {
		for _, a := range c.Attributes {
			if a.Name == argument {
				return a.Role
			}
		}
	}
	return ""
}

// Power returns the capability that calling the tool uses.
func (t *ToolSpec) Power() string {
	if t.Capability == "" {
		return "tool.call"
	}
	return t.Capability
}

// Requirement is a capability the plugin asks for, how narrowly, and why. A
// scope entry may hold "${config.KEY}": when the plugin is installed or
// configured it becomes that configuration value, and for a host list the
// authority of the URL found there.
type Requirement struct {
	Capability string           `json:"capability"`
	Scope      capability.Scope `json:"scope,omitzero"`
	Reason     string           `json:"reason"`
}

// Limits asks for other limits than the host's defaults, which zero fields mean:
// 256 MB, of which a plugin can ask for less, and 2 minutes, of which it can ask
// for less or for more up to 10.
type Limits struct {
	MemoryMB       int `json:"memory_mb,omitempty"`
	TimeoutSeconds int `json:"timeout_seconds,omitempty"` // for one call
}

// Parse reads YAML (or JSON, which is YAML), refuses unknown keys, and
// validates. The error says which field is wrong and what it must be.
func Parse(b []byte) (*Manifest, error) {
	if len(b) > MaxBytes {
		return nil, fmt.Errorf("manifest: %d bytes, the limit is %d", len(b), MaxBytes)
	}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	var doc any
	if err := dec.Decode(&doc); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if err := dec.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("manifest: more than one document")
	}
	js, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(js))
	d.DisallowUnknownFields()
	m := new(Manifest)
	if err := d.Decode(m); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	return m, nil
}

// Tool finds a tool by name.
func (m *Manifest) Tool(name string) (*ToolSpec, bool) {
	for i := range m.Tools {
		if m.Tools[i].Name == name {
			return &m.Tools[i], true
		}
	}
	return nil, false
}

// Is reports whether the plugin plays that role.
func (m *Manifest) Is(k Kind) bool {
	for _, have := range m.Kinds {
		if have == k {
			return true
		}
	}
	return false
}

// Requirement finds what the plugin asks for of one capability.
func (m *Manifest) Requirement(name string) (*Requirement, bool) {
	for i := range m.Requires {
		if m.Requires[i].Capability == name {
			return &m.Requires[i], true
		}
	}
	return nil, false
}
