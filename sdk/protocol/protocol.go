// Package protocol is the contract between the host and a cell: the go-plugin
// handshake, the frames of cell.proto (generated code in cellpb), and the
// envelope a Wasm guest sees. It holds no logic.
package protocol

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Version of the frames and of the guest ABI.
const Version = 1

// The go-plugin handshake. The cookie is no secret: it only keeps a person
// from starting a plugin by hand.
const (
	HandshakeVersion = 1
	CookieKey        = "AMBIT_PLUGIN"
	CookieValue      = "7c1b3f0e4a2d"
)

// Sizes that both sides enforce, in bytes.
const (
	MaxFrame  = 17 << 20  // one frame, everything included
	MaxInput  = 16 << 20  // input of a call
	MaxOutput = 16 << 20  // output of a call
	MaxArgs   = 16 << 20  // arguments or result of one effect
	MaxLog    = 8 << 10   // one log line; longer ones are cut
	MaxChunk  = 256 << 10 // one stream.read or stream.write
)

// Code classifies a failure for programs; a message beside it is for people.
type Code string

const (
	Denied      Code = "denied"      // grant or policy said no
	Declined    Code = "declined"    // the owner said no, or did not answer in time
	DryRun      Code = "dry_run"     // policy has it noted and not done
	Revoked     Code = "revoked"     // the grant ended while the effect ran
	Killed      Code = "killed"      // the latch is set, or the cell was killed
	Limit       Code = "limit"       // a size, memory, rate or count limit
	Timeout     Code = "timeout"     // the deadline passed
	Invalid     Code = "invalid"     // malformed input
	NotFound    Code = "not_found"   // no such export, key, file, tool
	Unavailable Code = "unavailable" // audit, policy, state or cell can't serve now
	Failed      Code = "failed"      // the effect was tried and failed
	Unknown     Code = "unknown"     // whether the effect happened can't be told
	Internal    Code = "internal"    // a defect
)

// Error is a failure that crosses the protocol.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	// RetryAfter is how long, in milliseconds, whoever could not serve asks to
	// be left alone before it is asked again; 0: it did not say. At most
	// [MaxRetryAfter].
	RetryAfter int64 `json:"retry_after_ms,omitempty"`
}

func (e *Error) Error() string { return e.Message }

// MaxRetryAfter bounds [Error.RetryAfter], in milliseconds: a day. What is
// longer is cut to it, as is what comes out of a cell.
const MaxRetryAfter = 24 * 60 * 60 * 1000

// After returns the error with a wait to it. Less than a millisecond is none.
func (e *Error) After(wait time.Duration) *Error {
	out := *e
	out.RetryAfter = RetryAfter(wait.Milliseconds())
	return &out
}

// RetryAfter brings milliseconds that others named into their bounds.
func RetryAfter(ms int64) int64 { return min(max(ms, 0), MaxRetryAfter) }

// WaitOf returns how long the first Error in err's chain asks to wait; 0: it
// does not say.
func WaitOf(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return time.Duration(RetryAfter(e.RetryAfter)) * time.Millisecond
	}
	return 0
}

// Errorf makes an Error.
func Errorf(code Code, format string, a ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, a...)}
}

// AsError turns any error into an Error; one without a code becomes Internal.
// It returns nil for nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return &Error{Code: e.Code, Message: err.Error(), RetryAfter: RetryAfter(e.RetryAfter)}
	}
	return &Error{Code: Internal, Message: err.Error()}
}

// CodeOf returns the code of the first Error in err's chain, or Internal.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

// GuestEffect is what a Wasm guest passes to the host function "effect".
type GuestEffect struct {
	Name string          `json:"name"`
	Args json.RawMessage `json:"args,omitempty"`
}

// GuestOutcome is what "effect" returns: a result or an error.
type GuestOutcome struct {
	Result json.RawMessage `json:"result,omitempty"`
	Error  *Error          `json:"error,omitempty"`
}

// Operations of "effect" that are no capability: they continue an effect that
// the gate let through, or belong to the call itself.
const (
	StreamRead  = "stream.read"  // {handle, max?} → {data (base64), eof}
	StreamWrite = "stream.write" // {handle, data (base64)} → {}
	StreamClose = "stream.close" // {handle} → {}
	Emit        = "emit"         // any JSON → {}: a piece of the call's output
)

// Exports of a plugin of hyper-mcp's second interface.
const (
	ExportListTools = "list_tools"
	ExportCallTool  = "call_tool"
)

// Exports of a plugin, by kind.
const (
	ExportDescribe = "describe" // {} → {tools: [...]}
	ExportCall     = "call"     // ToolCall → ToolResult
	ExportComplete = "complete" // model.Request → model.Response
	ExportPoll     = "poll"     // channel.Poll → channel.Polled
	ExportSend     = "send"     // channel.Send → channel.Sent
	ExportWebhook  = "webhook"  // channel.Hook → channel.Hooked
)
