package control

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ambithost/ambit/sdk/protocol"
)

// The wire is AuthZEN 1.0's: what an enforcement point that knows nothing of us
// sends, and what it reads.
func TestAccessEvaluations(t *testing.T) {
	t.Parallel()
	asked := 0
	c, _ := serve(t, &partial{access: func(r AccessRequest) (*AccessDecision, error) {
		asked++
		switch r.Resource.ID {
		case "yes":
			return &AccessDecision{Decision: true}, nil
		case "error":
			return nil, protocol.Errorf(protocol.Invalid, "no such capability")
		}
		return &AccessDecision{}, nil
	}})
	const who = `"subject":{"type":"agent","id":"main","properties":{"team":"x"}},"action":{"name":"web.fetch"},"context":{"plugin":"web"}`
	one := func(id string) string { return `{"resource":{"type":"web","id":"` + id + `"}}` }
	for _, tc := range []struct {
		name, path, body string
		status           int
		want             string
		asked            int
	}{
		{"one", "evaluation", `{` + who + `,"resource":{"type":"web","id":"yes"}}`, 200, `{"decision":true}`, 1},
		{"no subject", "evaluation", `{"action":{"name":"web.fetch"},"resource":{"type":"web","id":"yes"}}`, 400, "subject", 0},
		{"no resource", "evaluation", `{` + who + `}`, 400, "resource", 0},
		{"unknown member", "evaluation", `{` + who + `,"resource":{"type":"web","id":"yes"},"decision":true}`, 400, "decision", 0},
		{"labels that are no list", "evaluation", `{"context":{"labels":"none"}}`, 400, "labels", 0},
		{"batch of none is one", "evaluations", `{` + who + `,"resource":{"type":"web","id":"yes"}}`, 200, `{"decision":true}`, 1},
		{"all", "evaluations", `{` + who + `,"evaluations":[` + one("yes") + `,` + one("no") + `,` + one("yes") + `]}`, 200,
			`{"evaluations":[{"decision":true},{"decision":false},{"decision":true}]}`, 3},
		{"to the first no", "evaluations", `{` + who + `,"options":{"evaluations_semantic":"deny_on_first_deny"},"evaluations":[` + one("yes") + `,` + one("no") + `,` + one("yes") + `]}`, 200,
			`{"evaluations":[{"decision":true},{"decision":false}]}`, 2},
		{"to the first yes", "evaluations", `{` + who + `,"options":{"evaluations_semantic":"permit_on_first_permit"},"evaluations":[` + one("no") + `,` + one("yes") + `,` + one("yes") + `]}`, 200,
			`{"evaluations":[{"decision":false},{"decision":true}]}`, 2},
		{"another semantic", "evaluations", `{` + who + `,"options":{"evaluations_semantic":"majority"},"evaluations":[` + one("yes") + `]}`, 400, "majority", 0},
		{"an error is a no", "evaluations", `{` + who + `,"evaluations":[` + one("error") + `,` + one("yes") + `]}`, 200,
			`{"evaluations":[{"decision":false,"context":{"error":"no such capability"}},{"decision":true}]}`, 2},
		{"too many", "evaluations", `{` + who + `,"evaluations":[` + one("yes") + strings.Repeat(","+one("yes"), maxEvaluations) + `]}`, 429, "limit", 0},
	} {
		asked = 0
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://ambit/access/v1/"+tc.path, strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-Request-ID", "r-17")
		res, err := c.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != tc.status && !(tc.status == 429 && res.StatusCode >= 400) {
			t.Errorf("%s: %s: %s", tc.name, res.Status, b)
			continue
		}
		if asked != tc.asked {
			t.Errorf("%s: %d were decided, want %d", tc.name, asked, tc.asked)
		}
		if tc.status != 200 {
			if !bytes.Contains(b, []byte(tc.want)) {
				t.Errorf("%s: %s", tc.name, b)
			}
			continue
		}
		if got := string(bytes.TrimSpace(b)); got != tc.want || !json.Valid(b) {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
		if res.Header.Get("X-Request-ID") != "r-17" {
			t.Errorf("%s: the request's id did not come back", tc.name)
		}
	}
}
