package control

import (
	"encoding/json"
	"time"

	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/manifest"
)

// Plugin is an installed plugin in one line.
type Plugin struct {
	Identity
	Enabled   bool      `json:"enabled"`
	State     string    `json:"state"`               // "stopped", "running", "crashed", "killed"
	Isolation string    `json:"isolation,omitempty"` // "confined", "partial", "process"; empty before its first start
	Installed time.Time `json:"installed"`
	Grants    int       `json:"grants"` // in force
}

// Identity is what a plugin is, whether installed or not.
type Identity struct {
	Name        string           `json:"name"`
	Version     string           `json:"version"`
	Description string           `json:"description,omitempty"`
	License     string           `json:"license,omitempty"` // SPDX
	Kinds       []manifest.Kind  `json:"kinds"`
	Runtime     manifest.Runtime `json:"runtime"`
	Digest      string           `json:"digest"` // of the module
	Size        int64            `json:"size"`   // of the module, bytes
	Source      string           `json:"source"` // path, or "embedded"
	Signed      bool             `json:"signed"`
	Signer      string           `json:"signer,omitempty"`
	Generated   bool             `json:"generated,omitempty"` // manifest made from describe
}

// PluginDetail is all there is to know about an installed plugin.
type PluginDetail struct {
	Plugin
	PID      int           `json:"pid,omitempty"` // of its cell
	Measures []string      `json:"measures,omitempty"`
	Missing  []string      `json:"missing,omitempty"`
	Tools    []Tool        `json:"tools,omitempty"`
	Requires []Requirement `json:"requires,omitempty"`
	// InForce are its grants, expired and revoked ones left out.
	InForce      []Grant           `json:"in_force,omitempty"`
	Config       map[string]string `json:"config,omitempty"`
	ConfigSchema json.RawMessage   `json:"config_schema,omitempty"` // JSON Schema
	Limits       manifest.Limits   `json:"limits,omitzero"`
	LastError    string            `json:"last_error,omitempty"` // why its last cell ended badly
}

// Tool is a tool as pinned at install.
type Tool struct {
	Name        string          `json:"name"` // without the plugin
	Description string          `json:"description"`
	Capability  string          `json:"capability"` // the power that calling it uses
	Risk        capability.Risk `json:"risk"`
	Input       json.RawMessage `json:"input,omitempty"` // JSON Schema
	Labels      []string        `json:"labels,omitempty"`
	Idempotent  bool            `json:"idempotent,omitempty"`
}

// Requirement is a capability that a plugin asks for.
type Requirement struct {
	Capability string           `json:"capability"`
	Risk       capability.Risk  `json:"risk"`
	Scope      capability.Scope `json:"scope,omitzero"` // configuration filled in
	Reason     string           `json:"reason"`
	// New marks what an installed earlier version did not ask for.
	New bool `json:"new,omitempty"`
}

// PreviewRequest asks what an install would bring. Exactly one of Path and Name
// is set.
type PreviewRequest struct {
	Path string `json:"path,omitempty"` // absolute: a folder with plugin.yaml, a plugin.yaml, or a module
	Name string `json:"name,omitempty"` // of a plugin that comes with Ambit
	// Hosts are for a plugin without manifest: what it may reach.
	Hosts  []string          `json:"hosts,omitempty"`
	Config map[string]string `json:"config,omitempty"`
	// Exports are the functions of a plain Extism plugin that shall be its tools.
	Exports []string `json:"exports,omitempty"`
}

// Preview is the consent sheet: what the plugin is and asks for. Nothing is
// installed yet. It is forgotten after ten minutes or at the host's end.
type Preview struct {
	ID string `json:"id"`
	Identity
	Requires      []Requirement     `json:"requires,omitempty"`
	Tools         []Tool            `json:"tools,omitempty"`
	Config        map[string]string `json:"config,omitempty"`         // as it would be stored
	MissingConfig []string          `json:"missing_config,omitempty"` // keys that must be given
	Replaces      string            `json:"replaces,omitempty"`       // installed version, if any
	// Manifest is the text of a generated manifest, as it would be pinned.
	Manifest string `json:"manifest,omitempty"`
	// Unusual and Unable are filled in by the server; see [Preview.Explain].
	Unusual []string `json:"unusual,omitempty"` // what deserves a second look
	Unable  []string `json:"unable,omitempty"`  // what it will not be able to do
}

// InstallRequest confirms a preview. Digest repeats the preview's: what is
// installed is what was shown, or nothing.
type InstallRequest struct {
	Preview string      `json:"preview"`
	Digest  string      `json:"digest"`
	Grants  []GrantWish `json:"grants,omitempty"` // what the owner consents to
}

// GrantWish is a grant made together with an install.
type GrantWish struct {
	Capability string            `json:"capability"`
	Scope      *capability.Scope `json:"scope,omitempty"`  // nil: as required
	Expires    time.Time         `json:"expires,omitzero"` // zero: does not expire
}

// EnabledRequest switches a plugin on or off.
type EnabledRequest struct {
	Enabled bool `json:"enabled"`
}

// ConfigRequest replaces a plugin's whole configuration.
type ConfigRequest struct {
	Config map[string]string `json:"config"`
}
