// Package when tells at which instants something is to happen: once ([At]), at
// intervals ([Every]) or by the calendar ([Cron]). A [Rule] is data: it holds no
// timer and no state. Start at [Rule.Check], then [Rule.Next].
//
// Guarantees, also over changes of the clock (DST): Next is strictly after what
// it is given, so a time is told once; a wall time that a change skips counts as
// the instant of the change, one that comes twice as the first of the two; an
// hour that is left open ("*/20 * * * *") counts what really passes, so nothing
// is skipped and the hour that comes twice counts twice.
package when

import (
	"fmt"
	"time"
)

// Kind is how a rule tells its times.
type Kind string

// The kinds.
const (
	At    Kind = "at"    // once
	Every Kind = "every" // at intervals of elapsed time
	Cron  Kind = "cron"  // by the calendar
)

// Bounds of an interval.
const (
	MinEvery = time.Minute
	MaxEvery = 366 * 24 * time.Hour
)

// horizon is how far the calendar is searched: 29 February may be a Sunday once
// in 40 years (around 2100).
const horizon = 41 * 366 // days

// Rule says when. Only the fields of its kind are set.
type Rule struct {
	Kind  Kind          `json:"kind"`
	At    time.Time     `json:"at,omitzero"`
	Every time.Duration `json:"every,omitempty"` // nanoseconds
	From  time.Time     `json:"from,omitzero"`   // intervals are counted from here
	Cron  string        `json:"cron,omitempty"`  // five fields, or @hourly, @daily, @weekly, @monthly, @yearly
	Zone  string        `json:"zone,omitempty"`  // IANA name; empty: the owner's
	Hours Hours         `json:"hours,omitempty"` // if set, only within them; not with At
}

// Check says what is wrong with a rule.
func (r Rule) Check() error {
	if _, err := r.zone(time.UTC); err != nil {
		return err
	}
	if err := r.Hours.check(); err != nil {
		return err
	}
	switch r.Kind {
	case At:
		if r.At.IsZero() {
			return fmt.Errorf("a schedule of kind at needs a time")
		}
		if r.Hours != "" {
			return fmt.Errorf("a schedule of kind at has no hours")
		}
	case Every:
		if r.Every < MinEvery || r.Every > MaxEvery {
			return fmt.Errorf("an interval of %v: want at least %v and at most %d days", r.Every, MinEvery, MaxEvery/(24*time.Hour))
		}
		if r.From.IsZero() {
			return fmt.Errorf("an interval needs a time from which it is counted")
		}
	case Cron:
		_, err := parseCron(r.Cron)
		return err
	default:
		return fmt.Errorf("kind %q: want at, every or cron", string(r.Kind))
	}
	return nil
}

func (r Rule) zone(owner *time.Location) (*time.Location, error) {
	if r.Zone == "" {
		return owner, nil
	}
	loc, err := time.LoadLocation(r.Zone)
	if err != nil || r.Zone == "Local" {
		return owner, fmt.Errorf("zone %q: want an IANA name such as Europe/Berlin", r.Zone)
	}
	return loc, nil
}

// Next is the first time after another; zero if there is none. owner is the zone
// of rules without one. A rule that does not pass Check has no times.
func (r Rule) Next(after time.Time, owner *time.Location) time.Time {
	zone, err := r.zone(owner)
	if err != nil {
		return time.Time{}
	}
	switch r.Kind {
	case At:
		if r.At.After(after) {
			return r.At
		}
	case Every:
		return r.nextInterval(after, zone)
	case Cron:
		if c, err := parseCron(r.Cron); err == nil {
			return c.next(after, zone, r.Hours)
		}
	}
	return time.Time{}
}

// Holds tells whether an instant lies within the rule's hours.
func (r Rule) Holds(at time.Time, owner *time.Location) bool {
	zone, err := r.zone(owner)
	return err == nil && r.Hours.Hold(at, zone)
}

// nextInterval: what falls outside the hours waits for their beginning.
func (r Rule) nextInterval(after time.Time, zone *time.Location) time.Time {
	if r.Every < MinEvery {
		return time.Time{}
	}
	next := r.From
	if !after.Before(next) {
		next = next.Add((after.Sub(next)/r.Every + 1) * r.Every)
	}
	if r.Hours.Hold(next, zone) {
		return next
	}
	return r.Hours.begin(next, zone)
}

// Count is how many times lie after one instant and not after another. It stops
// at most, so that a long absence costs little.
func (r Rule) Count(after, upto time.Time, owner *time.Location, most int) (n int) {
	for at := r.Next(after, owner); n < most && !at.IsZero() && !at.After(upto); at = r.Next(at, owner) {
		n++
	}
	return n
}

// Gap is the shortest time between two of the next runs; zero for what runs
// once.
func (r Rule) Gap(after time.Time, owner *time.Location) time.Duration {
	const runs = 50
	if r.Kind == Every {
		return r.Every
	}
	shortest := time.Duration(0)
	at := r.Next(after, owner)
	for range runs {
		next := r.Next(at, owner)
		if at.IsZero() || next.IsZero() {
			break
		}
		if gap := next.Sub(at); shortest == 0 || gap < shortest {
			shortest = gap
		}
		at = next
	}
	return shortest
}

// String is the rule for people: "every 20m", "cron 0 9 * * 1-5 (Europe/Berlin)".
func (r Rule) String() string {
	zone := ""
	if r.Zone != "" {
		zone = " (" + r.Zone + ")"
	}
	switch r.Kind {
	case At:
		return "at " + r.At.Format(time.RFC3339) + zone
	case Every:
		return "every " + Length(r.Every) + zone
	}
	return "cron " + r.Cron + zone
}
