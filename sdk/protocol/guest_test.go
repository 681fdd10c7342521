package protocol_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ambithost/ambit/sdk/protocol"
)

func TestGuestError(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		said    string
		code    protocol.Code
		message string
	}{
		{`{"code":"denied","message":"no"}`, protocol.Denied, "no"},
		{`out of cheese`, protocol.Failed, "out of cheese"},
		{`{"code":"emperor","message":"no"}`, protocol.Failed, `{"code":"emperor","message":"no"}`},
		{`{"code":"unavailable","message":"busy","retry_after_ms":-5}`, protocol.Unavailable, "busy"},
		{`{"code":"unavailable","message":"busy","retry_after_ms":9223372036854775807}`, protocol.Unavailable, "busy"},
		{`{"code":"denied"}`, protocol.Failed, `{"code":"denied"}`},
		{``, protocol.Failed, ``},
	} {
		if e := protocol.GuestError(c.said); e.Code != c.code || e.Message != c.message {
			t.Errorf("GuestError(%q) = %s %q, want %s %q", c.said, e.Code, e.Message, c.code, c.message)
		}
		if e := protocol.GuestError(c.said); e.RetryAfter < 0 || e.RetryAfter > protocol.MaxRetryAfter {
			t.Errorf("GuestError(%q) waits %d ms", c.said, e.RetryAfter)
		}
	}
}

// TestRetryAfter: a wait survives being wrapped and stays in bounds.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	busy := protocol.Errorf(protocol.Unavailable, "busy").After(20 * time.Second)
	wrapped := fmt.Errorf("asking: %w", busy)
	if got := protocol.WaitOf(wrapped); got != 20*time.Second {
		t.Errorf("waits %v", got)
	}
	if e := protocol.AsError(wrapped); e.RetryAfter != 20_000 || e.Message != "asking: busy" {
		t.Errorf("crosses as %+v", e)
	}
	for wait, want := range map[time.Duration]time.Duration{-time.Second: 0, 100 * time.Hour: 24 * time.Hour} {
		if got := protocol.WaitOf(busy.After(wait)); got != want {
			t.Errorf("a wait of %v is %v", wait, got)
		}
	}
	if protocol.WaitOf(errors.New("x")) != 0 || protocol.WaitOf(nil) != 0 {
		t.Error("an error without a wait waits")
	}
}
