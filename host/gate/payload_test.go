package gate

import (
	"context"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
)

// What the audit keeps must be enough to ask policy again: the request comes
// out equal to the one policy saw, and the arguments to the byte.
func TestPayloadKeepsWhatPolicySaw(t *testing.T) {
	t.Parallel()
	w := newWorld()
	var saw []byte
	verdict := policy.Allow
	w.decision = func(r *policy.Request) (policy.Decision, error) {
		saw, _ = json.Marshal(r)
		return policy.Decision{Verdict: verdict, Revision: "r1"}, nil
	}
	g := w.open(t)
	if _, err := g.Grant(t.Context(), Grant{Plugin: "card", Capability: "card.charge"}); err != nil {
		t.Fatal(err)
	}
	args := "{\"amount\": 1200,\n \"odd\": \"\\u0000\"}"
	e := Effect{
		Capability: "card.charge", Actor: policy.Entity{Type: "agent", ID: "main"}, Plugin: "card", Resource: "12.00 USD",
		Attributes: capability.Attributes{"amount": int64(1200), "currency": "USD", "merchant": "Book Depot"}, Args: []byte(args),
		Origin:  Origin{Agent: "main", Session: "s", Labels: []string{"untrusted"}},
		Perform: func(context.Context, *Flight) error { return nil },
	}
	_ = g.Do(t.Context(), e)
	verdict = policy.Deny
	_ = g.Do(t.Context(), e)
	e.Plugin = "nobody"
	_ = g.Do(t.Context(), e) // refused before policy is asked
	var kinds []audit.Kind
	for i, r := range w.records {
		if r.Kind != audit.Intent && r.Kind != audit.Refusal {
			continue
		}
		kinds = append(kinds, r.Kind)
		p, err := OpenPayload(w.payloads[i])
		if err != nil || string(p.Args) != args {
			t.Fatalf("%s: %q, %v", r.Kind, p.Args, err)
		}
		if len(kinds) == 3 {
			if p.Request != nil {
				t.Errorf("policy was not asked, and yet it saw %+v", p.Request)
			}
			continue
		}
		var want policy.Request
		if err := json.Unmarshal(saw, &want); err != nil {
			t.Fatal(err)
		}
		if err := want.Normalise(); err != nil {
			t.Fatal(err)
		}
		want.Context.Now, p.Request.Context.Now = time.Time{}, time.Time{}
		if !reflect.DeepEqual(p.Request, &want) {
			t.Errorf("kept %+v, policy saw %+v", p.Request, want)
		}
	}
	if len(kinds) != 3 || kinds[0] != audit.Intent {
		t.Errorf("records: %v", kinds)
	}
}

// FuzzOpenPayload: what the store gives back is not trusted to be whole.
func FuzzOpenPayload(f *testing.F) {
	for _, s := range []string{"null\n{}", "{}\n", "", "null", "{\"facts\":{}}\n{}", "{\"subject\":{\"type\":\"owner\"}}\nx"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := OpenPayload(b); err == nil && len(p.Args) >= len(b) {
			t.Errorf("%q has arguments %q", b, p.Args)
		}
	})
}
