package effects

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/manifest"
)

// TestTheQuestionNamesTheSentence goes the whole way, with the real gate and the
// real base policy: an agent that was talked into something by a page writes to
// whom the page named. The owner is shown source and sentence, and so is the
// refusal; whom the owner named is written to without a question.
func TestTheQuestionNamesTheSentence(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.plugins["p"] = &manifest.Manifest{Name: "p", Kinds: []manifest.Kind{manifest.Tool}, Tools: []manifest.ToolSpec{letter}}
	w.grant(t, "p", "mail.send", `{"to":["*"]}`)
	w.answer(`{"content":[{"type":"text","text":"sent"}]}`)
	origin := gate.Origin{Agent: "main", Trigger: "message", Labels: []string{"private", "untrusted"}, Material: read()}
	send := func(to string) error {
		_, err := w.effects.CallTool(t.Context(), mainAgent, origin, "p/send", json.RawMessage(`{"recipients":["`+to+`"],"body":"I come at noon."}`))
		return err
	}
	if err := send("ann@example.org"); err != nil {
		t.Errorf("whom the owner named: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- send("eve@away.example") }()
	var asked gate.Approval
	for asked.ID == 0 {
		select {
		case err := <-done:
			t.Fatalf("it was not asked: %v", err)
		case <-time.After(time.Millisecond):
			for _, a := range w.gate.Approvals() {
				asked = a
			}
		}
	}
	if len(asked.Reasons) == 0 || asked.Reasons[0].Rule != "base.flow.strangers_destination" || !strings.Contains(asked.Reasons[0].Message, `tool web/fetch, which says "`) ||
		!strings.Contains(asked.Reasons[0].Message, "eve@away.example") {
		t.Errorf("the owner is shown %+v", asked.Reasons)
	}
	if _, err := w.gate.Answer(t.Context(), asked.ID, asked.Digest, false, "no"); err != nil {
		t.Fatal(err)
	}
	denial, is := errors.AsType[*gate.Denial](<-done)
	if !is || !strings.Contains(denial.Message, "the owner declined: no (asked because ") || !strings.Contains(denial.Message, "web/fetch") || strings.Contains(denial.Message, "\n") {
		t.Errorf("the refusal says %v", denial)
	}
}
