package control

import (
	"encoding/json"
	"time"

	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
)

// Approval is a question to the owner: may this exact effect happen, once.
type Approval struct {
	ID         string          `json:"id"` // short, for typing
	State      ApprovalState   `json:"state"`
	Actor      string          `json:"actor"` // "agent:main", "plugin:web"
	Plugin     string          `json:"plugin"`
	Tool       string          `json:"tool,omitempty"` // plugin/tool
	Capability string          `json:"capability"`
	Risk       capability.Risk `json:"risk"`
	Resource   string          `json:"resource,omitempty"` // for people
	Args       json.RawMessage `json:"args,omitempty"`     // the exact request
	Digest     string          `json:"digest"`             // of Args; the approval holds for this and nothing else
	Reasons    []policy.Reason `json:"reasons,omitempty"`  // why policy asks
	Session    string          `json:"session,omitempty"`
	Parent     string          `json:"parent,omitempty"` // while it waits: the conversation whose sub-agent asks
	Turn       string          `json:"turn,omitempty"`
	Labels     []string        `json:"labels,omitempty"` // of the session
	Said       string          `json:"said,omitempty"`   // the owner's words that began the turn
	Created    time.Time       `json:"created"`
	Expires    time.Time       `json:"expires"`
	// Grant is what a yes "as a grant" would make, the narrowest that covers
	// the request; NoGrant says why there is none. Only while it waits.
	Grant   *Grant  `json:"grant,omitempty"`
	NoGrant string  `json:"no_grant,omitempty"`
	By      string  `json:"by,omitempty"`      // who answered: "owner", "plugin:NAME"
	Note    string  `json:"note,omitempty"`    // what they said with it
	Lasting Lasting `json:"lasting,omitempty"` // of a yes
}

// Lasting says how far a yes reaches.
type Lasting string

// A yes holds once, unless it says so.
const (
	ForSession Lasting = "session" // and for what is like it, until the session or the host ends
	AsGrant    Lasting = "grant"   // and for what Approval.Grant covers, until revoked
)

// ApprovalState is how far a question got.
type ApprovalState string

const (
	Pending  ApprovalState = "pending"
	Approved ApprovalState = "approved"
	Refused  ApprovalState = "declined"
	Expired  ApprovalState = "expired"
)

// AnswerRequest answers an approval.
type AnswerRequest struct {
	Approve bool `json:"approve"`
	// Digest, if set, must be the approval's: the answer is to what was shown.
	Digest string `json:"digest,omitempty"`
	Note   string `json:"note,omitempty"` // told to the agent with a refusal
	// Lasting of a yes; empty: once. "grant" takes a digest.
	Lasting Lasting `json:"lasting,omitempty"`
}

// BatchRequest answers several approvals with one word.
type BatchRequest struct {
	Approve bool    `json:"approve"`
	Answers []Exact `json:"answers"`
	Note    string  `json:"note,omitempty"`
	Lasting Lasting `json:"lasting,omitempty"`
}

// Exact is one approval and the digest of what was shown of it.
type Exact struct {
	ID     string `json:"id"`
	Digest string `json:"digest"`
}
