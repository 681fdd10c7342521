package plugintest

import (
	"slices"
	"strconv"

	"github.com/ambithost/ambit/sdk/protocol"
)

// Plan is a schedule that a plugin made in a World, which never runs it.
type Plan struct {
	ID    string `json:"id"`
	Name  string `json:"name,omitempty"`
	Text  string `json:"text"`
	When  string `json:"when"`
	State string `json:"state"`
}

// Plans returns what was scheduled and not cancelled.
func (w *World) Plans() []Plan {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.plans)
}

func (w *World) schedule(name string, a effectArgs) (any, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch name {
	case "schedule.create":
		when := a.At + a.Every + a.Cron
		if when == "" || a.Text == "" {
			return nil, protocol.Errorf(protocol.Invalid, "schedule.create: want a text, and one of at, every and cron")
		}
		w.planned++
		p := Plan{ID: "s" + strconv.Itoa(w.planned), Name: a.Name, Text: a.Text, When: when, State: "active"}
		w.plans = append(w.plans, p)
		return p, nil
	case "schedule.cancel":
		i := slices.IndexFunc(w.plans, func(p Plan) bool { return p.ID == a.ID })
		if i < 0 {
			return nil, protocol.Errorf(protocol.NotFound, "schedule.cancel: this plugin made no schedule %q", a.ID)
		}
		w.plans = slices.Delete(w.plans, i, i+1)
		return struct{}{}, nil
	}
	return map[string]any{"schedules": append([]Plan{}, w.plans...)}, nil
}
