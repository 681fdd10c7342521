package when

import (
	"fmt"
	"strings"
	"time"
)

// wall is the instant, or the two, at which the clocks of a zone show a time.
// For a time that a change skips, first is the instant of the change, and skipped
// is set.
func wall(y int, mo time.Month, d, h, mi int, zone *time.Location) (first, second time.Time, skipped bool) {
	want := time.Date(y, mo, d, h, mi, 0, 0, time.UTC) // as if the zone were UTC
	at := func(offset int) time.Time { return want.Add(-time.Duration(offset) * time.Second).In(zone) }
	shows := func(t time.Time) bool {
		_, offset := t.Zone()
		return t.Add(time.Duration(offset)*time.Second).Unix() == want.Unix()
	}
	// Whatever side of a change Date picks, the other one is next to it.
	guess := time.Date(y, mo, d, h, mi, 0, 0, zone)
	offsets := []int{offsetOf(guess)}
	begin, end := guess.ZoneBounds()
	if !begin.IsZero() {
		offsets = append(offsets, offsetOf(begin.Add(-time.Second)))
	}
	if !end.IsZero() {
		offsets = append(offsets, offsetOf(end))
	}
	for _, o := range offsets {
		t := at(o)
		switch {
		case !shows(t) || t.Equal(first) || t.Equal(second):
		case first.IsZero():
			first = t
		case t.Before(first):
			first, second = t, first
		default:
			second = t
		}
	}
	if !first.IsZero() {
		return first, second, false
	}
	// Skipped: the change is the bound of the zone that the guess lies beyond.
	if _, offset := guess.Zone(); guess.Add(time.Duration(offset)*time.Second).Unix() > want.Unix() {
		return begin, second, true
	}
	return end, second, true
}

func offsetOf(t time.Time) int {
	_, o := t.Zone()
	return o
}

// Hours are the part of a day in which something may happen, "08:00-22:00";
// "22:00-06:00" spans midnight. Empty is the whole day.
type Hours string

func (h Hours) check() error {
	if h == "" {
		return nil
	}
	from, to, err := h.minutes()
	if err == nil && from == to {
		err = fmt.Errorf("hours %q: they begin when they end", string(h))
	}
	return err
}

func (h Hours) minutes() (from, to int, err error) {
	a, b, ok := strings.Cut(string(h), "-")
	first, errA := time.Parse("15:04", strings.TrimSpace(a))
	last, errB := time.Parse("15:04", strings.TrimSpace(b))
	to = last.Hour()*60 + last.Minute()
	if strings.TrimSpace(b) == "24:00" {
		to, errB = 24*60, nil
	}
	if !ok || errA != nil || errB != nil {
		return 0, 0, fmt.Errorf(`hours %q: want "08:00-22:00"`, string(h))
	}
	return first.Hour()*60 + first.Minute(), to, nil
}

// Hold tells whether an instant lies within the hours of a zone's clocks. Hours
// that can't be read hold nothing.
func (h Hours) Hold(t time.Time, zone *time.Location) bool {
	if h == "" {
		return true
	}
	from, to, err := h.minutes()
	if err != nil {
		return false
	}
	t = t.In(zone)
	m := t.Hour()*60 + t.Minute()
	if from < to {
		return from <= m && m < to
	}
	return from <= m || m < to
}

// begin is when the hours next begin, at or after t.
func (h Hours) begin(t time.Time, zone *time.Location) time.Time {
	from, _, err := h.minutes()
	if err != nil {
		return time.Time{}
	}
	y, mo, d := t.In(zone).Date()
	for day := range 3 {
		if at, _, _ := wall(y, mo, d+day, from/60, from%60, zone); !at.Before(t) {
			return at
		}
	}
	return time.Time{}
}

// Length writes a duration without the parts that are zero: "20m", "1h30m", "7d".
func Length(d time.Duration) string {
	if d >= 24*time.Hour && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
