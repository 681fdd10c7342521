package control

import (
	"time"

	"github.com/ambithost/ambit/host/policy"
)

// PolicyStatus is the policy set in force.
type PolicyStatus struct {
	Revision string    `json:"revision"` // 12 hex digits
	Layers   []Layer   `json:"layers"`   // outermost last
	Loaded   time.Time `json:"loaded"`
	Folder   string    `json:"folder"`          // where the owner's files lie
	Error    string    `json:"error,omitempty"` // why the files in Folder are not in force
}

// Layer is a part of the policy set.
type Layer struct {
	Name  string `json:"name"` // "base", "owner"
	Files int    `json:"files"`
}

// PolicyCheckRequest asks whether a folder of policies could be put in force.
type PolicyCheckRequest struct {
	Folder string `json:"folder,omitempty"` // absolute; empty: the owner's
}

// PolicyReport is the result of a check.
type PolicyReport struct {
	OK       bool            `json:"ok"`
	Folder   string          `json:"folder"`
	Files    int             `json:"files"`
	Revision string          `json:"revision,omitempty"` // it would have, if OK
	Problems []PolicyProblem `json:"problems,omitempty"`
}

// PolicyProblem is one thing wrong with a policy file: where, what, and what to
// do.
type PolicyProblem = policy.Problem

// PolicyTestReport is what the tests of a folder said.
type PolicyTestReport struct {
	OK     bool   `json:"ok"`
	Folder string `json:"folder"`
	policy.TestReport
}

// PolicyFormat is what the files of a folder would be in the usual form. The
// host writes nothing: who asked does, if the digest is still the file's.
type PolicyFormat struct {
	Folder   string             `json:"folder"`
	Files    int                `json:"files"` // of Rego
	Changed  []policy.Formatted `json:"changed,omitempty"`
	Problems []PolicyProblem    `json:"problems,omitempty"`
}

// PolicyRequest is an AuthZEN evaluation request, as policies see it.
type PolicyRequest = policy.Request

// Decision is what policy says about a [PolicyRequest].
type Decision = policy.Decision

// PolicyExplainRequest asks how a decision comes about: that of a recorded
// request, or of a made-up one. Exactly one is given.
type PolicyExplainRequest struct {
	Index   *int64         `json:"index,omitempty"` // of the audit log
	Request *PolicyRequest `json:"request,omitempty"`
}

// PolicyExplanation is what the policy in force says about a request and why.
type PolicyExplanation struct {
	*policy.Explanation
	Recorded *AuditEntry `json:"recorded,omitempty"` // what was decided then
}
