package host

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/agent/when"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/host/effects"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Schedules lists those of every agent, heartbeats among them.
func (b backend) Schedules(ctx context.Context) ([]control.Schedule, error) {
	out := []control.Schedule{}
	for _, name := range slices.Sorted(maps.Keys(b.agents)) {
		list, err := b.agents[name].Schedules(ctx)
		if err != nil {
			return nil, err
		}
		for _, s := range list {
			out = append(out, scheduleOf(s))
		}
	}
	return out, nil
}

func scheduleOf(s agent.Schedule) control.Schedule {
	return control.Schedule{
		ID: s.ID, Agent: s.Agent, Session: s.Session, Name: s.Name, By: s.By, Kind: string(s.Rule.Kind),
		At: s.Rule.At, EverySeconds: int64(s.Rule.Every / time.Second), Cron: s.Rule.Cron, Zone: s.Rule.Zone, Hours: string(s.Rule.Hours),
		Text: s.Text, Labels: s.Labels, State: string(s.State), Created: s.Created, Due: s.Due, Next: s.Next,
		Fails: s.Fails, Runs: s.Runs, Idle: s.Idle, Missed: s.Missed, Last: s.Last, LastStatus: string(s.Reason),
	}
}

// AddSchedule makes one with the owner's words.
func (b backend) AddSchedule(ctx context.Context, req control.ScheduleRequest) (*control.Schedule, error) {
	b.touch()
	a, err := b.agentFor(req.Agent)
	if err != nil {
		return nil, err
	}
	rule, err := when.Parse(when.Wish{At: req.At, Every: req.Every, Cron: req.Cron, Zone: req.Zone}, b.now(), b.zone)
	if err != nil {
		return nil, protocol.Errorf(protocol.Invalid, "%v", err)
	}
	s, err := a.AddSchedule(ctx, agent.Schedule{Session: either(req.Session, defaultSession), Name: req.Name, Text: req.Text, Rule: rule, By: agent.ByOwner})
	if err != nil {
		return nil, err
	}
	out := scheduleOf(s)
	return &out, nil
}

// ofSchedule finds the agent that has a schedule.
func (b backend) ofSchedule(ctx context.Context, id string) (*agent.Agent, error) {
	for _, a := range b.agents {
		list, err := a.Schedules(ctx)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(list, func(s agent.Schedule) bool { return s.ID == id }) {
			return a, nil
		}
	}
	return nil, &control.Error{Code: protocol.NotFound, Message: "there is no schedule " + id, Hint: "ambit schedule list"}
}

// RemoveSchedule forgets one.
func (b backend) RemoveSchedule(ctx context.Context, id string) error {
	b.touch()
	a, err := b.ofSchedule(ctx, id)
	if err == nil {
		err = a.RemoveSchedule(ctx, id, "")
	}
	return err
}

// RunSchedule runs one now.
func (b backend) RunSchedule(ctx context.Context, id string) (*control.ScheduleRun, error) {
	b.touch()
	a, err := b.ofSchedule(ctx, id)
	if err != nil {
		return nil, err
	}
	turn, err := a.RunSchedule(ctx, id)
	if err != nil {
		return nil, err
	}
	return &control.ScheduleRun{Schedule: id, Turn: string(turn)}, nil
}

// clockStatus tells what an agent's heartbeat did.
func (b backend) clockStatus(ctx context.Context, name string, st *control.AgentStatus) {
	list, err := b.agents[name].Schedules(ctx)
	if err != nil {
		return // the state's trouble shows elsewhere
	}
	for _, s := range list {
		switch {
		case s.Heartbeat():
			spent, _ := b.allowances.spent(ctx, name, "")
			st.Heartbeat = &control.HeartbeatStatus{Next: s.Next, Last: s.Last, Turns: s.Runs, Idle: s.Idle, Fails: s.Fails, Paused: spent}
		case s.State != agent.ScheduleDisabled:
			st.Schedules++
		}
	}
}

// timetable is what plugins may do with schedules; it vouches for who makes them.
type timetable struct{ *Host }

var _ effects.Schedules = timetable{}

func (t timetable) agent(name string) (*agent.Agent, error) {
	a, ok := t.agents[either(name, DefaultAgent)]
	if !ok {
		return nil, protocol.Errorf(protocol.NotFound, "there is no agent %q", name)
	}
	return a, nil
}

// Check tells the kind of a wish and the shortest time between two of its runs.
func (t timetable) Check(w effects.ScheduleWish) (kind string, gap time.Duration, err error) {
	rule, err := when.Parse(when.Wish{At: w.At, Every: w.Every, Cron: w.Cron, Zone: w.Zone}, t.now(), t.zone)
	if err != nil {
		return "", 0, protocol.Errorf(protocol.Invalid, "%v", err)
	}
	return string(rule.Kind), rule.Gap(t.now(), t.zone), nil
}

// Create makes a schedule for a plugin. Its text is not the owner's word and
// keeps the labels of the session.
func (t timetable) Create(ctx context.Context, by effects.ScheduleMaker, w effects.ScheduleWish) (effects.Schedule, error) {
	a, err := t.agent(by.Agent)
	if err != nil {
		return effects.Schedule{}, err
	}
	rule, err := when.Parse(when.Wish{At: w.At, Every: w.Every, Cron: w.Cron, Zone: w.Zone}, t.now(), t.zone)
	if err != nil {
		return effects.Schedule{}, protocol.Errorf(protocol.Invalid, "%v", err)
	}
	s, err := a.AddSchedule(ctx, agent.Schedule{
		Session: either(by.Session, defaultSession), Name: w.Name, Text: w.Text, Rule: rule, By: "plugin:" + by.Plugin, Labels: by.Labels,
	})
	return t.view(s), err
}

// Cancel ends a schedule that the plugin made for this agent.
func (t timetable) Cancel(ctx context.Context, by effects.ScheduleMaker, id string) error {
	a, err := t.agent(by.Agent)
	if err != nil {
		return err
	}
	return a.RemoveSchedule(ctx, id, "plugin:"+by.Plugin)
}

// List are the schedules that the plugin made for this agent.
func (t timetable) List(ctx context.Context, by effects.ScheduleMaker) ([]effects.Schedule, error) {
	a, err := t.agent(by.Agent)
	if err != nil {
		return nil, err
	}
	list, err := a.Schedules(ctx)
	if err != nil {
		return nil, err
	}
	out := []effects.Schedule{}
	for _, s := range list {
		if s.By == "plugin:"+by.Plugin {
			out = append(out, t.view(s))
		}
	}
	return out, nil
}

func (t timetable) view(s agent.Schedule) effects.Schedule {
	v := effects.Schedule{ID: s.ID, Name: s.Name, Text: s.Text, When: s.Rule.String(), State: string(s.State), Fails: s.Fails, Labels: s.Labels}
	if !s.Next.IsZero() {
		v.Next = s.Next.In(t.zone).Format(time.RFC3339)
	}
	return v
}
