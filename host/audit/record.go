package audit

import "time"

// Record is one entry of the log. It holds no arguments: Commitment binds
// them, and the payload that opens it is kept apart and can be erased.
type Record struct {
	Kind   Kind      `json:"kind"`
	Effect string    `json:"effect,omitempty"` // joins intent and outcome
	Parent string    `json:"parent,omitempty"` // the effect on whose behalf this one is
	Time   time.Time `json:"time"`

	Actor      string `json:"actor,omitempty"` // "agent:main", "plugin:web", "owner", "host"
	Plugin     string `json:"plugin,omitempty"`
	Digest     string `json:"digest,omitempty"` // of the plugin's module
	Capability string `json:"capability,omitempty"`
	Resource   string `json:"resource,omitempty"` // for people; never a secret, never a query string
	Agent      string `json:"agent,omitempty"`
	Session    string `json:"session,omitempty"`
	Turn       string `json:"turn,omitempty"`

	Verdict  string `json:"verdict,omitempty"` // allow, deny, ask
	Rule     string `json:"rule,omitempty"`
	Revision string `json:"revision,omitempty"`
	Grant    string `json:"grant,omitempty"`
	Approval string `json:"approval,omitempty"`

	Status     string `json:"status,omitempty"`     // of an outcome: done, failed, cancelled, unknown, refused, dry_run
	Code       string `json:"code,omitempty"`       // protocol.Code of a failure
	Detail     string `json:"detail,omitempty"`     // one line for people
	Micros     int64  `json:"micros,omitempty"`     // duration of the effect
	Commitment string `json:"commitment,omitempty"` // HMAC-SHA256(salt, payload), hex
}

// Kind of a record.
type Kind string

const (
	// Intent says that an effect was allowed and is about to begin. It is
	// written before anything happens.
	Intent Kind = "intent"
	// Outcome says how the effect of an earlier intent ended. An intent
	// without one is unknown: it may or may not have happened.
	Outcome Kind = "outcome"
	// Refusal is an effect that was decided against and not begun: denied,
	// declined, halted. It has no intent.
	Refusal Kind = "refusal"
	// Evaluation is the answer to another program that would do something itself:
	// whether it did is not known here.
	Evaluation Kind = "evaluation"
	// Install is a plugin put in place at one version and digest.
	Install Kind = "install"
	// Remove is a plugin taken away.
	Remove Kind = "remove"
	// Enable lets an installed plugin start again.
	Enable Kind = "enable"
	// Disable keeps an installed plugin from starting.
	Disable Kind = "disable"
	// Configure is a change of a plugin's configuration, which the payload holds.
	Configure Kind = "configure"
	// Secret was set or removed; Resource is its name.
	Secret Kind = "secret"
	// GrantK is the owner's consent to a capability and scope. (The name
	// leaves Grant to the field that refers to one.)
	GrantK Kind = "grant"
	// Revoke is the end of a grant.
	Revoke Kind = "revoke"
	// Kill is the latch being set: for everything, an agent or a plugin.
	Kill Kind = "kill"
	// Resume is the latch being cleared by the owner.
	Resume Kind = "resume"
	// Approve is the owner's yes to one exact request.
	Approve Kind = "approve"
	// Pair is the owner's word on who somebody that writes over a channel is:
	// let in as what, or forgotten. Resource is the service's id of them.
	Pair Kind = "pair"
	// Budget is the owner's word on what an unknown outcome spent.
	Budget Kind = "budget"
	// Decline is the owner's no to one exact request, or no answer in time.
	Decline Kind = "decline"
	// Policy is a new policy revision in force, or one that was rejected.
	Policy Kind = "policy"
	// Turn is the beginning or end of one run of the agent loop.
	Turn Kind = "turn"
	// Schedule is what happened to a schedule, which Resource names: created,
	// removed, run, disabled.
	Schedule Kind = "schedule"
	// Skill was added or removed; Resource is its name.
	Skill Kind = "skill"
	// Memory is the owner's word on a note of an agent, which Resource names:
	// written, trusted, forgotten.
	Memory Kind = "memory"
	// Start is the host coming up.
	Start Kind = "start"
	// Recovery is what a start found (a torn record, unknown outcomes) and
	// what the log went through: a time in which it could not be written, or
	// a record whose caller was told that it could not be made durable.
	Recovery Kind = "recovery"
)
