package agent_test

import (
	"encoding/json"
	"testing"

	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/model"
)

// TestKept: what a provider demands back goes back with the answer it came
// with, in this turn and in later ones.
func TestKept(t *testing.T) {
	t.Parallel()
	b := &toolbox{}
	b.add("notes/read", capability.Read, answer("milk"))
	thought := want("notes__read")
	thought.Keep = json.RawMessage(`{"by":"a plugin","n":[1]}`)
	thought.Usage.Cached = 4
	m := replies(thought, say("Milk."), say("Still milk."))
	f := start(t, m, b)
	if end := f.ask("what do I need?"); end.Usage != (model.Usage{Input: 20, Output: 10, Cached: 4}) {
		t.Errorf("usage %+v", end.Usage)
	}
	f.ask("and now?")
	for _, req := range m.requests()[1:] {
		kept := 0
		for _, msg := range req.Messages {
			if len(msg.Keep) > 0 {
				kept++
				if string(msg.Keep) != string(thought.Keep) || len(msg.Calls) != 1 {
					t.Errorf("kept %s with %+v", msg.Keep, msg)
				}
			}
		}
		if kept != 1 {
			t.Errorf("%d messages hold something kept, want 1", kept)
		}
	}
}
