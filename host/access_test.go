package host

import (
	"strings"
	"testing"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/control"
)

// TestEvaluationsAreRecorded: what another enforcement point was told is in the log,
// without the query of an address, and can be looked at.
func TestEvaluationsAreRecorded(t *testing.T) {
	t.Parallel()
	h, err := Open(t.Context(), Config{Home: privateHome(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	d, err := backend{h}.EvaluateAccess(t.Context(), control.AccessRequest{
		Subject: &control.AccessEntity{Type: "plugin", ID: "weather"}, Action: &control.AccessAction{Name: "http.request"},
		Resource: &control.AccessResource{Type: "http", ID: "https://api.example/v1?key=hunter2\n" + strings.Repeat("x", 400), Properties: map[string]any{"method": "GET"}},
	})
	if err != nil || d.Decision {
		t.Fatalf("%+v, %v", d, err)
	}
	page, err := backend{h}.AuditEntries(t.Context(), control.AuditQuery{Kind: string(audit.Evaluation)})
	if err != nil || len(page.Entries) != 1 {
		t.Fatalf("%+v, %v", page, err)
	}
	e := page.Entries[0]
	if e.Resource != "https://api.example/v1" || e.Actor != "plugin:weather" || e.Capability != "http.request" || e.Verdict != "deny" || e.Rule != "plugin" {
		t.Errorf("%+v", e.Record)
	}
	detail, err := backend{h}.AuditEntry(t.Context(), e.Index)
	if err != nil || strings.Contains(detail.Payload, "hunter2") {
		t.Errorf("%+v, %v", detail, err)
	}
}
