package effects

import (
	"context"
	"time"

	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

const maxScheduleText = 16 << 10

// Schedules keeps what wakes agents. What it returns to a plugin is that
// plugin's own.
type Schedules interface {
	ScheduleMaking
	// Cancel fails with not_found for a schedule that the maker did not make.
	Cancel(ctx context.Context, by ScheduleMaker, id string) error
	List(ctx context.Context, by ScheduleMaker) ([]Schedule, error)
}

// ScheduleMaking makes schedules.
type ScheduleMaking interface {
	// Check reads a wish: its kind ("at", "every", "cron") and the shortest time
	// between two runs, 0 for what runs once.
	Check(w ScheduleWish) (kind string, gap time.Duration, err error)
	Create(ctx context.Context, by ScheduleMaker, w ScheduleWish) (Schedule, error)
}

// ScheduleMaker is the plugin that asks, and for whom.
type ScheduleMaker struct {
	Plugin, Agent, Session string
	// Labels are of all that the session has read, and the call since.
	Labels []string
}

// ScheduleWish is what is to be scheduled; one of At, Every and Cron is given.
type ScheduleWish struct {
	At    string `json:"at"`
	Every string `json:"every"`
	Cron  string `json:"cron"`
	Zone  string `json:"zone"`
	Name  string `json:"name"`
	Text  string `json:"text"`
}

// Schedule is one as a plugin sees it.
type Schedule struct {
	ID     string   `json:"id"`
	Name   string   `json:"name,omitempty"`
	Text   string   `json:"text"`
	When   string   `json:"when"`
	Next   string   `json:"next,omitempty"` // RFC 3339, in the owner's zone
	State  string   `json:"state"`
	Fails  int      `json:"fails,omitempty"`
	Labels []string `json:"-"`
}

func (c *Call) schedules(what string) (Schedules, error) {
	if c.e.cfg.Schedules == nil {
		return nil, protocol.Errorf(protocol.Unavailable, "%s: this host keeps no schedules", what)
	}
	return c.e.cfg.Schedules, nil
}

// maker is who asks. The labels are the whole session's, also where the
// arguments were traced: a plan is made of all that was read.
func (c *Call) maker() ScheduleMaker {
	o := c.origin()
	return ScheduleMaker{Plugin: c.caller.Plugin, Agent: o.Agent, Session: o.Session, Labels: o.Labels}
}

func (c *Call) scheduleCreate(ctx context.Context, args []byte) ([]byte, error) {
	const what = "schedule.create"
	var w ScheduleWish
	if err := decode(what, args, &w); err != nil {
		return nil, err
	}
	keeper, err := c.schedules(what)
	if err != nil {
		return nil, err
	}
	if len(w.Text) > maxScheduleText {
		return nil, protocol.Errorf(protocol.Limit, "%s: %d bytes of text, the limit is %d", what, len(w.Text), maxScheduleText)
	}
	w.Text = clean(w.Text)
	kind, gap, err := keeper.Check(w)
	if err != nil {
		return nil, protocol.Errorf(protocol.CodeOf(err), "%s: %v", what, err)
	}
	attrs := capability.Attributes{"kind": kind}
	if gap > 0 {
		attrs["every_seconds"] = int64(gap / time.Second)
	}
	var made Schedule
	err = c.gated(ctx, what, kind, attrs, args, func(ctx context.Context, _ *gate.Flight) (err error) {
		made, err = keeper.Create(ctx, c.maker(), w)
		return c.e.unavailable(what, err)
	})
	if err != nil {
		return nil, err
	}
	return encode(made)
}

func (c *Call) scheduleCancel(ctx context.Context, args []byte) ([]byte, error) {
	const what = "schedule.cancel"
	var a struct {
		ID string `json:"id"`
	}
	if err := decode(what, args, &a); err != nil {
		return nil, err
	}
	if a.ID == "" || len(a.ID) > 80 || badName(a.ID) {
		return nil, protocol.Errorf(protocol.Invalid, "%s: want the id of a schedule", what)
	}
	keeper, err := c.schedules(what)
	if err != nil {
		return nil, err
	}
	err = c.gated(ctx, what, a.ID, capability.Attributes{"id": a.ID}, args, func(ctx context.Context, _ *gate.Flight) error {
		return c.e.unavailable(what, keeper.Cancel(ctx, c.maker(), a.ID))
	})
	if err != nil {
		return nil, err
	}
	return empty, nil
}

// scheduleRead lists what the plugin made for this agent. The texts come with
// the labels they were made under.
func (c *Call) scheduleRead(ctx context.Context, args []byte) ([]byte, error) {
	const what = "schedule.read"
	if err := decode(what, args, &struct{}{}); err != nil {
		return nil, err
	}
	keeper, err := c.schedules(what)
	if err != nil {
		return nil, err
	}
	var list []Schedule
	err = c.gated(ctx, what, "schedules", nil, args, func(ctx context.Context, _ *gate.Flight) (err error) {
		list, err = keeper.List(ctx, c.maker())
		return c.e.unavailable(what, err)
	})
	if err != nil {
		return nil, err
	}
	for _, s := range list {
		c.label(s.Labels)
	}
	return encode(map[string]any{"schedules": list})
}
