package clock

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Manual is a clock that stands until it is set. Make one with [NewManual]; it is
// safe for use by several goroutines.
type Manual struct {
	mu    sync.Mutex
	now   time.Time
	waits map[*wait]struct{}
}

type wait struct {
	at    time.Time
	woken chan time.Time
}

// NewManual makes a clock that shows now.
func NewManual(now time.Time) *Manual {
	return &Manual{now: now, waits: map[*wait]struct{}{}}
}

// Now implements [Clock].
func (c *Manual) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Wake implements [Clock].
func (c *Manual) Wake(at time.Time) (woken <-chan time.Time, stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := &wait{at: at, woken: make(chan time.Time, 1)}
	c.waits[w] = struct{}{}
	if !at.After(c.now) {
		w.woken <- c.now
	}
	return w.woken, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.waits, w)
	}
}

// Set changes the time and wakes who waits for it; a change backwards wakes
// everybody, as it does on a machine.
func (c *Manual) Set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	back := now.Before(c.now)
	c.now = now
	for w := range c.waits {
		if back || !w.at.After(now) {
			select {
			case w.woken <- now:
			default: // it was told before and has not looked yet
			}
		}
	}
}

// Waiting are the times that somebody waits for, the earliest first.
func (c *Manual) Waiting() []time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	var at []time.Time
	for w := range maps.Keys(c.waits) {
		at = append(at, w.at)
	}
	slices.SortFunc(at, time.Time.Compare)
	return at
}
