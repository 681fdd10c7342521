package control

import (
	"context"
	"net/http"
)

// Schedules implements [Scheduler].
func (c *Client) Schedules(ctx context.Context) ([]Schedule, error) {
	return list[Schedule](ctx, c, nil, "schedules")
}

// AddSchedule implements [Scheduler].
func (c *Client) AddSchedule(ctx context.Context, req ScheduleRequest) (*Schedule, error) {
	return change[Schedule](ctx, c, http.MethodPost, req, "schedules")
}

// RemoveSchedule implements [Scheduler].
func (c *Client) RemoveSchedule(ctx context.Context, id string) error {
	_, err := change[empty](ctx, c, http.MethodDelete, nil, "schedules", id)
	return err
}

// RunSchedule implements [Scheduler].
func (c *Client) RunSchedule(ctx context.Context, id string) (*ScheduleRun, error) {
	return change[ScheduleRun](ctx, c, http.MethodPost, nil, "schedules", id, "run")
}
