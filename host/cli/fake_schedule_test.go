package cli

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/sdk/protocol"
)

func (m *memory) Schedules(context.Context) ([]control.Schedule, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.schedules), nil
}

func (m *memory) AddSchedule(_ context.Context, req control.ScheduleRequest) (*control.Schedule, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := control.Schedule{ID: "s" + strconv.Itoa(len(m.schedules)+1), Agent: "main", Session: "main", Name: req.Name, By: "owner", Kind: "cron", Cron: req.Cron, Zone: req.Zone, Text: req.Text, State: "active", Next: time.Now().Add(time.Hour)}
	m.schedules = append(m.schedules, s)
	return &s, nil
}

func (m *memory) RemoveSchedule(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(m.schedules)
	m.schedules = slices.DeleteFunc(m.schedules, func(s control.Schedule) bool { return s.ID == id })
	if len(m.schedules) == n {
		return protocol.Errorf(protocol.NotFound, "there is no schedule %s", id)
	}
	return nil
}

func (m *memory) RunSchedule(_ context.Context, id string) (*control.ScheduleRun, error) {
	return &control.ScheduleRun{Schedule: id, Turn: "t1"}, nil
}
