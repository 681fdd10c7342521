package gate

import (
	"context"

	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/host/provenance"
	"github.com/ambithost/ambit/sdk/capability"
)

// Effect is one use of a capability that someone wants and nobody has decided
// yet.
type Effect struct {
	Capability string
	// Risk raises or lowers the vocabulary's for this request (an HTTP POST
	// is a write); empty keeps it.
	Risk  capability.Risk
	Actor policy.Entity // who wants it
	// Plugin holds the grant that is used: for a tool the plugin that
	// provides it, for a plugin's own effect that plugin.
	Plugin     string
	Tool       string // plugin/tool if the effect is a call of it
	Resource   string // for people: no secret, no query string
	Attributes capability.Attributes
	// Args is the exact request in JSON. Approvals are bound to its digest,
	// the audit to its keyed hash.
	Args   []byte
	Origin Origin
	// Arguments say where what goes out or is changed came from, for policy.
	Arguments []policy.Argument
	// AskedFor says that the owner's words ask for such a thing, for policy.
	AskedFor bool
	// Resolve, if set, learns facts that only the world can tell (the
	// addresses behind a host name). It runs after the grant was found to
	// cover the request and before policy decides; what it returns is added
	// to the attributes.
	Resolve func(context.Context) (capability.Attributes, error)
	// Perform does it. Its context ends when the grant is revoked, the
	// target killed or the caller gone. An effect that goes on after Perform
	// returns (a stream) calls [Flight.Extend] before.
	Perform func(context.Context, *Flight) error

	power *capability.Capability // set by Do
}

// Origin says where an effect comes from. It travels from the trigger down to
// the last effect of the last plugin.
type Origin struct {
	Agent   string
	Session string
	Turn    string
	Trigger string   // "message", "call", …
	Labels  []string // of the session so far, sorted
	// Material is what the session has read, nil where there is no session
	// or where what it gave was judged already.
	Material *provenance.Material
	Tool     string // plugin/tool on whose behalf
	Parent   string // id of the effect on whose behalf
	// Bounds are what the turn may use at most: nil for an agent's own, never for
	// a sub-agent's.
	Bounds *Bounds
}
