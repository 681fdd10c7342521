package agent_test

import (
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/store"
)

// fakeClock stands until it is set.
type fakeClock struct {
	mu    sync.Mutex
	now   time.Time
	waits map[*wait]bool
	armed int // waits so far
}

type wait struct {
	at    time.Time
	woken chan time.Time
}

func newFakeClock(now time.Time) *fakeClock { return &fakeClock{now: now, waits: map[*wait]bool{}} }

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) Wake(at time.Time) (<-chan time.Time, func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := &wait{at: at, woken: make(chan time.Time, 1)}
	c.waits[w] = true
	c.armed++
	if !at.After(c.now) {
		w.woken <- c.now
	}
	return w.woken, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.waits, w)
	}
}

// set changes the time; a change backwards wakes everybody, as on a machine.
func (c *fakeClock) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	back := now.Before(c.now)
	c.now = now
	for w := range c.waits {
		if back || !w.at.After(now) {
			select {
			case w.woken <- now:
			default:
			}
		}
	}
}

// waiting are the times that somebody waits for.
func (c *fakeClock) waiting() (at []time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for w := range c.waits {
		at = append(at, w.at)
	}
	return at
}

// sim is an agent whose time the test makes.
type sim struct {
	*fixture
	clock *fakeClock
	zone  *time.Location
	steps int // times that the agent was woken
}

func simulate(t *testing.T, from string, m agent.Model, edit ...func(*agent.Config)) *sim {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return simulateOn(t, openStore(t, filepath.Join(t.TempDir(), "state.db")), newFakeClock(wallTime(t, zone, from)), zone, m, edit...)
}

func simulateOn(t *testing.T, s *store.Store, clock *fakeClock, zone *time.Location, m agent.Model, edit ...func(*agent.Config)) *sim {
	t.Helper()
	f := startOn(t, s, m, &toolbox{}, append(edit, func(c *agent.Config) { c.Clock, c.Zone = clock, zone })...)
	go func() { // nobody reads the events of a week
		for range f.events { //nolint:revive // emptied
		}
	}()
	return &sim{fixture: f, clock: clock, zone: zone}
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
		waits := s.clock.waiting()
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
			s.clock.set(at)
			s.settle()
			return
		}
		s.steps++
		s.clock.set(next)
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
