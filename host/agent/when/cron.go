package when

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// calendar is a parsed cron expression: a bit for each value that matches.
type calendar struct {
	minute, hour, dom, month, dow uint64
	// open: the hour begins with "*", so elapsed time counts and not what the
	// clocks show.
	open bool
	// either: day of month and day of week are both narrowed, and one of them
	// is enough (as in crontab(5)).
	either bool
}

// shorthands of crontab(5).
var shorthands = map[string]string{
	"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
	"@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}

const (
	monthNames = "jan feb mar apr may jun jul aug sep oct nov dec"
	dayNames   = "sun mon tue wed thu fri sat"
	maxCron    = 256 // bytes
)

func parseCron(text string) (calendar, error) {
	var c calendar
	bad := func(err error) (calendar, error) { return calendar{}, fmt.Errorf("cron %.80q: %w", text, err) }
	if len(text) > maxCron {
		return bad(fmt.Errorf("longer than %d bytes", maxCron))
	}
	expr := strings.ToLower(strings.TrimSpace(text))
	if long, ok := shorthands[expr]; ok {
		expr = long
	}
	fields := strings.Fields(expr)
	if len(fields) != 5 {
		return bad(fmt.Errorf("want five fields (minute hour day month weekday) or @daily and the like"))
	}
	for i, f := range []struct {
		into     *uint64
		what     string
		min, max int
		names    []string
	}{
		{&c.minute, "minute", 0, 59, nil},
		{&c.hour, "hour", 0, 23, nil},
		{&c.dom, "day", 1, 31, nil},
		{&c.month, "month", 1, 12, strings.Fields(monthNames)},
		{&c.dow, "weekday", 0, 7, strings.Fields(dayNames)},
	} {
		bits, err := parseField(fields[i], f.min, f.max, f.names)
		if err != nil {
			return bad(fmt.Errorf("%s: %w", f.what, err))
		}
		*f.into = bits
	}
	if c.dow&(1<<7) != 0 { // 7 is Sunday too
		c.dow |= 1
	}
	c.open = strings.HasPrefix(fields[1], "*")
	c.either = !strings.HasPrefix(fields[2], "*") && !strings.HasPrefix(fields[4], "*")
	if !c.possible() {
		return bad(fmt.Errorf("there is no such day"))
	}
	return c, nil
}

// parseField reads a list of values, ranges and steps.
func parseField(s string, least, most int, names []string) (bits uint64, err error) {
	number := func(s string) (int, error) {
		if i := slices.Index(names, s); i >= 0 {
			return i + least, nil
		}
		n, err := strconv.Atoi(s)
		if err != nil || n < least || n > most || s[0] == '+' || s[0] == '-' {
			return 0, fmt.Errorf("%.20q: want %d to %d", s, least, most)
		}
		return n, nil
	}
	for part := range strings.SplitSeq(s, ",") {
		span, stepText, stepped := strings.Cut(part, "/")
		first, last, step := least, most, 1
		if stepped {
			if step, err = strconv.Atoi(stepText); err != nil || step < 1 || step > most {
				return 0, fmt.Errorf("step %.20q: want 1 to %d", stepText, most)
			}
		}
		if span != "*" {
			from, to, ranged := strings.Cut(span, "-")
			if first, err = number(from); err != nil {
				return 0, err
			}
			switch {
			case ranged:
				if last, err = number(to); err != nil {
					return 0, err
				}
			case !stepped: // 5/10 is 5 to the end
				last = first
			}
			if last < first {
				return 0, fmt.Errorf("%.20q ends before it begins", span)
			}
		}
		for v := first; v <= last; v += step {
			bits |= 1 << v
		}
	}
	return bits, nil
}

// possible tells 31 February from a day that comes.
func (c calendar) possible() bool {
	if c.either {
		return true
	}
	longest := [...]int{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}
	for m := range 12 {
		if c.month&(1<<(m+1)) != 0 && c.dom&(1<<(longest[m]+1)-2) != 0 {
			return true
		}
	}
	return false
}

func (c calendar) day(d time.Time) bool {
	if c.month&(1<<d.Month()) == 0 {
		return false
	}
	dom, dow := c.dom&(1<<d.Day()) != 0, c.dow&(1<<d.Weekday()) != 0
	if c.either {
		return dom || dow
	}
	return dom && dow
}

// next searches day by day.
func (c calendar) next(after time.Time, zone *time.Location, hours Hours) time.Time {
	y, mo, d := after.In(zone).Date()
	for i := range horizon {
		date := time.Date(y, mo, d+i, 0, 0, 0, 0, time.UTC)
		if !c.day(date) {
			continue
		}
		if at := c.first(date, after, zone, hours); !at.IsZero() {
			return at
		}
	}
	return time.Time{}
}

// first is the day's first match after an instant. Where hours come twice the
// order of wall times is not that of instants, so a few more hours are looked at.
func (c calendar) first(date, after time.Time, zone *time.Location, hours Hours) (found time.Time) {
	const longest = 3 // hours that any zone ever repeated
	y, mo, d := date.Date()
	take := func(t time.Time) {
		if !t.IsZero() && t.After(after) && hours.Hold(t, zone) && (found.IsZero() || t.Before(found)) {
			found = t
		}
	}
	for h, foundAt := 0, 24; h < min(24, foundAt+longest); h++ {
		if c.hour&(1<<h) == 0 {
			continue
		}
		if last, twice, _ := wall(y, mo, d, h, 59, zone); maxTime(last, twice).Before(after) {
			continue
		}
		for mi := range 60 {
			if c.minute&(1<<mi) == 0 {
				continue
			}
			first, second, skipped := wall(y, mo, d, h, mi, zone)
			switch {
			case skipped && c.open:
				continue
			case c.open:
				take(second)
			}
			take(first)
		}
		if !found.IsZero() {
			foundAt = min(foundAt, h)
		}
	}
	return found
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
