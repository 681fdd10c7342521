//go:build !linux

package clock

import "time"

// Wake implements [Clock]. The wall clock is looked at every minute, since it
// may have been set and the machine may have slept.
func (System) Wake(at time.Time) (<-chan time.Time, func()) { return within(at, time.Minute) }
