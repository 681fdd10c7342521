package main_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ambithost/ambit/host/control"
)

// TestAnAnswerStartsATurn kills the host while the owner is asked. The question
// waits on, and its answer starts a turn that can do what it was about: once, and
// nothing else.
func TestAnAnswerStartsATurn(t *testing.T) {
	t.Parallel()
	p := newProgram(t, "")
	const charge = `{"calls": [{"tool": "playbank/charge", "args": {"amount": 900, "currency": "USD", "merchant": "%s"}}]}`
	scene := func(on, first, merchant string) string {
		return fmt.Sprintf(`{"on": %q, "steps": [`+charge+`, {"from": "(?s)(.*)", "say": "%s $1"}]}`, on, merchant, first)
	}
	scenes := `{"scenes": [` + strings.Join([]string{
		scene("^buy", "First:", "Depot"), scene("Question 1: card.charge", "Then:", "Depot"), scene("Question 2: card.charge", "Again:", "Thief"),
	}, ",") + `, {"on": "not this one", "steps": [{"say": "So I leave it."}]}]}`
	if _, err := p.host.client.SetPluginConfig(t.Context(), "rehearsal", map[string]string{"scenario": scenes}); err != nil {
		t.Fatal(err)
	}
	restart := func() {
		p.host.kill(t)
		p.host = startHost(t, p.home)
	}
	answer := func(id string, yes bool, note string) {
		t.Helper()
		a, err := p.host.client.Approval(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.host.client.AnswerApproval(t.Context(), id, control.AnswerRequest{Approve: yes, Digest: a.Digest, Note: note}); err != nil {
			t.Fatal(err)
		}
	}

	from := p.count()
	p.say("me", "buy the book")
	p.got(from, "me", "Question 1")
	restart()
	p.got(from, "me", "First:", "question 1 about this call waited for the owner", "was not made")
	answer("1", true, "")
	restart() // what was answered is told, whenever the host ends
	p.got(from, "me", "Then:", "Charged 9.00 USD")
	ledger := func() string { return (&mail{t: t, host: p.host}).charged() }
	if got := ledger(); strings.Count(got, "9.00") != 1 {
		t.Errorf("the ledger: %s", got)
	}
	// The yes is used up: the same call asks again. Another call than the one that
	// was asked about asks anew, whatever the answer to that was.
	from = p.count()
	p.say("me", "buy the book once more")
	p.got(from, "me", "Question 2")
	restart()
	p.got(from, "me", "First:", "question 2 about this call")
	answer("2", true, "")
	p.got(from, "me", "Question 3", "Thief")
	restart()
	p.got(from, "me", "Again:", "question 3 about this call")
	// No is told too, with the owner's reason.
	answer("3", false, "not this one")
	p.got(from, "me", "So I leave it.")
	if got := ledger(); strings.Count(got, "9.00") != 1 || strings.Contains(got, "Thief") {
		t.Errorf("the ledger: %s", got)
	}
}
