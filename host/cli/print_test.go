package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/sdk/protocol"
)

func TestNumbersForPeople(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ got, want string }{
		{bytesText(0), "0 B"}, {bytesText(999), "999 B"}, {bytesText(1000), "1.0 KB"}, {bytesText(61_400), "61 KB"},
		{bytesText(3_300_000), "3.3 MB"}, {bytesText(5_000_000_000_000_000), "5000 TB"},
		{thousands(0), "0"}, {thousands(999), "999"}, {thousands(12804), "12,804"}, {thousands(-1234567), "-1,234,567"}, {thousands(-123), "-123"},
		{micros(12), "12 µs"}, {micros(4100), "4.1 ms"}, {micros(120_400), "120 ms"}, {micros(1_500_000), "1.5 s"}, {micros(90_000_000), "1 min"},
		{span(0), "under 1 s"}, {span(59 * time.Second), "59 s"}, {span(90 * time.Second), "1 min"}, {span(61 * time.Minute), "1 h 1 min"},
		{span(76 * time.Hour), "3 d 4 h"}, {span(48 * time.Hour), "2 d"},
		{count(1, "call", "calls"), "1 call"}, {count(2000, "call", "calls"), "2,000 calls"},
	} {
		if tc.got != tc.want {
			t.Errorf("got %q, want %q", tc.got, tc.want)
		}
	}
}

func TestWhen(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	a := &app{now: func() time.Time { return now }}
	for in, want := range map[time.Time]string{
		{}: "never", now: "just now", now.Add(-150 * time.Second): "2 min ago", now.Add(9 * time.Minute): "in 9 min",
	} {
		if got := a.ago(in); got != want {
			t.Errorf("%v: %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]time.Time{
		"": {}, "30m": now.Add(30 * time.Minute), "7d": now.AddDate(0, 0, 7), "2w": now.AddDate(0, 0, 14),
		"2026-06-01": time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC), "2026-05-01T14:00:00+02:00": {}, "2026-05-01T15:00:00+02:00": now.Add(time.Hour),
		"0d": {}, "-1h": {}, "7": {}, "d": {}, "999999999d": {}, "soon": {},
	} {
		got, err := parseUntil(in, now)
		if bad := want.IsZero() && in != ""; bad != (err != nil) || !bad && !got.Equal(want) {
			t.Errorf("until %q: %v, %v; want %v", in, got, err, want)
		}
	}
	if got, err := a.parseSince("24h"); err != nil || !got.Equal(now.Add(-24*time.Hour)) {
		t.Errorf("since 24h: %v, %v", got, err)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	tab := table{indent: "  "}
	tab.addStyled(col{text: "é\x1b[2J", style: red}, col{text: "two\nlines"}, col{text: ""})
	tab.add("long one", "x", "end")
	tab.print(&b, true)
	if want := "  \x1b[31mé\x1b[0m         two lines\n  long one  x          end\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for want, list := range map[int][]error{
		exitDone:   {nil},
		exitFailed: {errors.New("x"), errSilent, protocol.Errorf(protocol.Limit, "x"), control.ErrNotRunning, io.EOF},
		exitUsage:  {usagef("x"), fmt.Errorf("a: %w", usagef("x"))},
		exitDenied: {&control.Error{Code: protocol.Denied}, protocol.Errorf(protocol.Declined, "x"), fmt.Errorf("a: %w", protocol.Errorf(protocol.Revoked, "x"))},
		exitKilled: {&control.Error{Code: protocol.Killed}},
	} {
		for _, err := range list {
			if got := exitCode(err); got != want {
				t.Errorf("%v: %d, want %d", err, got, want)
			}
		}
	}
}

func TestDefectIsNoTrace(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var b strings.Builder
	reportDefect(&b, "index out of range\x1b[2J", []byte("goroutine 1 [running]:"))
	if s := b.String(); strings.Contains(s, "goroutine") || strings.Contains(s, "\x1b") || !strings.Contains(s, "defect") || !strings.Contains(s, "report") {
		t.Errorf("got %q", s)
	}
}
