package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"

	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
)

func (m *memory) TestPolicy(_ context.Context, req control.PolicyCheckRequest) (*control.PolicyTestReport, error) {
	r := &control.PolicyTestReport{OK: true, Folder: req.Folder}
	r.Rules = 3
	r.Tests = []policy.TestResult{{Name: "no calls at night", Kind: "case", File: "a_cases.yaml", Line: 4, OK: true}}
	if strings.HasSuffix(req.Folder, "bad") {
		r.OK = false
		r.Tests = append(r.Tests, policy.TestResult{Name: "small sums pass" + escapes, Kind: "rego", File: "a_test.rego", Line: 9, Message: "test_small_sums_pass fails"})
		r.Unreached = []policy.RuleRef{{Rule: "owner.cards.ask", File: "cards.rego", Line: 12}}
	}
	return r, nil
}

// FormatPolicy has every file begin with a line of its own.
func (m *memory) FormatPolicy(_ context.Context, req control.PolicyCheckRequest) (*control.PolicyFormat, error) {
	r := &control.PolicyFormat{Folder: req.Folder, Files: 1}
	file := filepath.Join(req.Folder, "odd.rego")
	b, err := os.ReadFile(file)
	if err == nil && !strings.HasPrefix(string(b), "package") {
		sum := sha256.Sum256(b)
		r.Changed = []policy.Formatted{{File: file, Text: strings.TrimSpace(string(b)) + "\n", Digest: hex.EncodeToString(sum[:])}}
	}
	return r, nil
}

func (m *memory) ExplainPolicy(_ context.Context, req control.PolicyExplainRequest) (*control.PolicyExplanation, error) {
	x := &control.PolicyExplanation{Explanation: &policy.Explanation{Decision: policy.Decision{Verdict: policy.Deny, Revision: "7f3a01b2c3d4",
		Reasons: []policy.Reason{{Rule: "owner.cards.deny (cards.rego:7)", Message: "too much", Change: "edit the ceiling"}}}}}
	if req.Index != nil {
		if int(*req.Index) >= len(m.entries) {
			return nil, notFound("the log has %d entries", len(m.entries))
		}
		x.Recorded = &m.entries[*req.Index]
	}
	x.Spoke = []policy.Explained{{RuleRef: policy.RuleRef{Rule: "owner.cards.deny", File: "cards.rego", Line: 7},
		Conditions: []policy.Condition{{Text: "input.resource.properties.amount >\n\tceiling", Line: 8, Saw: []policy.Seen{{Name: "input.resource.properties.amount", Value: "9000"}}}}}}
	x.Silent = []policy.Explained{{RuleRef: policy.RuleRef{Rule: "owner.night.ask", File: "night.rego", Line: 3},
		Conditions: []policy.Condition{{Text: "input.context.trigger == " + escapes, Saw: []policy.Seen{{Name: "input.context.trigger"}}}}}}
	return x, nil
}

func (m *memory) ReplayPolicy(_ context.Context, req control.PolicyReplayRequest) (*control.PolicyReplay, error) {
	r := &control.PolicyReplay{From: "7f3a01b2c3d4", To: "0123456789ab", Skipped: 1, Changes: []control.PolicyChange{}}
	if req.Against != "" {
		r.From = filepath.Base(req.Against)
	}
	same := policy.Decision{Verdict: policy.Allow}
	for _, e := range m.entries[:3] {
		r.Count(e, same, same, 10)
	}
	if strings.HasSuffix(req.Folder, "strict") {
		r.Count(m.entries[0], same, policy.Decision{Verdict: policy.Deny, Reasons: []policy.Reason{{Rule: "owner.a.deny", Message: "no web"}}}, 10)
		r.Count(m.entries[2], policy.Decision{Verdict: policy.Deny}, policy.Decision{Verdict: policy.Ask}, 10)
	}
	return r, nil
}

func (m *memory) SuggestGrants(context.Context, control.PolicyReplayRequest) ([]control.Suggestion, error) {
	return []control.Suggestion{
		{Plugin: "mail", Capability: "mail.send", Uses: 12, Scope: capability.Scope{Allow: map[string][]string{"to": {"o'hara@example.net" + escapes}}}},
		{Plugin: "weather", Capability: "clock.read", Uses: 1},
	}, nil
}

func (m *memory) ActivatePolicy(_ context.Context, req control.PolicyActivateRequest) (*control.PolicyStatus, error) {
	b, err := os.ReadFile(filepath.Join(req.Folder, "rules.rego"))
	if err == nil {
		err = os.WriteFile(filepath.Join(m.folder, "rules.rego"), b, 0o600)
	}
	return &control.PolicyStatus{Revision: req.To}, err
}

func (m *memory) EvaluateAccess(context.Context, control.AccessRequest) (*control.AccessDecision, error) {
	return &control.AccessDecision{}, nil
}
