package when

import (
	"strings"
	"testing"
	"time"
)

func berlin(t testing.TB) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

const layout = "2006-01-02 15:04 -07"

// TestCalendar: the clocks of Berlin go forward on 2027-03-28 at 02:00 and back
// on 2026-10-25 at 03:00.
func TestCalendar(t *testing.T) {
	t.Parallel()
	zone := berlin(t)
	for _, c := range []struct {
		name, cron, after string
		want              []string
	}{
		{"weekdays", "0 9 * * 1-5", "2026-11-27 10:00 +01", []string{"2026-11-30 09:00 +01", "2026-12-01 09:00 +01"}},
		{"names and lists", "30 8,20 * feb,mar sun", "2027-01-01 00:00 +01", []string{"2027-02-07 08:30 +01", "2027-02-07 20:30 +01", "2027-02-14 08:30 +01"}},
		{"sunday is 7 too", "0 0 * * 7", "2026-11-25 00:00 +01", []string{"2026-11-29 00:00 +01"}},
		{"steps", "10/20 0-6/3 * * *", "2026-11-25 00:00 +01", []string{"2026-11-25 00:10 +01", "2026-11-25 00:30 +01", "2026-11-25 00:50 +01", "2026-11-25 03:10 +01"}},
		{"either day", "0 0 13 * 5", "2026-11-10 00:00 +01", []string{"2026-11-13 00:00 +01", "2026-11-20 00:00 +01", "2026-11-27 00:00 +01", "2026-12-04 00:00 +01", "2026-12-11 00:00 +01", "2026-12-13 00:00 +01"}},
		{"29 february", "0 0 29 2 *", "2026-01-01 00:00 +01", []string{"2028-02-29 00:00 +01", "2032-02-29 00:00 +01"}},
		{"shorthand", "@monthly", "2026-11-25 00:00 +01", []string{"2026-12-01 00:00 +01", "2027-01-01 00:00 +01"}},
		{"skipped: at the change", "30 2 * * *", "2027-03-27 00:00 +01", []string{"2027-03-27 02:30 +01", "2027-03-28 03:00 +02", "2027-03-29 02:30 +02"}},
		{"skipped minutes: once", "*/10 2 28 3 *", "2027-03-28 01:00 +01", []string{"2027-03-28 03:00 +02", "2028-03-28 02:00 +02"}},
		{"twice: the first", "30 2 * * *", "2026-10-24 12:00 +02", []string{"2026-10-25 02:30 +02", "2026-10-26 02:30 +01"}},
		{"open hour, forward", "*/30 * * * *", "2027-03-28 01:00 +01", []string{"2027-03-28 01:30 +01", "2027-03-28 03:00 +02", "2027-03-28 03:30 +02"}},
		{"open hour, odd minute", "7 * * * *", "2027-03-28 01:00 +01", []string{"2027-03-28 01:07 +01", "2027-03-28 03:07 +02"}},
		{"open hour, back", "*/30 * * * *", "2026-10-25 02:00 +02", []string{"2026-10-25 02:30 +02", "2026-10-25 02:00 +01", "2026-10-25 02:30 +01", "2026-10-25 03:00 +01"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := Rule{Kind: Cron, Cron: c.cron}
			if err := r.Check(); err != nil {
				t.Fatal(err)
			}
			at, err := time.Parse(layout, c.after)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range c.want {
				at = r.Next(at, zone)
				if got := at.In(zone).Format(layout); got != want {
					t.Fatalf("got %s, want %s", got, want)
				}
			}
		})
	}
}

func TestWrongRules(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *", "* * * * 8", "-1 * * * *", "+1 * * * *",
		"5-1 * * * *", "*/0 * * * *", "*/-1 * * * *", "*/99 * * * *", "a * * * *", "1,,2 * * * *", "1- * * * *", "* * 31 2 *", "* * 31 4,6 *", "@often", strings.Repeat("1,", 200) + "1 * * * *",
	} {
		if err := (Rule{Kind: Cron, Cron: text}).Check(); err == nil {
			t.Errorf("cron %q is taken", text)
		}
	}
	now := time.Now()
	for _, r := range []Rule{
		{}, {Kind: "soon"}, {Kind: At}, {Kind: At, At: now, Hours: "08:00-09:00"}, {Kind: Every, From: now}, {Kind: Every, Every: time.Second, From: now}, {Kind: Every, Every: time.Hour},
		{Kind: Every, Every: 400 * 24 * time.Hour, From: now}, {Kind: Cron, Cron: "@daily", Zone: "Mars/Base"}, {Kind: Cron, Cron: "@daily", Zone: "Local"},
		{Kind: Every, Every: time.Hour, From: now, Hours: "08:00"}, {Kind: Every, Every: time.Hour, From: now, Hours: "08:00-08:00"}, {Kind: Every, Every: time.Hour, From: now, Hours: "8-9"},
	} {
		if err := r.Check(); err == nil {
			t.Errorf("%+v is taken", r)
		}
		if at := r.Next(now, time.UTC); !at.IsZero() && r.Kind != Every && r.Kind != At {
			t.Errorf("%+v has a time: %v", r, at)
		}
	}
}

func TestIntervals(t *testing.T) {
	t.Parallel()
	zone := berlin(t)
	from := time.Date(2026, 10, 24, 20, 0, 0, 0, zone)
	r := Rule{Kind: Every, Every: 5 * time.Hour, From: from}
	if at := r.Next(from.Add(-time.Minute), zone); !at.Equal(from) {
		t.Errorf("before the beginning: %v", at)
	}
	at, want := from, from
	for range 5 { // over the change, by elapsed time
		at, want = r.Next(at, zone), want.Add(5*time.Hour)
		if !at.Equal(want) {
			t.Errorf("got %v, want %v", at, want)
		}
	}
	r.Hours = "08:00-22:00"
	at = from
	for _, want := range []string{"2026-10-25 08:00 +01", "2026-10-25 10:00 +01", "2026-10-25 15:00 +01", "2026-10-25 20:00 +01", "2026-10-26 08:00 +01"} {
		if at = r.Next(at, zone); at.In(zone).Format(layout) != want {
			t.Errorf("within hours: got %v, want %s", at.In(zone), want)
		}
	}
	if n := (Rule{Kind: Every, Every: time.Minute, From: from}).Count(from, from.Add(48*time.Hour), zone, 1000); n != 1000 {
		t.Errorf("counted %d, want the bound", n)
	}
	if n := (Rule{Kind: Cron, Cron: "0 9 * * *"}).Count(from, from.Add(48*time.Hour), zone, 1000); n != 2 {
		t.Errorf("counted %d days, want 2", n)
	}
}

func TestHours(t *testing.T) {
	t.Parallel()
	zone := berlin(t)
	at := func(h, m int) time.Time { return time.Date(2026, 11, 25, h, m, 0, 0, zone) }
	for _, c := range []struct {
		hours Hours
		at    time.Time
		want  bool
	}{
		{"", at(3, 0), true}, {"08:00-22:00", at(7, 59), false}, {"08:00-22:00", at(8, 0), true}, {"08:00-22:00", at(22, 0), false},
		{"22:00-06:00", at(23, 0), true}, {"22:00-06:00", at(5, 59), true}, {"22:00-06:00", at(12, 0), false}, {"08:00-24:00", at(23, 59), true}, {"00:00-24:00", at(0, 0), true}, {"nonsense", at(9, 0), false},
	} {
		if got := c.hours.Hold(c.at, zone); got != c.want {
			t.Errorf("%q at %v: %v, want %v", c.hours, c.at.Format("15:04"), got, c.want)
		}
	}
}

func TestGap(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		rule Rule
		want time.Duration
	}{
		{Rule{Kind: At, At: now.Add(time.Hour)}, 0},
		{Rule{Kind: Every, Every: 20 * time.Minute, From: now}, 20 * time.Minute},
		{Rule{Kind: Cron, Cron: "0,5 9 * * *"}, 5 * time.Minute},
		{Rule{Kind: Cron, Cron: "@daily"}, 24 * time.Hour},
	} {
		if got := c.rule.Gap(now, time.UTC); got != c.want {
			t.Errorf("%v: %v, want %v", c.rule, got, c.want)
		}
	}
}

// FuzzCron: no text brings the parser down, and the times of one that it takes
// go forward and match its fields.
func FuzzCron(f *testing.F) {
	for _, s := range []string{"0 9 * * 1-5", "*/10 2 28 3 *", "@daily", "1-5/2,7 * 1 jan sun", "* * 29 2 */7"} {
		f.Add(s, int64(1_790_000_000))
	}
	zone := berlin(f)
	f.Fuzz(func(t *testing.T, text string, at int64) {
		r := Rule{Kind: Cron, Cron: text}
		if r.Check() != nil {
			return
		}
		after := time.Unix(at%4_000_000_000, 0)
		for range 3 {
			next := r.Next(after, zone)
			if next.IsZero() {
				return
			}
			if !next.After(after) {
				t.Fatalf("%q after %v: %v", text, after, next)
			}
			after = next
		}
	})
}
