package budget

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Limit is what a person writes: "50usd/day", "10/24h", "5MB/day", "20usd".
type Limit struct {
	Amount int64
	Unit   Unit
	Window Window // empty: none was given
}

// spellings of units that are not currencies, in lower case, and how many of
// the unit one is.
var spellings = map[string]struct {
	unit Unit
	each int64
}{
	"": {Count, 1}, "x": {Count, 1}, "times": {Count, 1}, "time": {Count, 1}, "count": {Count, 1}, "calls": {Count, 1}, "uses": {Count, 1},
	"tokens": {Tokens, 1}, "token": {Tokens, 1}, "ktokens": {Tokens, 1000},
	"b": {Bytes, 1}, "bytes": {Bytes, 1}, "kb": {Bytes, 1e3}, "mb": {Bytes, 1e6}, "gb": {Bytes, 1e9},
	"kib": {Bytes, 1 << 10}, "mib": {Bytes, 1 << 20}, "gib": {Bytes, 1 << 30},
}

// ParseLimit reads a limit. An amount of money has at most the decimals of its
// currency: "12.50usd" is 1250 cents.
func ParseLimit(s string) (Limit, error) {
	bad := fmt.Errorf("limit %q: want an amount, perhaps with a unit and a window: 50usd/day, 12.50eur, 10/24h, 5MB/week, 100000tokens/day", s)
	amount, window, windowed := strings.Cut(strings.ToLower(strings.TrimSpace(s)), "/")
	end := strings.IndexFunc(amount, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if end < 0 {
		end = len(amount)
	}
	number, unit := amount[:end], strings.TrimSpace(amount[end:])
	l := Limit{Unit: Unit(unit), Window: Window(strings.TrimSpace(window))}
	if number == "" || strings.Count(number, ".") > 1 {
		return l, bad
	}
	each := int64(1)
	if !l.Unit.Money() {
		known, ok := spellings[unit]
		if !ok {
			return l, fmt.Errorf(`limit %q: %q is no unit: want a currency (usd, eur, …), nothing for how often, tokens, or bytes (KB, MB)`, s, unit)
		}
		l.Unit, each = known.unit, known.each
	}
	switch l.Window {
	case "hour", "h":
		l.Window = "1h"
	case "minute":
		l.Window = "1m"
	}
	if windowed {
		if err := l.Window.check(); err != nil {
			return l, fmt.Errorf("limit %q: %w", s, err)
		}
	}
	whole, fraction, _ := strings.Cut(number, ".")
	decimals := l.Unit.decimals()
	if len(fraction) > decimals {
		return l, fmt.Errorf("limit %q: %s has %d decimals", s, strings.ToUpper(string(l.Unit)), decimals)
	}
	n, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", decimals-len(fraction)), 10, 64)
	if err != nil || n > math.MaxInt64/2/each {
		return l, bad
	}
	l.Amount = n * each
	return l, nil
}
