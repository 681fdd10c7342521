package protocol_test

import (
	"testing"

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
		{`{"code":"denied"}`, protocol.Failed, `{"code":"denied"}`},
		{``, protocol.Failed, ``},
	} {
		if e := protocol.GuestError(c.said); e.Code != c.code || e.Message != c.message {
			t.Errorf("GuestError(%q) = %s %q, want %s %q", c.said, e.Code, e.Message, c.code, c.message)
		}
	}
}
