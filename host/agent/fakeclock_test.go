package agent_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/clock"
	"github.com/ambithost/ambit/host/store"
)

// sim is an agent whose time the test makes.
type sim struct {
	*fixture
	clock *clock.Manual
	zone  *time.Location
	steps int // times that the agent was woken
}

func simulate(t *testing.T, from string, m agent.Model, edit ...func(*agent.Config)) *sim {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return simulateOn(t, openStore(t, filepath.Join(t.TempDir(), "state.db")), clock.NewManual(wallTime(t, zone, from)), zone, m, edit...)
}

func simulateOn(t *testing.T, s *store.Store, c *clock.Manual, zone *time.Location, m agent.Model, edit ...func(*agent.Config)) *sim {
	t.Helper()
	f := startOn(t, s, m, &toolbox{}, append(edit, func(cfg *agent.Config) { cfg.Clock, cfg.Zone = c, zone })...)
	go func() { // nobody reads the events of a week
		for range f.events { //nolint:revive // emptied
		}
	}()
	return &sim{fixture: f, clock: c, zone: zone}
}

func wallTime(t *testing.T, zone *time.Location, s string) time.Time {
	t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04", s, zone)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// settle waits until the agent has done what is due and waits for the next
// thing: no schedule runs, and its one timer is set to the first of them, which
// it returns; zero if there is none.
func (s *sim) settle() time.Time {
	s.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Microsecond) {
		if time.Now().After(deadline) { // only a hang gets here
			s.t.Fatalf("the agent does not come to rest at %v", s.clock.Now())
		}
		list, err := s.Schedules(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		var first time.Time
		busy := false
		for _, v := range list {
			busy = busy || v.State == agent.ScheduleRunning || !v.Next.IsZero() && !v.Next.After(s.clock.Now())
			if v.State == agent.ScheduleActive && !v.Next.IsZero() && (first.IsZero() || v.Next.Before(first)) {
				first = v.Next
			}
		}
		waits := s.clock.Waiting()
		if !busy && (first.IsZero() || len(waits) == 1 && waits[0].Equal(first)) && len(waits) <= 1 {
			return first
		}
	}
}

// until lets the time pass, from one due thing to the next.
func (s *sim) until(end string) {
	s.t.Helper()
	at := wallTime(s.t, s.zone, end)
	for {
		next := s.settle() // not asked again: the agent may just look at its schedules
		if next.IsZero() || next.After(at) {
			s.clock.Set(at)
			s.settle()
			return
		}
		s.steps++
		s.clock.Set(next)
	}
}

func (s *sim) add(v agent.Schedule) agent.Schedule {
	s.t.Helper()
	if v.By == "" {
		v.By = agent.ByOwner
	}
	if v.Session == "" {
		v.Session = "s"
	}
	v, err := s.AddSchedule(s.t.Context(), v)
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

// schedule returns one as it is now; nil if it is gone.
func (s *sim) schedule(id string) *agent.Schedule {
	s.t.Helper()
	list, err := s.Schedules(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(v agent.Schedule) bool { return v.ID == id })
	if i < 0 {
		return nil
	}
	return &list[i]
}

// said are the times and texts of a kind of entries of a session.
func (s *sim) said(session string, kind agent.Kind) (out []string) {
	s.t.Helper()
	h, err := s.History(s.t.Context(), session, 0, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range h {
		if e.Kind == kind {
			out = append(out, e.At.In(s.zone).Format("Mon 15:04:05")+" "+e.Message.Text)
		}
	}
	return out
}

var errModel = errors.New("the model is away")
