package budget

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/sdk/capability"
)

// TestWindows: days, weeks and months begin when the owner's clock says so,
// also where the clock itself is changed.
func TestWindows(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ window, zone, now, want string }{
		{"day", "Europe/Berlin", "2026-03-29T12:00:00+02:00", "2026-03-29T00:00:00+01:00"}, // 23 hours long
		{"day", "Europe/Berlin", "2026-10-25T12:00:00+01:00", "2026-10-25T00:00:00+02:00"}, // 25 hours long
		{"day", "Europe/Berlin", "2026-07-01T21:59:59Z", "2026-07-01T00:00:00+02:00"},
		{"day", "Europe/Berlin", "2026-07-01T22:00:00Z", "2026-07-02T00:00:00+02:00"},
		{"day", "Asia/Beirut", "2024-03-31T12:00:00+03:00", "2024-03-31T01:00:00+03:00"},         // 00:00 is skipped
		{"day", "America/Havana", "2024-11-03T12:00:00-05:00", "2024-11-03T00:00:00-04:00"},      // 00:00 comes twice
		{"day", "America/Havana", "2024-11-03T00:30:00-05:00", "2024-11-03T00:00:00-04:00"},      // in the second of them
		{"day", "Pacific/Apia", "2011-12-31T05:00:00+14:00", "2011-12-31T00:00:00+14:00"},        // the day before never was
		{"day", "Australia/Lord_Howe", "2026-04-05T12:00:00+10:30", "2026-04-05T00:00:00+11:00"}, // half an hour
		{"week", "Europe/Berlin", "2026-03-29T23:00:00+02:00", "2026-03-23T00:00:00+01:00"},
		{"week", "Europe/Berlin", "2026-03-30T00:00:00+02:00", "2026-03-30T00:00:00+02:00"},
		{"month", "America/New_York", "2026-04-01T03:59:59Z", "2026-03-01T00:00:00-05:00"},
		{"month", "America/New_York", "2026-04-01T04:00:00Z", "2026-04-01T00:00:00-04:00"},
		{"24h", "Europe/Berlin", "2026-03-29T12:00:00+02:00", "2026-03-28T11:00:00+01:00"},
		{"7d", "UTC", "2026-03-29T12:00:00Z", "2026-03-22T12:00:00Z"},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		now, _ := time.Parse(time.RFC3339, c.now)
		want, _ := time.Parse(time.RFC3339, c.want)
		if got, err := Window(c.window).Start(now, zone); err != nil || !got.Equal(want) {
			t.Errorf("%s in %s at %s began %s, %v; want %s", c.window, c.zone, c.now, got.Format(time.RFC3339), err, c.want)
		}
	}
}

// TestDaysHaveNoHoles: through two years of every kind of clock change the
// beginning of the day never goes back and is on the day itself.
func TestDaysHaveNoHoles(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Europe/Berlin", "Asia/Beirut", "America/Havana", "Australia/Lord_Howe", "America/Santiago", "Africa/Cairo", "Asia/Kolkata"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		last := time.Time{}
		for at := time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2025; at = at.Add(30 * time.Minute) {
			got, err := Window("day").Start(at, zone)
			if err != nil || got.After(at) || got.Before(last) || !sameDay(got, at.In(zone)) || sameDay(got.Add(-1), at.In(zone)) {
				t.Fatalf("%s: the day of %s began %s, the one before %s, %v", name, at.In(zone), got, last, err)
			}
			last = got
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"limit":5000,"unit":"usd","window":"day","by":"plugin"}`:              "",
		`{"limit":5,"unit":"count","window":"90m","by":["agent","recipient"]}`:  "",
		`{"limit":5,"unit":"count","window":"day"}`:                             "by is missing",
		`{"limit":5,"unit":"count","window":"day","by":"moon"}`:                 `by "moon"`,
		`{"limit":5,"unit":"count","window":"day","by":["agent","agent"]}`:      "twice",
		`{"limit":-5,"unit":"count","window":"day","by":"agent"}`:               "negative",
		`{"limit":5.5,"unit":"usd","window":"day","by":"agent"}`:                "want limit",
		`{"limit":5,"unit":"USD","window":"day","by":"agent"}`:                  `unit "USD"`,
		`{"limit":5,"unit":"abc","window":"day","by":"agent"}`:                  `unit "abc"`,
		`{"limit":5,"unit":"count","window":"fortnight","by":"agent"}`:          `window "fortnight"`,
		`{"limit":5,"unit":"count","window":"0s","by":"agent"}`:                 `window "0s"`,
		`{"limit":5,"unit":"count","window":"9999999d","by":"agent"}`:           `window "9999999d"`,
		`{"limit":5,"unit":"count","window":"day","by":"agent","wndow":"week"}`: "unknown field",
	} {
		var params map[string]any
		if err := json.Unmarshal([]byte(in), &params); err != nil {
			t.Fatal(err)
		}
		b, err := Parse(params)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v; want %q", in, err, want)
		}
		if err == nil {
			if again, err := Parse(b.Params()); err != nil || again.Limit != b.Limit || len(again.By) != len(b.By) {
				t.Errorf("%s does not come back: %+v, %v", in, again, err)
			}
		}
	}
}

// TestCharges: what is used is known, or it is an error; and a recipient has
// one account however it is spelled.
func TestCharges(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	cost := func(unit Unit, by Key, a capability.Attributes) ([]Charge, error) {
		return Budget{Limit: 1, Unit: unit, Window: "day", By: Keys{by}}.Charges(Use{Agent: "main", Plugin: "p", Capability: "c", Attributes: a, ArgBytes: 300}, now, time.UTC)
	}
	for _, c := range []struct {
		unit   Unit
		attrs  capability.Attributes
		amount int64 // -1: an error
	}{
		{"usd", capability.Attributes{"amount": int64(7), "currency": "USD"}, 7},
		{"usd", capability.Attributes{"amount": int64(7), "currency": "EUR"}, -1},
		{"usd", capability.Attributes{"amount": int64(-7), "currency": "USD"}, -1},
		{"usd", capability.Attributes{"currency": "USD"}, -1},
		{"usd", capability.Attributes{"amount": int64(7)}, -1},
		{Count, nil, 1},
		{Tokens, capability.Attributes{"max_tokens": int64(50)}, 150},
		{Tokens, nil, 8292},
		{Bytes, capability.Attributes{"bytes": int64(9)}, 9},
		{Bytes, capability.Attributes{"body_bytes": int64(9), "query_bytes": int64(2)}, 11},
		{Bytes, capability.Attributes{"query_bytes": int64(2)}, -1}, // a body of unknown length
		{Bytes, nil, -1},
	} {
		got, err := cost(c.unit, ByPlugin, c.attrs)
		if (err != nil) != (c.amount < 0) || err == nil && (len(got) != 1 || got[0].Amount != c.amount) {
			t.Errorf("%s of %v: %+v, %v; want %d", c.unit, c.attrs, got, err, c.amount)
		}
	}
	one, err := cost(Count, ByRecipient, capability.Attributes{"recipients": []string{"Ann@Example.org", " ann@example.org", "bob@example.org"}})
	if err != nil || len(one) != 2 || one[0].Account != `count recipient="ann@example.org"` {
		t.Errorf("recipients: %+v, %v", one, err)
	}
	number, err := cost(Count, ByRecipient, capability.Attributes{"number": "+82 (10) 12-34"})
	if err != nil || number[0].Account != `count recipient="+82101234"` {
		t.Errorf("number: %+v, %v", number, err)
	}
	for _, none := range []capability.Attributes{nil, {"recipients": []string{}}, {"recipients": []string{"a", " "}}} {
		if got, err := cost(Count, ByRecipient, none); err == nil {
			t.Errorf("%v has the accounts %+v", none, got)
		}
	}
	forged, _ := cost(Count, ByRecipient, capability.Attributes{"to": `x" plugin="p`})
	if forged[0].Account == `count recipient="x" plugin="p"` {
		t.Error("a recipient's name ends its part of the account")
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		unit Unit
		n    int64
		want string
	}{{"usd", 5000, "50.00 USD"}, {"usd", 5, "0.05 USD"}, {"jpy", 5000, "5000 JPY"}, {"kwd", 1234, "1.234 KWD"}, {Count, 1, "1 time"}, {Count, 3, "3 times"}, {Bytes, 3, "3 bytes"}} {
		if got := c.unit.Format(c.n); got != c.want {
			t.Errorf("%d %s is %q, want %q", c.n, c.unit, got, c.want)
		}
	}
}
