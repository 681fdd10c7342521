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
