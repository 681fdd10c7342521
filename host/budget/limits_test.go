package budget

import (
	"strings"
	"testing"
)

func TestParseLimit(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Limit{
		"50usd/day":        {5000, "usd", "day"},
		"12.5 EUR/week":    {1250, "eur", "week"},
		"500jpy":           {500, "jpy", ""},
		"1.234kwd/month":   {1234, "kwd", "month"},
		"10/24h":           {10, Count, "24h"},
		"3x/hour":          {3, Count, "1h"},
		"5MB/day":          {5_000_000, Bytes, "day"},
		"100000tokens/day": {100_000, Tokens, "day"},
	} {
		if got, err := ParseLimit(in); err != nil || got != want {
			t.Errorf("%q is %+v, %v; want %+v", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"": "want an amount", "usd": "want an amount", "-5usd/day": "want an amount", "5.5.5usd": "want an amount", "5e3usd": "no unit",
		"1.005usd": "2 decimals", "1.5/day": "0 decimals", "5/": "window", "5/fortnight": "window", "5furlongs/day": "no unit",
		"9223372036854775807usd": "want an amount", "99999999999999999999": "want an amount", "9999999999999GB/day": "want an amount",
	} {
		if got, err := ParseLimit(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is %+v, %v; want %q", in, got, err, want)
		}
	}
}

func TestParseHours(t *testing.T) {
	t.Parallel()
	if h, err := ParseHours("09:00-21:00"); err != nil || *h != (Hours{"09:00", "21:00"}) {
		t.Errorf("%+v, %v", h, err)
	}
	for _, in := range []string{"", "09:00", "9-21", "09:00-09:00", "09:00-24:00", "9:00-21:00", "09:00-21:00-22:00"} {
		if h, err := ParseHours(in); err == nil {
			t.Errorf("%q is %+v", in, h)
		}
	}
}
