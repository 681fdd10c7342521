package control

import (
	"time"

	"github.com/ambithost/ambit/host/budget"
	"github.com/ambithost/ambit/sdk/capability"
)

// Grant is the owner's consent: plugin, capability, scope, perhaps an end.
type Grant struct {
	ID         string           `json:"id"`
	Plugin     string           `json:"plugin"`
	Capability string           `json:"capability"`
	Agent      string           `json:"agent,omitempty"` // for which alone; empty: for all
	Risk       capability.Risk  `json:"risk"`
	Scope      capability.Scope `json:"scope,omitzero"`
	Limits     *budget.Limits   `json:"limits,omitempty"`
	// Consent: no power of its own, but within its scope the owner is not
	// asked about what can't be undone.
	Consent bool      `json:"consent,omitempty"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"` // zero: does not expire
}

// GrantRequest makes a grant, or replaces the one the plugin has for this
// capability.
type GrantRequest struct {
	Plugin     string `json:"plugin"`
	Capability string `json:"capability"`
	Agent      string `json:"agent,omitempty"` // for which alone; empty: for all
	// Scope narrows what the manifest requires; nil takes the requirement's.
	Scope   *capability.Scope `json:"scope,omitempty"`
	Limits  *budget.Limits    `json:"limits,omitempty"`
	Expires time.Time         `json:"expires,omitzero"`
}

// RevokeRequest ends what a plugin holds of a capability, or with an empty Capability
// all; with an Agent only what is granted for it alone.
type RevokeRequest struct {
	Plugin     string `json:"plugin"`
	Capability string `json:"capability,omitempty"`
	Agent      string `json:"agent,omitempty"`
}

// Revocation is what a revoke did. When it is returned no new effect of these
// grants starts.
type Revocation struct {
	Grants    []Grant `json:"grants"`
	Cancelled int     `json:"cancelled"` // effects that were in flight
	Micros    int64   `json:"micros"`
}
