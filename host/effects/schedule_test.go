package effects

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/protocol"
)

// diary keeps what it is asked to, for whoever asks.
type diary struct {
	made   []ScheduleMaker
	wishes []ScheduleWish
}

func (d *diary) Check(w ScheduleWish) (string, time.Duration, error) {
	switch {
	case w.Every != "":
		return "every", time.Hour, nil
	case w.At != "":
		return "at", 0, nil
	}
	return "", 0, protocol.Errorf(protocol.Invalid, "want one of at, every and cron")
}

func (d *diary) Create(_ context.Context, by ScheduleMaker, w ScheduleWish) (Schedule, error) {
	d.made, d.wishes = append(d.made, by), append(d.wishes, w)
	return Schedule{ID: "s1", Text: w.Text, When: "every 1h", State: "active", Labels: by.Labels}, nil
}

func (d *diary) Cancel(_ context.Context, by ScheduleMaker, id string) error {
	return protocol.Errorf(protocol.NotFound, "%s made no schedule %q", by.Plugin, id)
}

func (d *diary) List(context.Context, ScheduleMaker) ([]Schedule, error) {
	return []Schedule{{ID: "s1", Text: "x", Labels: []string{"untrusted"}}}, nil
}

func TestSchedules(t *testing.T) {
	t.Parallel()
	d := &diary{}
	w := newWorld(t, func(c *Config) { c.Schedules = d })
	c := w.effects.Call(Caller{Plugin: "p", Origin: gate.Origin{Agent: "main", Session: "s", Labels: []string{"private", "untrusted"}}})
	defer c.Close()
	refused(t, protocol.Denied, c, "schedule.create", `{"text":"x","every":"1h"}`)
	w.grant(t, "p", "schedule.create", `{"kinds":["every"]}`)
	w.grant(t, "p", "schedule.cancel", `{}`)
	w.grant(t, "p", "schedule.read", `{}`)
	// What was traced clean is no reason to call a plan clean.
	c.traced, c.given = true, nil
	if got := must(t, c, "schedule.create", `{"text":"look\u001b[2J","every":"1h","name":"n"}`); got["id"] != "s1" {
		t.Errorf("made %v", got)
	}
	if len(d.made) != 1 || d.made[0].Plugin != "p" || d.made[0].Agent != "main" || d.made[0].Session != "s" || !slices.Equal(d.made[0].Labels, []string{"private", "untrusted"}) {
		t.Errorf("made by %+v", d.made)
	}
	if strings.ContainsRune(d.wishes[0].Text, '\x1b') {
		t.Errorf("an escape sequence is kept: %q", d.wishes[0].Text)
	}
	refused(t, protocol.Denied, c, "schedule.create", `{"text":"x","at":"18:00"}`) // beyond the grant
	refused(t, protocol.Invalid, c, "schedule.create", `{"text":"x"}`)
	refused(t, protocol.Invalid, c, "schedule.create", `{"text":"x","every":"1h","session":"of-others"}`)
	refused(t, protocol.Invalid, c, "schedule.create", `{"text":"x","every":"1h","by":"owner"}`)
	refused(t, protocol.Limit, c, "schedule.create", `{"text":"`+strings.Repeat("x", maxScheduleText+1)+`","every":"1h"}`)
	refused(t, protocol.NotFound, c, "schedule.cancel", `{"id":"s9"}`)
	refused(t, protocol.Invalid, c, "schedule.cancel", `{"id":""}`)
	fresh := w.call(t)
	must(t, fresh, "schedule.read", `{}`)
	if got := fresh.labelled(nil); !slices.Contains(got, "untrusted") {
		t.Errorf("what was planned is read without its labels: %v", got)
	}
	none := newWorld(t, nil)
	none.grant(t, "p", "schedule.create", `{}`)
	refused(t, protocol.Unavailable, none.call(t), "schedule.create", `{"text":"x","every":"1h"}`)
}
