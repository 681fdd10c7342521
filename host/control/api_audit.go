package control

import (
	"time"

	"github.com/ambithost/ambit/host/audit"
)

// AuditEntry is a record and its place in the log.
type AuditEntry struct {
	Index int64 `json:"index"` // from 0
	audit.Record
}

// AuditQuery selects entries. Empty fields select everything.
type AuditQuery struct {
	// From is the first index looked at. With Last it is ignored.
	From int64
	// Last asks for the newest matching entries, oldest of them first.
	Last int
	// Limit caps the entries of one page; 0 is 100, the most is 1000.
	Limit int

	Kind       string
	Actor      string // "agent:main", "plugin:web", "owner"
	Plugin     string
	Capability string
	Session    string
	Verdict    string // "allow", "deny", "ask"
	Effect     string // id
	Since      time.Time
}

// AuditPage is one page of entries, in the log's order.
type AuditPage struct {
	Entries []AuditEntry `json:"entries"`
	Next    int64        `json:"next"` // From of the page after this one
	Size    int64        `json:"size"` // entries in the whole log
}

// AuditDetail is an entry with what is kept apart from the log.
type AuditDetail struct {
	AuditEntry
	// Payload is the record's arguments, if they are kept and still open the
	// commitment; secrets are never in it.
	Payload string `json:"payload,omitempty"`
	// Request is what policy saw, kept and erased with the arguments. Absent
	// where the effect was refused before policy was asked.
	Request *PolicyRequest `json:"request,omitempty"`
	// Related are the other records of the same effect.
	Related []AuditEntry `json:"related,omitempty"`
}

// VerifyRequest says what to verify.
type VerifyRequest struct {
	Folder string `json:"folder,omitempty"` // absolute, a copy of a log; empty: the host's own
	// Checkpoint is a signed note kept elsewhere; the log must extend it.
	Checkpoint string `json:"checkpoint,omitempty"`
}

// Verification is the result. A log that fails is OK false, not an error.
type Verification struct {
	OK       bool     `json:"ok"`
	Entries  int64    `json:"entries"`
	Root     string   `json:"root,omitempty"` // tree hash, base64 as in the checkpoint
	Problems []string `json:"problems,omitempty"`
	Micros   int64    `json:"micros"`
}

// Checkpoint is the log's signed tree head.
type Checkpoint struct {
	Note   string    `json:"note"` // C2SP signed note, to be kept elsewhere
	Key    string    `json:"key"`  // verifier key of the note
	Size   int64     `json:"size"`
	Signed time.Time `json:"signed,omitzero"`
}
