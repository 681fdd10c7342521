package gate

import (
	"cmp"
	"slices"

	"github.com/ambithost/ambit/host/audit"
)

// InFlight is an effect that has no outcome yet.
type InFlight struct {
	// Record is what the log will say of it: effect, parent, actor, plugin,
	// capability, resource, agent, session and turn; Time is when it was asked for.
	audit.Record
	Begun bool // it is being performed, and not decided or asked about
}

// Flights lists what is in flight, the oldest first.
func (g *Gate) Flights() []InFlight {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([]InFlight, 0, len(g.flights))
	for f := range g.flights {
		r := f.effect.record()
		r.Effect, r.Time = f.id, f.since
		out = append(out, InFlight{Record: r, Begun: !f.begun.IsZero()})
	}
	slices.SortFunc(out, func(a, b InFlight) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Effect, b.Effect))
	})
	return out
}
