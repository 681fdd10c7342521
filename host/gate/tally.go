package gate

import (
	"context"
	"sync"
	"time"
)

// Tally counts decisions of one of the owner's days. An effect counts once: as
// asked if the owner was, whatever they said.
type Tally struct {
	Day     string // YYYY-MM-DD
	Allowed int64
	Asked   int64
	Denied  int64
}

// TallyStore keeps the tally.
type TallyStore interface {
	// AddTally adds to what is stored of that day.
	AddTally(context.Context, Tally) error
	// Tallies returns the days from since on, oldest first.
	Tallies(ctx context.Context, since string) ([]Tally, error)
}

// tally is what was counted and is not stored yet. A crash loses at most what
// was counted since the last decision that was tallyEvery after a store.
type tally struct {
	mu     sync.Mutex
	now    Tally
	stored time.Time
}

const tallyEvery = time.Minute

type decided int

const (
	asAllowed decided = iota
	asAsked
	asDenied
)

// count counts a decision. It never fails an effect: a number is not worth it.
func (g *Gate) count(how decided) {
	now := g.cfg.Clock.Now()
	today := now.In(g.cfg.Zone).Format(time.DateOnly)
	g.tally.mu.Lock()
	due := Tally{}
	if g.tally.now.Day != today || now.Sub(g.tally.stored) >= tallyEvery {
		due, g.tally.now, g.tally.stored = g.tally.now, Tally{Day: today}, now
	}
	switch how {
	case asAllowed:
		g.tally.now.Allowed++
	case asAsked:
		g.tally.now.Asked++
	case asDenied:
		g.tally.now.Denied++
	}
	g.tally.mu.Unlock()
	g.store(due)
}

func (g *Gate) store(due Tally) {
	if due.Allowed+due.Asked+due.Denied == 0 {
		return
	}
	if err := g.cfg.Store.AddTally(context.Background(), due); err != nil {
		g.log.Error("the tally of decisions can't be stored", "error", err)
	}
}

// FlushTally stores what was counted. The host calls it before it ends.
func (g *Gate) FlushTally() error {
	g.tally.mu.Lock()
	due := g.tally.now
	g.tally.now = Tally{Day: due.Day}
	g.tally.mu.Unlock()
	g.store(due)
	return nil
}

// Tallies returns the last days, today included, oldest first; days on which
// nothing was decided are left out.
func (g *Gate) Tallies(ctx context.Context, days int) ([]Tally, error) {
	_ = g.FlushTally()
	since := g.cfg.Clock.Now().In(g.cfg.Zone).AddDate(0, 0, 1-days)
	return g.cfg.Store.Tallies(ctx, since.Format(time.DateOnly))
}
