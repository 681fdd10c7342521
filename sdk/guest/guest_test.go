package guest

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/ambithost/ambit/sdk/protocol"
)

func TestEnvelope(t *testing.T) {
	t.Parallel()
	for _, c := range []protocol.GuestEffect{{Name: "clock.read", Args: json.RawMessage(`{"a":1}`)}, {Name: "a\"\n\x00\u2028"}} {
		var got protocol.GuestEffect
		if err := json.Unmarshal(envelope(c.Name, c.Args), &got); err != nil || got.Name != c.Name || string(got.Args) != string(c.Args) {
			t.Errorf("%+v became %+v, %v", c, got, err)
		}
	}
}

func TestOutcome(t *testing.T) {
	t.Parallel()
	if got, err := outcome("x", []byte(`{"result":{"a":1}}`)); err != nil || string(got) != `{"a":1}` {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := outcome("x", []byte(`{"error":{"code":"denied","message":"no"}}`)); protocol.CodeOf(err) != protocol.Denied {
		t.Errorf("%v", err)
	}
	if _, err := outcome("x", []byte(`{`)); protocol.CodeOf(err) != protocol.Failed {
		t.Errorf("%v", err)
	}
}

// TestFailure: what a guest says is what its runner understands.
func TestFailure(t *testing.T) {
	t.Parallel()
	e := protocol.GuestError(failure(protocol.Errorf(protocol.Denied, "no \"way\"")))
	if e.Code != protocol.Denied || e.Message != `no "way"` {
		t.Errorf("%+v", e)
	}
	if e := protocol.GuestError(failure(errors.New("x"))); e.Code != protocol.Internal {
		t.Errorf("%+v", e)
	}
}
