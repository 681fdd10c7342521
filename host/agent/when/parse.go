package when

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Wish is a rule as people and plugins write it: just one of At, Every and Cron.
type Wish struct {
	At    string // RFC 3339, "2026-12-24 18:00", "18:00" (the next), or "in 20m"
	Every string // "20m", "6h", "1d"
	Cron  string
	Zone  string // IANA; empty: the owner's
}

// Parse reads a wish. Times without a zone of their own are of the wish's, else
// the owner's. Intervals are counted from now.
func Parse(w Wish, now time.Time, owner *time.Location) (Rule, error) {
	r := Rule{Zone: strings.TrimSpace(w.Zone)}
	zone, err := r.zone(owner)
	if err != nil {
		return Rule{}, err
	}
	given := 0
	for _, s := range []string{w.At, w.Every, w.Cron} {
		if strings.TrimSpace(s) != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return Rule{}, fmt.Errorf("want one of at, every and cron")
	case w.At != "":
		r.Kind = At
		r.At, err = parseTime(strings.TrimSpace(w.At), now, zone)
	case w.Every != "":
		r.Kind, r.From = Every, now
		r.Every, err = parseLength(strings.TrimSpace(w.Every))
	default:
		r.Kind, r.Cron = Cron, strings.Join(strings.Fields(w.Cron), " ")
	}
	if err != nil {
		return Rule{}, err
	}
	return r, r.Check()
}

// parseTime: a wall time that a change of the clock skips is the instant of the
// change, one that comes twice the first.
func parseTime(s string, now time.Time, zone *time.Location) (time.Time, error) {
	bad := fmt.Errorf(`time %.60q: want "2026-12-24 18:00", "18:00", "in 20m", or RFC 3339`, s)
	if text, ok := strings.CutPrefix(s, "in "); ok {
		d, err := parseLength(strings.TrimSpace(text))
		if err != nil {
			return time.Time{}, bad
		}
		return now.Add(d), nil
	}
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return at, nil
	}
	if at, err := time.Parse("15:04", s); err == nil {
		y, mo, d := now.In(zone).Date()
		for day := range 3 {
			if first, _, _ := wall(y, mo, d+day, at.Hour(), at.Minute(), zone); first.After(now) {
				return first, nil
			}
		}
	}
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05"} {
		if at, err := time.Parse(layout, s); err == nil {
			first, _, skipped := wall(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), zone)
			if !skipped {
				first = first.Add(time.Duration(at.Second()) * time.Second)
			}
			return first, nil
		}
	}
	return time.Time{}, bad
}

func parseLength(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		d = time.Duration(min(max(n, 0), 1000)) * 24 * time.Hour
	}
	if err != nil || d <= 0 {
		return 0, fmt.Errorf(`length %.40q: want "20m", "6h", "1d"`, s)
	}
	return d, nil
}
