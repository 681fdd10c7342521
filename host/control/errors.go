package control

import (
	"context"
	"errors"
	"net/http"

	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/protocol"
)

// ErrNotRunning is the cause of every client error when no host serves the
// home.
var ErrNotRunning = errors.New("no host is running")

// Error is a failure as the API reports it: {"error": Error}.
type Error struct {
	Code    protocol.Code `json:"code"`
	Message string        `json:"message"`
	Hint    string        `json:"hint,omitempty"` // what to do about it, often a command

	// Of a denial:
	Rule     string `json:"rule,omitempty"`
	Revision string `json:"revision,omitempty"`
}

func (e *Error) Error() string { return e.Message }

// Unwrap makes the code visible to [protocol.CodeOf].
func (e *Error) Unwrap() error { return &protocol.Error{Code: e.Code, Message: e.Message} }

// AsError turns any error into an Error. A [gate.Denial] keeps its rule and the
// command that would change it; an error without a code becomes internal. It
// returns nil for nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	e := asError(err)
	if e.Code == protocol.Killed && e.Hint == "" {
		e.Hint = "ambit resume"
	}
	return e
}

func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		out := *e
		out.Message = err.Error()
		return &out
	}
	if d, ok := errors.AsType[*gate.Denial](err); ok {
		return &Error{Code: d.Code, Message: d.Plugin + " may not " + d.Capability + " " + d.Resource + ": " + d.Message,
			Hint: d.Change, Rule: d.Rule, Revision: d.Revision}
	}
	if p, ok := errors.AsType[*protocol.Error](err); ok {
		return &Error{Code: p.Code, Message: err.Error()}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &Error{Code: protocol.Timeout, Message: err.Error()}
	}
	if errors.Is(err, context.Canceled) {
		return &Error{Code: protocol.Unavailable, Message: "cancelled: " + err.Error()}
	}
	return &Error{Code: protocol.Internal, Message: err.Error()}
}

// httpStatus maps a code to the closest HTTP status. The code in the body is
// what programs should look at.
func httpStatus(c protocol.Code) int {
	switch c {
	case protocol.Denied, protocol.Declined, protocol.DryRun, protocol.Revoked:
		return http.StatusForbidden
	case protocol.Killed:
		return http.StatusLocked
	case protocol.Limit:
		return http.StatusTooManyRequests
	case protocol.Timeout:
		return http.StatusGatewayTimeout
	case protocol.Invalid:
		return http.StatusBadRequest
	case protocol.NotFound:
		return http.StatusNotFound
	case protocol.Unavailable:
		return http.StatusServiceUnavailable
	case protocol.Failed, protocol.Unknown:
		return http.StatusBadGateway
	}
	return http.StatusInternalServerError
}
