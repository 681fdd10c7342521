package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ambithost/ambit/host/agent/when"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Bounds of schedules.
const (
	MaxSchedules     = 500      // of one agent
	MaxScheduleText  = 64 << 10 // bytes
	maxOfOnePlugin   = 50       // schedules, of one agent
	maxSchedulesName = 60       // characters
)

var scheduleName = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N} _.-]*$`)

// Schedules lists those of the agent, the oldest first, the heartbeat among them.
func (a *Agent) Schedules(ctx context.Context) ([]Schedule, error) {
	return a.cfg.Store.Schedules(ctx, a.cfg.Name)
}

// AddSchedule checks and stores a schedule and returns it with its id and its
// first time. Who makes it is in By, and whoever calls this vouches for it.
func (a *Agent) AddSchedule(ctx context.Context, s Schedule) (Schedule, error) {
	k := &a.time
	k.mu.Lock()
	defer k.mu.Unlock()
	now := a.cfg.Clock.Now()
	s.Agent, s.Created, s.State = a.cfg.Name, now, ScheduleActive
	if s.Rule.Kind == when.Every {
		s.Rule.From = now
	}
	if err := a.checkSchedule(ctx, &s); err != nil {
		return Schedule{}, err
	}
	list, err := a.cfg.Store.Schedules(ctx, a.cfg.Name)
	if err != nil {
		return Schedule{}, protocol.Errorf(protocol.Unavailable, "schedules: %v", err)
	}
	theirs := 0
	for _, o := range list {
		if o.By == s.By {
			theirs++
		}
	}
	if len(list) >= MaxSchedules || s.By != ByOwner && theirs >= maxOfOnePlugin {
		return Schedule{}, protocol.Errorf(protocol.Limit, "there are %d schedules of %s, and %d in all; remove some first (ambit schedule list)", theirs, s.By, len(list))
	}
	s.ID = newScheduleID(list)
	if s = k.plan(s, now); s.Due.IsZero() {
		return Schedule{}, protocol.Errorf(protocol.Invalid, "the schedule has no time in the future")
	}
	if err := a.scheduled(ctx, s, ScheduleCreated, s.Rule.String()); err != nil {
		return Schedule{}, protocol.Errorf(protocol.Unavailable, "the schedule can't be recorded, so it was not made: %v", err)
	}
	if err := a.cfg.Store.PutSchedule(ctx, s); err != nil {
		return Schedule{}, protocol.Errorf(protocol.Unavailable, "the schedule could not be stored: %v", err)
	}
	a.Poke()
	return s, nil
}

func (a *Agent) checkSchedule(ctx context.Context, s *Schedule) error {
	s.Name = strings.TrimSpace(s.Name)
	s.Labels = slices.Compact(slices.Sorted(slices.Values(s.Labels)))
	switch {
	case s.By == "" || s.By == ByHost:
		return protocol.Errorf(protocol.Internal, "a schedule that nobody made")
	case s.Name != "" && (!scheduleName.MatchString(s.Name) || utf8.RuneCountInString(s.Name) > maxSchedulesName):
		return protocol.Errorf(protocol.Invalid, "name %.80q: want up to %d letters, digits, spaces, dots, dashes or underscores", s.Name, maxSchedulesName)
	case len(s.Text) > MaxScheduleText:
		return protocol.Errorf(protocol.Limit, "the text has %d bytes, the limit is %d", len(s.Text), MaxScheduleText)
	}
	if err := s.Rule.Check(); err != nil {
		return protocol.Errorf(protocol.Invalid, "%v", err)
	}
	return a.check(ctx, Message{Session: s.Session, Text: s.Text})
}

func newScheduleID(list []Schedule) string {
	for {
		id := "s" + strings.ToLower(rand.Text()[:7])
		if !slices.ContainsFunc(list, func(s Schedule) bool { return s.ID == id }) {
			return id
		}
	}
}

// RemoveSchedule forgets a schedule; its turn, if one runs, goes on. With by it
// must be one that they made.
func (a *Agent) RemoveSchedule(ctx context.Context, id, by string) error {
	a.time.mu.Lock()
	defer a.time.mu.Unlock()
	s, err := a.findSchedule(ctx, id, by)
	switch {
	case err != nil:
		return err
	case s.Heartbeat():
		return protocol.Errorf(protocol.Invalid, "the heartbeat of agent %s is a setting: agents.%s.heartbeat in ambit.yaml", a.cfg.Name, a.cfg.Name)
	}
	if err := a.scheduled(ctx, s, ScheduleRemoved, ""); err != nil {
		return protocol.Errorf(protocol.Unavailable, "that can't be recorded, so the schedule is still there: %v", err)
	}
	if err := a.cfg.Store.RemoveSchedule(ctx, id); err != nil {
		return protocol.Errorf(protocol.Unavailable, "the schedule could not be removed: %v", err)
	}
	return nil
}

// RunSchedule runs a schedule now, beside its times. One that is disabled is
// enabled when the run goes well.
func (a *Agent) RunSchedule(ctx context.Context, id string) (TurnID, error) {
	a.time.mu.Lock()
	defer a.time.mu.Unlock()
	s, err := a.findSchedule(ctx, id, "")
	if err != nil {
		return "", err
	}
	now := a.cfg.Clock.Now()
	if s.State == ScheduleRunning {
		if s, err = a.time.conclude(ctx, s, now); err != nil {
			return "", err
		}
	}
	if s.State == ScheduleRunning {
		return "", protocol.Errorf(protocol.Invalid, "schedule %s runs already", id)
	}
	_, turn, err := a.time.start(ctx, s, now, true)
	switch {
	case errors.Is(err, ErrHeld):
		return "", protocol.Errorf(protocol.Killed, "agent %s is halted; to change it: ambit resume", a.cfg.Name)
	case errors.Is(err, ErrSpent):
		return "", protocol.Errorf(protocol.Denied, "%v: ambit budget list", err)
	}
	return turn, err
}

func (a *Agent) findSchedule(ctx context.Context, id, by string) (Schedule, error) {
	list, err := a.cfg.Store.Schedules(ctx, a.cfg.Name)
	if err != nil {
		return Schedule{}, protocol.Errorf(protocol.Unavailable, "schedules: %v", err)
	}
	for _, s := range list {
		if s.ID == id && (by == "" || s.By == by) {
			return s, nil
		}
	}
	if by != "" {
		return Schedule{}, protocol.Errorf(protocol.NotFound, "%s made no schedule %.40q", by, id)
	}
	return Schedule{}, protocol.Errorf(protocol.NotFound, "agent %s has no schedule %.40q", a.cfg.Name, id)
}
