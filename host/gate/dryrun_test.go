package gate

import (
	"context"
	"strings"
	"testing"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/protocol"
)

// TestDryRun: what policy lets pass and obliges to leave undone is neither
// performed nor asked nor paid for; the log says what would have been, and whoever
// wanted it that nothing was. What is denied is denied as ever.
func TestDryRun(t *testing.T) {
	t.Parallel()
	dry := policy.Obligation{Type: "dry_run"}
	for _, c := range []struct {
		name    string
		d       policy.Decision
		code    protocol.Code
		says    string
		verdict string
		status  string
	}{
		{"allowed", policy.Decision{Verdict: policy.Allow, Obligations: []policy.Obligation{dry}}, protocol.DryRun, "it would have been done; it was noted and not done", "allow", "dry_run"},
		{"asked", policy.Decision{Verdict: policy.Ask, Reasons: []policy.Reason{{Rule: "r", Message: "it is late"}}, Obligations: []policy.Obligation{{Type: "approve"}, dry}}, protocol.DryRun, "the owner would have been asked (because it is late)", "ask", "dry_run"},
		{"with room in its budget", policy.Decision{Verdict: policy.Allow, Obligations: []policy.Obligation{dry, {Type: "budget", Params: map[string]any{"limit": 1000000, "unit": "usd", "window": "day", "by": "plugin"}}}}, protocol.DryRun, "noted and not done", "allow", "dry_run"},
		{"over its budget", policy.Decision{Verdict: policy.Allow, Obligations: []policy.Obligation{dry, {Type: "budget", Params: map[string]any{"limit": 0, "unit": "usd", "window": "day", "by": "plugin"}}}}, protocol.Denied, "", "allow", "refused"},
		{"denied", policy.Decision{Verdict: policy.Deny, Reasons: []policy.Reason{{Rule: "r", Message: "no"}}, Obligations: []policy.Obligation{dry}}, protocol.Denied, "no", "deny", "refused"},
		{"with another duty that nobody knows", policy.Decision{Verdict: policy.Allow, Obligations: []policy.Obligation{dry, {Type: "dance"}}}, protocol.Unavailable, "dance", "allow", "refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.decision = func(*policy.Request) (policy.Decision, error) { return c.d, nil }
			g := w.open(t)
			grantAll(t, g, w)
			before := len(w.records)
			err := g.Do(t.Context(), effect("card.charge", func(context.Context, *Flight) error {
				t.Error("it was performed")
				return nil
			}))
			if protocol.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %s: %s", err, c.code, c.says)
			}
			if len(w.notified) > 0 || len(w.charged) > 0 {
				t.Errorf("asked %d times, charged %v", len(w.notified), w.charged)
			}
			if len(w.records) != before+1 {
				t.Fatalf("%d records", len(w.records)-before)
			}
			r := w.records[before]
			if r.Kind != audit.Refusal || r.Verdict != c.verdict || r.Status != c.status || len(w.payloads[before]) == 0 {
				t.Errorf("recorded %+v", r)
			}
			if c.code == protocol.DryRun && w.tally != (Tally{}) {
				t.Errorf("counted %+v", w.tally)
			}
		})
	}
}
