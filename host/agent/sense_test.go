package agent_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/agent/when"
	"github.com/ambithost/ambit/host/clock"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/model"
)

// told is a chronicle of fixed events.
type told []agent.Happening

func (c told) Since(_ context.Context, _, _ string, after time.Time) (agent.Digest, error) {
	d := agent.Digest{}
	for _, h := range c {
		if h.At.After(after) {
			d.Events = append(d.Events, h)
			d.Counts = "Effects: 12 done, 1 denied"
		}
	}
	return d, nil
}

func clockText(req model.Request) string {
	for i := len(req.Messages) - 1; i >= 0; i-- {
		if m := req.Messages[i]; m.Role == model.System && strings.HasPrefix(m.Text, "It is ") {
			return m.Text
		}
	}
	return ""
}

// TestSenseOfTime holds what a turn is told to the letter.
func TestSenseOfTime(t *testing.T) {
	t.Parallel()
	m := replies(say("ok"))
	var events told
	s := simulate(t, "2026-11-25 10:45", m, func(c *agent.Config) { c.Chronicle = &events })
	s.submitAndWait("hello")
	if got, want := clockText(m.requests()[0]), "It is Wednesday 2026-11-25 10:45 +01:00 (Europe/Berlin).\nThis is the first turn of this session."; got != want {
		t.Errorf("the first turn is told\n%s\nwant\n%s", got, want)
	}
	events = told{{At: wallTime(t, s.zone, "2026-11-25 11:02"), Text: "denied: web http.request (rule grant), 2 times"}, {At: wallTime(t, s.zone, "2026-11-25 12:00"), Text: "schedule s1 ran"}}
	s.clock.Set(wallTime(t, s.zone, "2026-11-25 14:05"))
	s.add(agent.Schedule{Session: "else", Name: "plants", Rule: when.Rule{Kind: when.At, At: wallTime(t, s.zone, "2026-11-25 16:30")}, Text: "Water."})
	theirs := s.add(agent.Schedule{Session: "else", Name: "do what I say", By: "plugin:schedule", Labels: []string{"untrusted"}, Rule: when.Rule{Kind: when.At, At: wallTime(t, s.zone, "2026-11-27 09:00")}, Text: "x"})
	s.submitAndWait("and now?")
	want := "It is Wednesday 2026-11-25 14:05 +01:00 (Europe/Berlin).\n" +
		"The last turn of this session ended 3 h 20 min ago, 10:45. The owner's last word before this was 3 h 20 min ago, 10:45.\n" +
		"Meanwhile, outside this session: Effects: 12 done, 1 denied. 11:02 denied: web http.request (rule grant), 2 times. 12:00 schedule s1 ran.\n" +
		"Next: schedule “plants” in 2 h 25 min, 16:30, schedule " + theirs.ID + " in 1 d 18 h, Friday 09:00."
	if got := clockText(m.requests()[1]); got != want {
		t.Errorf("the second turn is told\n%s\nwant\n%s", got, want)
	}
	// It stands below what providers cache: what was sent before is unchanged.
	first, second := m.requests()[0].Messages, m.requests()[1].Messages
	a, _ := json.Marshal(first)
	z, _ := json.Marshal(second[:len(first)])
	if string(a) != string(z) {
		t.Errorf("the beginning changed:\n%s\n%s", a, z)
	}
	s.clock.Set(wallTime(t, s.zone, "2026-11-25 09:00"))
	s.submitAndWait("again")
	if got := clockText(m.requests()[2]); !strings.Contains(got, "14:05, which is still to come: the clock was set back") {
		t.Errorf("with the clock set back: %s", got)
	}
}

func (s *sim) submitAndWait(text string) {
	s.t.Helper()
	s.submit(text)
	for deadline := time.Now().Add(20 * time.Second); s.Running("s") != "" || len(s.said("s", agent.FromOwner)) == 0 || s.open(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(deadline) { // only a hang gets here
			s.t.Fatal("the turn does not end")
		}
	}
}

// open tells whether a message or a turn of the agent is not done with.
func (s *sim) open() bool {
	s.t.Helper()
	waiting, err := s.store.Waiting(s.t.Context(), "main")
	if err != nil {
		s.t.Fatal(err)
	}
	turns, err := s.store.Open(s.t.Context(), "main")
	if err != nil {
		s.t.Fatal(err)
	}
	return len(waiting)+len(turns) > 0
}

// TestWhoseWords: an owner's schedule is the owner's word; one that the agent
// made in a session which read strangers is not, and brings their label with it.
func TestWhoseWords(t *testing.T) {
	t.Parallel()
	var seen []gate.Origin
	b := &toolbox{}
	b.add("mail/send", capability.Irreversible, func(_ context.Context, o gate.Origin, _ json.RawMessage) (agent.Result, error) {
		seen = append(seen, o)
		return agent.Result{Text: "sent"}, nil
	})
	m := &script{reply: func(_ context.Context, n int, _ model.Request, _ func(model.Delta)) (model.Response, error) {
		if n%2 == 0 {
			return want(`mail__send {"to":"ann@example.org"}`), nil
		}
		return say("done"), nil
	}}
	s := simulate(t, "2026-11-25 10:00", m, func(c *agent.Config) { c.Tools = b })
	text := "Write to ann@example.org that I am late."
	s.add(agent.Schedule{Session: "a", Rule: when.Rule{Kind: when.At, At: wallTime(t, s.zone, "2026-11-25 11:00")}, Text: text})
	s.add(agent.Schedule{Session: "b", By: "plugin:schedule", Labels: []string{"untrusted", "private"}, Rule: when.Rule{Kind: when.At, At: wallTime(t, s.zone, "2026-11-25 12:00")}, Text: text})
	s.until("2026-11-25 13:00")
	if len(seen) != 2 || seen[0].Trigger != agent.KindSchedule || seen[1].Trigger != agent.KindSchedule {
		t.Fatalf("%d calls: %+v", len(seen), seen)
	}
	mine, theirs := seen[0].Material.Trace("ann@example.org"), seen[1].Material.Trace("ann@example.org")
	if !mine.OwnerNamed() || len(seen[0].Labels) != 0 {
		t.Errorf("the owner's schedule: named %v, labels %v", mine.OwnerNamed(), seen[0].Labels)
	}
	if theirs.OwnerNamed() || !slices.Equal(theirs.Labels(), []string{"private", "untrusted"}) || !slices.Equal(seen[1].Labels, []string{"private", "untrusted"}) {
		t.Errorf("the agent's own: named %v, labels %v, of the session %v", theirs.OwnerNamed(), theirs.Labels(), seen[1].Labels)
	}
	if got := s.said("b", agent.FromWake); len(got) != 1 || !strings.Contains(got[0], "[untrusted ") {
		t.Errorf("the model was given it as %q", got)
	}
	if got, err := s.store.TurnText(t.Context(), seen[0].Turn); err != nil || got != text {
		t.Errorf("what the owner is shown beside a question: %q, %v", got, err)
	}
	if got, err := s.store.TurnText(t.Context(), seen[1].Turn); err != nil || got != "" {
		t.Errorf("what the owner is shown as their own words: %q, %v", got, err)
	}
}

// TestOwnerSpeaksIntoAHeartbeat: from then on it is a conversation.
func TestOwnerSpeaksIntoAHeartbeat(t *testing.T) {
	t.Parallel()
	asked, goOn := make(chan struct{}, 10), make(chan struct{})
	var triggers []string
	b := &toolbox{}
	b.add("notes/read", capability.Read, func(_ context.Context, o gate.Origin, _ json.RawMessage) (agent.Result, error) {
		triggers = append(triggers, o.Trigger)
		asked <- struct{}{}
		<-goOn
		return agent.Result{Text: "milk"}, nil
	})
	m := &script{reply: func(_ context.Context, n int, _ model.Request, _ func(model.Delta)) (model.Response, error) {
		if n < 2 {
			r := want("notes__read")
			r.Text = "Let me look."
			return r, nil
		}
		return say("Milk is needed."), nil
	}}
	s := simulate(t, "2026-11-25 10:00", m, func(c *agent.Config) {
		c.Tools = b
		c.Heartbeat = &agent.Heartbeat{Every: time.Hour, Session: "s", Instructions: "Look."}
	})
	s.settle()
	s.clock.Set(wallTime(t, s.zone, "2026-11-25 11:00"))
	<-asked
	s.submit("what do I need?")
	close(goOn)
	<-asked
	s.settle()
	if !slices.Equal(triggers, []string{agent.KindHeartbeat, agent.KindMessage}) {
		t.Errorf("the calls were of %v", triggers)
	}
	quiet, loud := s.said("s", agent.FromQuiet), s.said("s", agent.FromAgent)
	if len(quiet) != 1 || len(loud) != 2 || !strings.HasSuffix(loud[1], "Milk is needed.") {
		t.Errorf("kept quiet %q, delivered %q", quiet, loud)
	}
}

// TestCrashBetweenDueAndTurn: a host that ends right after what was due was
// stored begins its turn when it is back, once.
func TestCrashBetweenDueAndTurn(t *testing.T) {
	t.Parallel()
	db := openStore(t, filepath.Join(t.TempDir(), "state.db"))
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := clock.NewManual(wallTime(t, zone, "2026-11-25 08:00"))
	m := world(nil)
	s := simulateOn(t, db, at, zone, m)
	v := s.add(agent.Schedule{Rule: when.Rule{Kind: when.Cron, Cron: "0 9 * * *"}, Text: "Report."})
	s.settle()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	now := wallTime(t, zone, "2026-11-25 09:01")
	at.Set(now)
	fired := *s.schedule(v.ID)
	trigger := agent.Trigger{ID: "w1", Agent: "main", Session: "s", Channel: "~clock", SourceID: v.ID + "@due", Kind: agent.KindSchedule, Text: v.Text, Turn: "t1", State: agent.Pending, Received: now}
	fired.State, fired.Trigger, fired.Due, fired.Next = agent.ScheduleRunning, "w1", wallTime(t, zone, "2026-11-26 09:00"), wallTime(t, zone, "2026-11-26 09:00")
	wake := agent.Wake{Trigger: "w1", Schedule: v.ID, Note: "It is due.", Parts: []agent.Part{{Text: "Report."}}}
	for range 2 { // stored twice is stored once
		if _, err := db.Fire(t.Context(), trigger, wake, fired); err != nil {
			t.Fatal(err)
		}
		fired.State, fired.Trigger = agent.ScheduleRunning, "w1"
	}
	if err := db.PutSchedule(t.Context(), fired); err != nil {
		t.Fatal(err)
	}
	s = simulateOn(t, db, at, zone, m)
	s.settle()
	if got := s.said("s", agent.FromWake); len(got) != 1 {
		t.Errorf("it began %d times: %q", len(got), got)
	}
	if got := s.schedule(v.ID); got.State != agent.ScheduleActive || got.Reason != agent.Done {
		t.Errorf("it stands at %+v", got)
	}
}
