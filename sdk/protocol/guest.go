package protocol

import (
	"encoding/json"
	"slices"
)

// codes are those that may cross the protocol.
func codes() []Code {
	return []Code{Denied, Declined, DryRun, Revoked, Killed, Limit, Timeout, Invalid, NotFound, Unavailable, Failed, Unknown, Internal}
}

// GuestError reads what a Wasm guest set as its Extism error. The SDK sets an
// [Error] in JSON, so that its code survives; any other text is Failed.
func GuestError(said string) *Error {
	var e Error
	if json.Unmarshal([]byte(said), &e) != nil || !slices.Contains(codes(), e.Code) || e.Message == "" {
		return &Error{Code: Failed, Message: said}
	}
	e.RetryAfter = RetryAfter(e.RetryAfter)
	return &e
}
