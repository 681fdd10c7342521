package control

import (
	"time"

	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
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

// PolicyRule is one rule in an explanation.
type PolicyRule = policy.Explained

// PolicyReplayRequest says which recorded requests are decided again, and by
// what.
type PolicyReplayRequest struct {
	Since time.Time `json:"since,omitzero"` // zero: all that is kept
	// Folder is the proposed owner's folder, absolute.
	Folder string `json:"folder,omitempty"`
	// Against is another folder, or a kept revision; empty: what is in force.
	Against string `json:"against,omitempty"`
}

// PolicyReplay is what another policy would have decided otherwise.
type PolicyReplay struct {
	From     string `json:"from"` // revision
	To       string `json:"to"`
	Requests int    `json:"requests"` // decided by both
	Skipped  int    `json:"skipped"`  // refused before policy was asked, or no longer kept
	Denied   int    `json:"newly_denied"`
	Asked    int    `json:"newly_asked"`
	Allowed  int    `json:"newly_allowed"`
	// Changes are listed up to 1000.
	Changes []PolicyChange `json:"changes"`
}

// PolicyChange is a recorded request that is decided otherwise.
type PolicyChange struct {
	Entry   AuditEntry      `json:"entry"`
	Was     policy.Verdict  `json:"was"`
	Becomes policy.Verdict  `json:"becomes"`
	Reasons []policy.Reason `json:"reasons,omitempty"` // of the new verdict
}

// Count adds one request to the result; changes beyond most are only counted.
func (p *PolicyReplay) Count(e AuditEntry, was, becomes Decision, most int) {
	p.Requests++
	if was.Verdict == becomes.Verdict {
		return
	}
	switch becomes.Verdict {
	case policy.Allow:
		p.Allowed++
	case policy.Ask:
		p.Asked++
	default:
		p.Denied++
	}
	if len(p.Changes) < most {
		p.Changes = append(p.Changes, PolicyChange{Entry: e, Was: was.Verdict, Becomes: becomes.Verdict, Reasons: becomes.Reasons})
	}
}

// Suggestion is the narrowest grant under which what was let through would have
// passed, as far as grants go.
type Suggestion struct {
	Plugin     string           `json:"plugin"`
	Capability string           `json:"capability"`
	Scope      capability.Scope `json:"scope"`
	Uses       int              `json:"uses"`
}

// PolicyActivateRequest puts a folder in the place of the owner's.
type PolicyActivateRequest struct {
	Folder string `json:"folder"` // absolute
	From   string `json:"from"`   // the revision that the change was made from
	To     string `json:"to"`     // the revision that was shown
}
