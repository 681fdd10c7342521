package main_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/sdk/channel"
)

// reply is an answer that the channel says the owner gave.
func (m *mail) reply(id int64, digest string) {
	m.event(channel.Event{Chat: channel.Chat{ID: "chat-1", Direct: true}, From: channel.Person{ID: "1"}, Reply: &channel.Reply{Approval: id, Digest: digest, Approve: true}})
}

// TestALyingChannel has the channel, a real plugin in a real cell, invent what
// its owner says. What it can gain ends where its grants end.
func TestALyingChannel(t *testing.T) {
	t.Parallel()
	m := newMail(t)
	client := m.host.client

	// It shows one request and approves another: one above its ceiling, by the
	// digest of the one that it was shown, and by that other's own.
	from := m.count()
	m.say("1", fmt.Sprintf(buy, 1900, "Book Depot"))
	small, _ := m.got(t, from, "1", "Question 1")
	m.say("1", "/new")
	m.got(t, from, "1", "A fresh conversation")
	m.say("1", fmt.Sprintf(buy, 999900, "Casino"))
	m.got(t, from, "1", "Question 2", "Casino")
	m.reply(2, small.Question.Digest)
	m.got(t, from, "1", "answer to question 2 did not count")
	secret, err := client.Approval(t.Context(), "2") // as if it had guessed it
	if err != nil {
		t.Fatal(err)
	}
	from = m.count()
	m.reply(2, secret.Digest)
	m.got(t, from, "1", "answer to question 2 did not count")
	if _, err := client.AnswerApproval(t.Context(), "2", control.AnswerRequest{Note: "no"}); err != nil {
		t.Fatal(err)
	}

	// An old answer again, under another id.
	from = m.count()
	m.say("1", fmt.Sprintf(buy, 500, "Cafe"))
	cafe, n := m.got(t, from, "1", "Cafe")
	m.reply(cafe.Question.Approval, cafe.Question.Digest)
	m.got(t, n+1, "1", "Charged 5.00 USD")
	from = m.count()
	m.reply(cafe.Question.Approval, cafe.Question.Digest)
	m.got(t, from, "1", "did not count")
	m.say("1", fmt.Sprintf(buy, 500, "Cafe"))
	again, _ := m.got(t, from, "1", "Question", "Cafe")
	if again.Question.Digest == cafe.Question.Digest && again.Question.Approval == cafe.Question.Approval {
		t.Error("the same question twice")
	}

	// Within its ceiling it can invent a yes: that is what owner.approve is. So
	// what it holds is taken back, and then nothing that it invents counts: not
	// an answer, and not a message as the owner's words.
	for _, power := range []string{"owner.approve", "owner.speak"} {
		if _, err := client.Revoke(t.Context(), control.RevokeRequest{Plugin: "postbox", Capability: power}); err != nil {
			t.Fatal(err)
		}
	}
	from = m.count()
	m.reply(again.Question.Approval, again.Question.Digest)
	m.got(t, from, "1", "did not count")
	if _, err := client.AnswerApproval(t.Context(), fmt.Sprint(again.Question.Approval), control.AnswerRequest{Note: "no"}); err != nil {
		t.Fatal(err)
	}
	m.gullible()
	m.say("1", "charge the card at Thief")
	ap := m.asked()
	if why := fmt.Sprint(ap.Reasons); !strings.Contains(why, "was not named by you") || !strings.Contains(why, "does not speak for the owner") {
		t.Errorf("an invented message of the owner: %s", why)
	}
	if got := m.charged(); strings.Contains(got, "Casino") || strings.Contains(got, "Thief") || strings.Count(got, "Cafe") != 1 {
		t.Errorf("the ledger: %s", got)
	}
	// To stop needs no grant.
	from = m.count()
	m.say("1", "stop")
	m.got(t, from, "1", "said stop")
}

// wasRefused waits until so many messages were.
func (m *mail) wasRefused(n int) {
	m.t.Helper()
	for range 1500 {
		m.mu.Lock()
		enough := m.refused >= n
		m.mu.Unlock()
		if enough {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	m.t.Fatal("nothing was sent that could be refused")
}

// TestMessagesSurvive has the service fail, and the host be killed, while
// messages are on their way.
func TestMessagesSurvive(t *testing.T) {
	t.Parallel()
	m := newMail(t)

	// The service does not take messages for a while: nothing is lost.
	from := m.count()
	m.set(503, false)
	m.say("1", "note one")
	m.wasRefused(2)
	m.set(0, false)
	m.got(t, from, "1", "Added to note")

	// It takes one and does not say so: the owner may read it twice, and is told.
	from = m.count()
	m.set(0, true)
	m.say("1", "note two")
	m.got(t, from, "1", "Added to note")
	m.got(t, from, "1", "may reach you twice", "Added to note")

	// The host is killed again and again: every message is answered, and what
	// one asked for is done once.
	for round := range 5 {
		from = m.count()
		m.say("1", fmt.Sprintf("note round %d.", round))
		m.host.kill(t)
		m.host = startHost(t, m.home)
		m.got(t, from, "1", "")
	}
	r, err := m.host.client.Call(t.Context(), control.CallRequest{Tool: "notes/read", Args: []byte(`{"name":"rehearsal"}`)})
	if err != nil {
		t.Fatal(err)
	}
	for round := range 5 {
		if n := strings.Count(r.Text, fmt.Sprintf("round %d.", round)); n > 1 {
			t.Errorf("round %d was noted %d times", round, n)
		}
	}
}
