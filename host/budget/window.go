package budget

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Window is the time in which a budget counts: a calendar "day", "week" (from
// Monday) or "month" of the owner's zone, or the time just past, such as "24h",
// "90m" or "7d".
type Window string

const maxWindow = 366 * 24 * time.Hour

func (w Window) check() error {
	switch w {
	case "day", "week", "month":
		return nil
	}
	_, err := w.length()
	return err
}

func (w Window) length() (time.Duration, error) {
	s := string(w)
	d, err := time.ParseDuration(s)
	if days, isDays := strings.CutSuffix(s, "d"); isDays {
		var n int
		n, err = strconv.Atoi(days)
		d = time.Duration(min(n, 1000)) * 24 * time.Hour
	}
	if err != nil || d < time.Second || d > maxWindow {
		return 0, fmt.Errorf(`window %q: want "day", "week", "month", or a length from 1s to 366d such as "24h" or "7d"`, s)
	}
	return d, nil
}

// Start is when the window that now lies in began.
func (w Window) Start(now time.Time, zone *time.Location) (time.Time, error) {
	local := now.In(zone)
	switch w {
	case "day":
		return beginOfDay(local), nil
	case "week":
		return beginOfDay(local.AddDate(0, 0, -(int(local.Weekday())+6)%7)), nil
	case "month":
		y, m, _ := local.Date()
		return beginOfDay(time.Date(y, m, 1, 12, 0, 0, 0, zone)), nil
	}
	d, err := w.length()
	return now.Add(-d), err
}

// beginOfDay is the first instant of t's day in t's zone. Where clocks change
// at midnight that is not always 00:00, and 00:00 is not always the first.
func beginOfDay(t time.Time) time.Time {
	y, m, d := t.Date()
	at := time.Date(y, m, d, 0, 0, 0, 0, t.Location())
	if !sameDay(at, t) { // 00:00 is skipped and at lies before the gap
		_, end := at.ZoneBounds()
		return end
	}
	change, _ := at.ZoneBounds()
	if change.IsZero() || !sameDay(change, t) {
		return at
	}
	if before := change.Add(-1).In(t.Location()); sameDay(before, t) { // the hour after 00:00 comes twice
		_, offset := before.Zone()
		return time.Date(y, m, d, 0, 0, -offset, 0, time.UTC).In(t.Location())
	}
	return change // 00:00 is skipped: the day begins with the change
}

func sameDay(a, b time.Time) bool {
	ay, am, ad := a.Date()
	by, bm, bd := b.Date()
	return ay == by && am == bm && ad == bd
}

// Words is the window after an amount: "a day", "in 24h".
func (w Window) Words() string {
	switch w {
	case "day", "week", "month":
		return "a " + string(w)
	}
	return "in " + string(w)
}
