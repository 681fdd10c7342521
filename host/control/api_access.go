package control

import "github.com/ambithost/ambit/sdk/capability"

// AccessEntity is a subject of an AuthZEN 1.0 request. Its properties are not
// looked at: who acts is said by type and id.
type AccessEntity struct {
	Type       string         `json:"type"`
	ID         string         `json:"id"`
	Properties map[string]any `json:"properties,omitempty"`
}

// AccessAction is the action: its name is a capability.
type AccessAction struct {
	Name       string         `json:"name"`
	Properties map[string]any `json:"properties,omitempty"` // not looked at
}

// AccessResource is what is acted on; properties are the vocabulary's
// attributes.
type AccessResource struct {
	Type       string                `json:"type"`
	ID         string                `json:"id"`
	Properties capability.Attributes `json:"properties,omitempty"`
}

// AccessContext is what an enforcement point may say besides. What it leaves
// out is taken for the worst.
type AccessContext struct {
	// Plugin holds the grant that is used. A subject of type plugin uses its
	// own, and names it here too or not at all.
	Plugin  string `json:"plugin,omitempty"`
	Agent   string `json:"agent,omitempty"`
	Session string `json:"session,omitempty"`
	// Labels are of all that the subject has read. Left out, it may have read
	// anything: what is private and what strangers wrote.
	Labels *[]string `json:"labels,omitempty"`
}

// AccessRequest is an AuthZEN 1.0 access evaluation request
// (https://openid.net/specs/authorization-api-1_0.html).
type AccessRequest struct {
	Subject  *AccessEntity   `json:"subject,omitempty"`
	Action   *AccessAction   `json:"action,omitempty"`
	Resource *AccessResource `json:"resource,omitempty"`
	Context  *AccessContext  `json:"context,omitempty"`
}

// AccessDecision is the answer. Decision is true only for what may happen just
// like that: what the owner would be asked about, and what obliges to
// something, is false, and its context says so.
type AccessDecision struct {
	Decision bool           `json:"decision"`
	Context  *AccessReasons `json:"context,omitempty"`
}

// AccessReasons is the context of a decision.
type AccessReasons struct {
	*Decision
	Error string `json:"error,omitempty"` // why it can't be decided
}

// AccessBatch is an AuthZEN 1.0 access evaluations request: what stands at the
// top is the default of each evaluation.
type AccessBatch struct {
	AccessRequest
	Evaluations []AccessRequest `json:"evaluations,omitempty"`
	Options     struct {
		Semantic string `json:"evaluations_semantic,omitempty"` // execute_all, deny_on_first_deny, permit_on_first_permit
	} `json:"options,omitzero"`
}

// AccessDecisions answers an [AccessBatch], in its order.
type AccessDecisions struct {
	Evaluations []AccessDecision `json:"evaluations"`
}
