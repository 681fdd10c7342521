package agent_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/agent/when"
	"github.com/ambithost/ambit/host/clock"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// lastUser is what a request asks for.
func lastUser(req model.Request) string {
	for i := len(req.Messages) - 1; i >= 0; i-- {
		if req.Messages[i].Role == model.User {
			return req.Messages[i].Text
		}
	}
	return ""
}

// world answers by what is asked, and fails while it is away.
func world(away func(text string) bool) *script {
	return &script{reply: func(_ context.Context, _ int, req model.Request, _ func(model.Delta)) (model.Response, error) {
		text := lastUser(req)
		if away != nil && away(text) {
			return model.Response{}, protocol.Errorf(protocol.Failed, "%v", errModel)
		}
		if strings.HasPrefix(text, "[heartbeat]") || strings.HasPrefix(text, "Water") {
			return say(agent.DefaultQuiet), nil
		}
		return say("done: " + text), nil
	}}
}

// TestWeek lives through the week in which the clocks of Berlin go forward, in
// seconds: heartbeats within their hours, a calendar, an interval, one time.
func TestWeek(t *testing.T) {
	t.Parallel()
	m := world(nil)
	s := simulate(t, "2027-03-22 07:00", m, func(c *agent.Config) {
		c.Heartbeat = &agent.Heartbeat{Every: 30 * time.Minute, Hours: "08:00-22:00", Session: "beat", Instructions: "Water the plants on Friday."}
		c.Limits.ContextTokens = 4000
	})
	daily := s.add(agent.Schedule{Name: "report", Rule: when.Rule{Kind: when.Cron, Cron: "30 2 * * *"}, Text: "Report."})
	hours := s.add(agent.Schedule{Session: "h", Rule: when.Rule{Kind: when.Every, Every: 6 * time.Hour}, Text: "Look."})
	once := s.add(agent.Schedule{Session: "o", Rule: when.Rule{Kind: when.At, At: wallTime(t, s.zone, "2027-03-24 12:00")}, Text: "Ring."})
	s.until("2027-03-29 07:00")

	var times []string
	for _, line := range s.said("s", agent.FromWake) {
		times = append(times, line[:9])
	}
	if got, want := strings.Join(times, ", "), "Tue 02:30, Wed 02:30, Thu 02:30, Fri 02:30, Sat 02:30, Sun 03:00, Mon 02:30"; got != want {
		t.Errorf("the report came at %s, want %s", got, want)
	}
	if n := len(s.said("h", agent.FromWake)); n != (7*24-1)/6 {
		t.Errorf("the interval came %d times, want %d: a week with a day of 23 hours", n, (7*24-1)/6)
	}
	if got := s.said("o", agent.FromWake); len(got) != 1 || !strings.HasPrefix(got[0], "Wed 12:00:00") || s.schedule(once.ID) != nil {
		t.Errorf("once: %q, and it is still there: %v", got, s.schedule(once.ID))
	}
	beats, quiet := s.said("beat", agent.FromClock), s.said("beat", agent.FromQuiet)
	if len(beats) != 7*28 || len(quiet) != len(beats) || len(s.said("beat", agent.FromAgent)) != 0 {
		t.Errorf("%d heartbeats and %d quiet answers, want %d, all quiet", len(beats), len(quiet), 7*28)
	}
	for _, b := range beats {
		if hour := b[4:6]; hour < "08" || hour > "21" {
			t.Errorf("a heartbeat outside its hours: %s", b)
		}
	}
	if v := s.schedule(daily.ID); v.Runs != 7 || v.Fails != 0 || v.Missed != 0 || v.State != agent.ScheduleActive {
		t.Errorf("the report stands at %+v", v)
	}
	if v := s.schedule(hours.ID); v == nil || v.Runs != 27 {
		t.Errorf("the interval stands at %+v", v)
	}
	// One timer, and it rang only for what was due.
	if most := 7*28 + 7 + 27 + 1 + 7; s.steps > most {
		t.Errorf("the agent was woken %d times, want at most %d", s.steps, most)
	}
	t.Logf("woken %d times, the model asked %d times", s.steps, len(m.requests()))
}

// TestWeekBack: the week in which they go back. An hour that comes twice starts
// nothing twice, and an open hour nothing less.
func TestWeekBack(t *testing.T) {
	t.Parallel()
	s := simulate(t, "2026-10-24 12:00", world(nil))
	fixed := s.add(agent.Schedule{Session: "f", Rule: when.Rule{Kind: when.Cron, Cron: "30 2 * * *"}, Text: "Report."})
	open := s.add(agent.Schedule{Session: "o", Rule: when.Rule{Kind: when.Cron, Cron: "30 * * * *"}, Text: "Look."})
	s.until("2026-10-26 12:00")
	if v := s.schedule(fixed.ID); v.Runs != 2 {
		t.Errorf("a fixed time ran %d times, want 2", v.Runs)
	}
	if v := s.schedule(open.ID); v.Runs != 49 {
		t.Errorf("an open hour ran %d times, want 49: two days, one of 25 hours", v.Runs)
	}
}

// TestNothingToLookAt: a heartbeat without instructions and without news asks no
// model, whatever its interval.
func TestNothingToLookAt(t *testing.T) {
	t.Parallel()
	text := "# Heartbeat\n\n<!-- nothing\nyet -->\n- [ ]\n"
	m := world(nil)
	s := simulate(t, "2026-11-23 08:00", m, func(c *agent.Config) {
		c.Heartbeat = &agent.Heartbeat{Every: time.Minute, Session: "beat", Read: func(context.Context) (string, []string, error) { return text, []string{"untrusted"}, nil }}
	})
	s.until("2026-11-23 12:00")
	v := s.schedule(agent.HeartbeatID("main"))
	if len(m.requests()) != 0 || v.Idle != 240 || v.Runs != 0 {
		t.Fatalf("%d requests, %d idle heartbeats and %d turns, want 0, 240 and 0", len(m.requests()), v.Idle, v.Runs)
	}
	text = "# Heartbeat\n- buy milk\n"
	s.until("2026-11-23 12:01")
	wakes := s.said("beat", agent.FromWake)
	if len(m.requests()) != 1 || len(wakes) != 2 || !strings.Contains(wakes[1], "[untrusted ") || !strings.Contains(wakes[1], "buy milk") {
		t.Errorf("with instructions: %d requests, %q", len(m.requests()), wakes)
	}
	session, err := s.store.Session(t.Context(), "beat")
	if err != nil || strings.Join(session.Labels, " ") != "untrusted" {
		t.Errorf("the session has the labels %v, %v", session.Labels, err)
	}
}

// TestFailures: a schedule that fails waits longer each time, is disabled in the
// end with a word to the owner, and comes back when it goes well by hand.
func TestFailures(t *testing.T) {
	t.Parallel()
	away := true
	m := world(func(string) bool { return away })
	s := simulate(t, "2026-11-23 08:00", m)
	v := s.add(agent.Schedule{Rule: when.Rule{Kind: when.Every, Every: 2 * time.Minute}, Text: "Look."})
	s.until("2026-11-23 20:00")
	var times []string
	for _, line := range s.said("s", agent.FromWake) {
		times = append(times, line[4:9])
	}
	if got, want := strings.Join(times, " "), "08:02 08:04 08:09 08:24 09:24"; got != want {
		t.Errorf("it ran at %s, want %s", got, want)
	}
	got := s.schedule(v.ID)
	if got.State != agent.ScheduleDisabled || got.Fails != 5 {
		t.Errorf("it stands at %+v", got)
	}
	if told := s.said("s", agent.FromPlugin); len(told) != 1 || !strings.Contains(told[0], "failed 5 times in a row") || !strings.Contains(told[0], "ambit schedule run "+v.ID) {
		t.Errorf("the owner was told %q", told)
	}
	if _, err := s.RunSchedule(t.Context(), v.ID); err != nil {
		t.Fatal(err)
	}
	s.settle()
	if got := s.schedule(v.ID); got.State != agent.ScheduleDisabled {
		t.Errorf("after another failure it is %s", got.State)
	}
	away = false
	if _, err := s.RunSchedule(t.Context(), v.ID); err != nil {
		t.Fatal(err)
	}
	s.settle()
	s.until("2026-11-23 20:10")
	if got := s.schedule(v.ID); got.State != agent.ScheduleActive || got.Fails != 0 || got.Runs != 5+2+5 {
		t.Errorf("after it went well: %+v", got)
	}
}

// TestOnceTriesAgain: what was to be done once is not lost with a failure.
func TestOnceTriesAgain(t *testing.T) {
	t.Parallel()
	n := 0
	s := simulate(t, "2026-11-23 08:00", world(func(string) bool { n++; return n < 3 }))
	v := s.add(agent.Schedule{Rule: when.Rule{Kind: when.At, At: wallTime(t, time.UTC, "2026-11-23 08:00")}, Text: "Ring."})
	s.until("2026-11-23 12:00")
	if got := len(s.said("s", agent.FromWake)); got != 3 || s.schedule(v.ID) != nil {
		t.Errorf("%d runs, want 3, and then none: %+v", got, s.schedule(v.ID))
	}
}

// TestDowntime: what was due while the host was away is run once, and says so.
func TestDowntime(t *testing.T) {
	t.Parallel()
	m := world(nil)
	path := filepath.Join(t.TempDir(), "state.db")
	first := openStore(t, path)
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := clock.NewManual(wallTime(t, zone, "2026-11-23 08:00"))
	heart := func(c *agent.Config) {
		c.Heartbeat = &agent.Heartbeat{Every: time.Hour, Hours: "08:00-22:00", Session: "beat", Instructions: "Look."}
	}
	s := simulateOn(t, first, at, zone, m, heart)
	daily := s.add(agent.Schedule{Session: "d", Rule: when.Rule{Kind: when.Cron, Cron: "0 9 * * *"}, Text: "Report."})
	once := s.add(agent.Schedule{Session: "o", Rule: when.Rule{Kind: when.At, At: wallTime(t, zone, "2026-11-24 12:00")}, Text: "Ring."})
	s.until("2026-11-23 10:00")
	beats := s.schedule(agent.HeartbeatID("main")).Runs
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	at.Set(wallTime(t, zone, "2026-11-26 03:00")) // in the night
	s = simulateOn(t, first, at, zone, m, heart)
	s.until("2026-11-26 07:00")
	reports, notes := s.said("d", agent.FromWake), s.said("d", agent.FromClock)
	if len(reports) != 2 || !strings.Contains(notes[1], "It was due 1 d 18 h ago, Tuesday 09:00.") || !strings.Contains(notes[1], "1 later time was missed") {
		t.Errorf("the report: %d times, told %q", len(reports), notes)
	}
	if v := s.schedule(daily.ID); v.Missed != 1 || v.Due.In(zone).Format("02 15:04") != "26 09:00" {
		t.Errorf("the report stands at %+v", v)
	}
	if got := s.said("o", agent.FromClock); len(got) != 1 || !strings.Contains(got[0], "It was due 1 d 15 h ago") || s.schedule(once.ID) != nil {
		t.Errorf("once: %q", got)
	}
	if v := s.schedule(agent.HeartbeatID("main")); v.Runs != beats || v.Next.In(zone).Format("02 15:04") != "26 08:00" {
		t.Errorf("the heartbeat did not wait for its hours: %+v", v)
	}
}

// TestClockSetBack: what ran is not run again, and what comes next does not wait
// until the clock has caught up.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	s := simulate(t, "2026-11-23 08:00", world(nil))
	s.add(agent.Schedule{Session: "d", Rule: when.Rule{Kind: when.Cron, Cron: "0 9 * * *"}, Text: "Report."})
	often := s.add(agent.Schedule{Session: "e", Rule: when.Rule{Kind: when.Every, Every: time.Hour}, Text: "Look."})
	s.until("2026-11-25 10:00") // reports on 23, 24 and 25
	s.clock.Set(wallTime(t, s.zone, "2026-11-24 08:00"))
	s.settle()
	s.until("2026-11-24 12:30")
	if got := len(s.said("d", agent.FromWake)); got != 3 {
		t.Errorf("the report ran %d times, want 3: that of a day which comes twice once", got)
	}
	if got := len(s.said("e", agent.FromWake)); got != 50 {
		t.Errorf("the interval ran %d times, want 50: those of the day that comes twice once", got)
	}
	s.until("2026-11-26 12:00")
	if got := len(s.said("d", agent.FromWake)); got != 4 {
		t.Errorf("after the clock caught up the report ran %d times, want 4", got)
	}
	if v := s.schedule(often.ID); v.State != agent.ScheduleActive {
		t.Errorf("the interval stands at %+v", v)
	}
}
