package policy

import (
	"time"

	"github.com/ambithost/ambit/sdk/capability"
)

// Request is one wish to use a capability, in the shape of an AuthZEN 1.0
// evaluation request. Policies see its JSON form as input.
type Request struct {
	Subject  Entity   `json:"subject"`
	Action   Action   `json:"action"`
	Resource Resource `json:"resource"`
	Context  Context  `json:"context"`
}

// Entity is who acts: an agent, a plugin, or the owner.
type Entity struct {
	Type string `json:"type"` // "agent", "plugin", "owner"
	ID   string `json:"id"`
}

// Action is the capability.
type Action struct {
	Name string          `json:"name"`
	Risk capability.Risk `json:"risk"`
}

// Resource is what is acted on. Attributes are those of the vocabulary.
type Resource struct {
	Type       string                `json:"type"` // the capability's namespace, e.g. "http"
	ID         string                `json:"id"`   // for people: a URL without query, a file, a tool
	Attributes capability.Attributes `json:"properties"`
}

// Context is everything else policy may look at.
type Context struct {
	Plugin   Plugin            `json:"plugin"` // who holds the grant
	Requires *capability.Scope `json:"requires,omitempty"`
	Grant    *Grant            `json:"grant,omitempty"`
	Agent    string            `json:"agent,omitempty"`
	Session  string            `json:"session,omitempty"`
	Turn     string            `json:"turn,omitempty"`
	Trigger  string            `json:"trigger,omitempty"` // "message", "call", …
	Labels   []string          `json:"labels,omitempty"`  // of the session so far, sorted
	Tool     string            `json:"tool,omitempty"`    // the tool on whose behalf a plugin acts
	// Arguments is where what goes out or is changed came from; nil for what
	// only reads, and where no session is behind the request.
	Arguments []Argument `json:"arguments,omitempty"`
	// AskedFor: the owner's words in this session have one by which people ask for
	// such a thing ("book", "reserve"; for what deletes "delete", "cancel").
	AskedFor bool `json:"asked_for,omitempty"`
	// Delegation: a sub-agent acts, and within which bounds; nil: the agent itself.
	Delegation *Delegation `json:"delegation,omitempty"`
	Now        time.Time   `json:"now"`
	// OwnerSeen is when the owner last spoke or answered; zero if never.
	OwnerSeen time.Time `json:"owner_seen,omitzero"`
}

// Delegation is what a sub-agent may use at most. The gate has held the request to
// it before policy is asked; rules can only narrow further.
type Delegation struct {
	Depth        int64    `json:"depth"` // 1: the agent set it to work; 2: a sub-agent did
	Turn         string   `json:"turn"`  // that set it to work
	Tools        []string `json:"tools"`
	Capabilities []string `json:"capabilities"`
}

// Plugin is the plugin whose grant is used.
type Plugin struct {
	Name      string   `json:"name"`
	Version   string   `json:"version"`
	Digest    string   `json:"digest"`
	Kinds     []string `json:"kinds"`
	Signed    bool     `json:"signed"`
	Isolation string   `json:"isolation"` // "confined", "partial", "process"
}

// Grant is the owner's consent that covers the request.
type Grant struct {
	ID      string           `json:"id"`
	Scope   capability.Scope `json:"scope"`
	Expires time.Time        `json:"expires,omitzero"`
	// Consents: the owner has said with the grant that this very use needs no
	// word of theirs, although it can't be undone.
	Consents bool `json:"consents,omitempty"`
}

// Verdict is the outcome of a decision. The zero value denies.
type Verdict string

const (
	Deny  Verdict = "deny"
	Ask   Verdict = "ask"
	Allow Verdict = "allow"
)

// Decision is what policy says about a request. The zero Decision denies.
type Decision struct {
	Verdict     Verdict      `json:"verdict"`
	Reasons     []Reason     `json:"reasons,omitempty"`
	Obligations []Obligation `json:"obligations,omitempty"`
	Revision    string       `json:"revision"` // of the policy set, 12 hex digits
}

// Reason names the rule that spoke and what would change it.
type Reason struct {
	Rule    string `json:"rule"` // e.g. "base.network.special_address"
	Message string `json:"message"`
	Change  string `json:"change,omitempty"` // a command, or what to ask the owner
}

// Obligation must be met for an allow or an approved ask to hold. One that the
// gate does not know makes it refuse.
type Obligation struct {
	Type   string         `json:"type"` // one of [ObligationTypes]
	Params map[string]any `json:"params,omitempty"`
}

// ObligationTypes are those that the gate can meet.
func ObligationTypes() []string { return []string{"approve", "budget", "dry_run"} }
