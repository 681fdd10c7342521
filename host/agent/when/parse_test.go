package when

import (
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	t.Parallel()
	zone := berlin(t)
	now := time.Date(2027, 3, 27, 10, 0, 0, 0, zone)
	for _, c := range []struct {
		wish Wish
		want string // the first time; "" is refused
	}{
		{Wish{At: "2027-03-27 18:00"}, "2027-03-27 18:00 +01"},
		{Wish{At: "2027-03-28T18:00"}, "2027-03-28 18:00 +02"},
		{Wish{At: "18:00"}, "2027-03-27 18:00 +01"},
		{Wish{At: "09:00"}, "2027-03-28 09:00 +02"},
		{Wish{At: "2027-03-28 02:30"}, "2027-03-28 03:00 +02"},
		{Wish{At: "2027-03-27T12:00:00Z"}, "2027-03-27 13:00 +01"},
		{Wish{At: "2027-03-27 18:00", Zone: "America/New_York"}, "2027-03-27 23:00 +01"},
		{Wish{At: "in 90m"}, "2027-03-27 11:30 +01"},
		{Wish{Every: "1d"}, "2027-03-28 11:00 +02"},
		{Wish{Cron: " 0  9 * * * "}, "2027-03-28 09:00 +02"},
		{Wish{}, ""}, {Wish{At: "18:00", Every: "1h"}, ""}, {Wish{At: "soon"}, ""}, {Wish{At: "in -5m"}, ""}, {Wish{Every: "5s"}, ""},
		{Wish{Every: "-1d"}, ""}, {Wish{Every: "5000d"}, ""}, {Wish{Cron: "nonsense"}, ""}, {Wish{Every: "1h", Zone: "Nowhere"}, ""},
	} {
		r, err := Parse(c.wish, now, zone)
		if (err != nil) != (c.want == "") {
			t.Errorf("%+v: %v", c.wish, err)
			continue
		}
		if got := r.Next(now, zone).In(zone).Format(layout); err == nil && got != c.want {
			t.Errorf("%+v is at %s, want %s", c.wish, got, c.want)
		}
	}
}

// FuzzParse: no wish brings the parser down, and what it takes passes Check.
func FuzzParse(f *testing.F) {
	f.Add("18:00", "", "", "")
	f.Add("", "20m", "", "Europe/Berlin")
	zone := berlin(f)
	now := time.Date(2027, 3, 27, 10, 0, 0, 0, zone)
	f.Fuzz(func(t *testing.T, at, every, cron, in string) {
		r, err := Parse(Wish{At: at, Every: every, Cron: cron, Zone: in}, now, zone)
		if err == nil && r.Check() != nil {
			t.Fatalf("%+v does not pass its own check: %v", r, r.Check())
		}
	})
}
