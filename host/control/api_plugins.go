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
	State     string    `json:"state"`               // "stopped", "running", "crashed", "killed", "revoked"
	Isolation string    `json:"isolation,omitempty"` // "confined", "partial", "process"; empty before its first start
	Installed time.Time `json:"installed"`
	Grants    int       `json:"grants"` // in force
	// Previous is the version that a rollback brings back; empty: none is kept.
	Previous string `json:"previous,omitempty"`
	Held     *Held  `json:"held,omitempty"`
}

// Held is an upgrade that asks for more than the installed version and waits for
// the owner.
type Held struct {
	Version string    `json:"version"`
	More    []string  `json:"more"` // what it asks for in addition
	Since   time.Time `json:"since"`
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
	Source      string           `json:"source"` // path, reference, or "embedded"
	Signed      bool             `json:"signed"`
	Signer      string           `json:"signer,omitempty"` // id of the key
	// Of what came from a registry: "host/namespace", the digest of the OCI
	// manifest, and since when the publisher's key is known (zero: it is not).
	Publisher string    `json:"publisher,omitempty"`
	Artifact  string    `json:"artifact,omitempty"`
	KeySeen   time.Time `json:"key_seen,omitzero"`
	Generated bool      `json:"generated,omitempty"` // manifest made from describe
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
	// What it brought along to read; texts of a stranger.
	Readme  string `json:"readme,omitempty"`
	Licence string `json:"license_text,omitempty"`
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
	// New marks what an installed earlier version did not ask for, or not as widely.
	New bool `json:"new,omitempty"`
}

// PreviewRequest asks what an install would bring. Exactly one of Path, Name, Ref
// and Upgrade is set.
type PreviewRequest struct {
	Path    string `json:"path,omitempty"`    // absolute: a folder with plugin.yaml, a plugin.yaml, or a module
	Name    string `json:"name,omitempty"`    // of a plugin that comes with Ambit
	Ref     string `json:"ref,omitempty"`     // "HOST/NAMESPACE/NAME:VERSION", or "@sha256:…"
	Upgrade string `json:"upgrade,omitempty"` // name of an installed plugin: its newest version
	// AllowUnsigned takes one from a registry that nobody signed.
	AllowUnsigned bool `json:"allow_unsigned,omitempty"`
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
	// Standing of the signer's key: "new", "known", or "rotated" (the key known so
	// far handed over to it).
	Standing string `json:"standing,omitempty"`
	// Same: exactly this is installed, and to install it does nothing.
	Same bool `json:"same,omitempty"`
	// Changes are the differences to the installed version.
	Changes []Change `json:"changes,omitempty"`
	// Notes are for Unusual, from whoever made the preview.
	Notes []string `json:"notes,omitempty"`
	// Manifest is the text of a generated manifest, as it would be pinned.
	Manifest string `json:"manifest,omitempty"`
	// Unusual and Unable are filled in by the server; see [Preview.Explain].
	Unusual []string `json:"unusual,omitempty"` // what deserves a second look
	Unable  []string `json:"unable,omitempty"`  // what it will not be able to do
}

// Change is one difference between the installed version and another one.
type Change struct {
	What string `json:"what"` // "capability", "tool", "schema", "kind", "config", "limits", "description"
	Name string `json:"name,omitempty"`
	Old  string `json:"old,omitempty"` // empty: there was none
	New  string `json:"new,omitempty"` // empty: there is none
	// More marks what the owner has not consented to: it asks for more, or takes
	// a precaution away. Risk is how much is at stake then: the greater one of both.
	More bool            `json:"more,omitempty"`
	Risk capability.Risk `json:"risk,omitempty"`
}

// Download is what an install that is being looked at does.
type Download struct {
	What  string `json:"what"`
	Stage string `json:"stage"` // "resolve", "download", "compile"
	Done  int64  `json:"done"`  // bytes of the module
	All   int64  `json:"all"`
}

// Checked is what a verification found of one plugin.
type Checked struct {
	Identity
	Problem string `json:"problem,omitempty"` // empty: all is as it was installed
}

// Publisher is whose key is known.
type Publisher struct {
	Namespace string    `json:"namespace"` // "host/namespace"
	Key       string    `json:"key"`       // id
	FirstSeen time.Time `json:"first_seen"`
	Earlier   []string  `json:"earlier,omitempty"` // keys that handed over
}

// PublisherRequest names a publisher.
type PublisherRequest struct {
	Namespace string `json:"namespace"`
}

// InstallRequest confirms a preview. Digest repeats the preview's: what is
// installed is what was shown, or nothing.
type InstallRequest struct {
	Preview string      `json:"preview"`
	Digest  string      `json:"digest"`
	Grants  []GrantWish `json:"grants,omitempty"` // what the owner consents to
	// Keep is an upgrade: the grants in force stay, and Grants are added. One that
	// asks for more than the installed version is held, unless Accept says that
	// the owner has seen the difference.
	Keep   bool `json:"keep,omitempty"`
	Accept bool `json:"accept,omitempty"`
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
