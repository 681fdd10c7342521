// Package clock tells the time and waits for it: the machine's wall clock
// ([System]), or one that is set by hand ([Manual]).
package clock

import "time"

// Clock tells the time and waits for it. Duties of an implementation:
//
//  1. Wake's channel gets a value once the wall clock shows at or later, also
//     when the clock was set or the machine slept meanwhile. It may come early:
//     whoever waits looks at Now again.
//  2. stop ends the wait and frees what it holds. It may be called more than
//     once, and after it returned nothing of the wait runs.
type Clock interface {
	Now() time.Time
	Wake(at time.Time) (woken <-chan time.Time, stop func())
}

// System is the machine's wall clock.
type System struct{}

// Now is [time.Now].
func (System) Now() time.Time { return time.Now() }

// within is [System.Wake] by a timer of the Go runtime. These stand still
// while the machine sleeps and know nothing of a clock that is set, so a long
// wait is broken off now and then.
func within(at time.Time, most time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(min(time.Until(at), most))
	return t.C, func() { t.Stop() }
}
