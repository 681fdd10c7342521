package sdk

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Runtime is what carries a plugin: the Wasm guest, the native process, or a
// test. It takes part in no decision.
type Runtime interface {
	// Effect asks the host for one effect. args and the result are JSON; the
	// error is a *protocol.Error.
	Effect(ctx context.Context, name string, args []byte) ([]byte, error)
	// Emit sends a piece of the call's output ahead, as JSON.
	Emit(ctx context.Context, data []byte) error
	// Config returns a configuration value, "" when it is not set.
	Config(key string) string
	// Log writes a line to the host's log. Levels: trace, debug, info, warn,
	// error.
	Log(level, message string)
}

// Host is the door to the world. Every method that takes a context is an
// effect: it may be refused, and then the error's code
// ([protocol.CodeOf]) and message say why. A Host belongs to one call and is
// not used after it.
type Host struct{ r Runtime }

// NewHost makes a Host for tests of code that takes one.
func NewHost(r Runtime) *Host { return &Host{r: r} }

// Effect uses any capability by name. args is marshalled to JSON; the result
// is unmarshalled into result unless that is nil.
func (h *Host) Effect(ctx context.Context, name string, args, result any) error {
	in, err := json.Marshal(args)
	if err != nil {
		return protocol.Errorf(protocol.Invalid, "%s: arguments: %v", name, err)
	}
	if len(in) > protocol.MaxArgs {
		return protocol.Errorf(protocol.Limit, "%s: arguments of %d bytes, the limit is %d", name, len(in), protocol.MaxArgs)
	}
	out, err := h.r.Effect(ctx, name, in)
	if err != nil {
		return err
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(out, result); err != nil {
		return protocol.Errorf(protocol.Failed, "%s: the host's answer: %v", name, err)
	}
	return nil
}

// Emit sends a piece of the call's output ahead; v is marshalled to JSON.
func (h *Host) Emit(ctx context.Context, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return protocol.Errorf(protocol.Invalid, "emit: %v", err)
	}
	return h.r.Emit(ctx, b)
}

// Config returns a value of the plugin's configuration, "" when not set.
func (h *Host) Config(key string) string { return h.r.Config(key) }

// Log writes a line to the host's log, under the plugin's name. Levels: trace,
// debug, info, warn, error.
func (h *Host) Log(level, format string, a ...any) {
	h.r.Log(level, clip(fmt.Sprintf(format, a...), protocol.MaxLog))
}

// Clock is the host's time.
type Clock struct {
	Now       time.Time `json:"now"`
	Zone      string    `json:"zone"`                // the owner's, IANA
	OwnerSeen time.Time `json:"owner_seen,omitzero"` // zero if never
}

// Clock reads the time and the owner's zone (clock.read).
func (h *Host) Clock(ctx context.Context) (Clock, error) {
	var c Clock
	err := h.Effect(ctx, "clock.read", struct{}{}, &c)
	return c, err
}

// Message sends text to "owner" or a paired contact (message.send).
func (h *Host) Message(ctx context.Context, to, text string) error {
	return h.Effect(ctx, "message.send", map[string]string{"to": to, "text": text}, nil)
}

// CallTool calls another plugin's tool, named plugin/tool (tool.call).
func (h *Host) CallTool(ctx context.Context, tool string, args any) (Result, error) {
	var out struct {
		Text    string `json:"text"`
		IsError bool   `json:"is_error"`
	}
	err := h.Effect(ctx, "tool.call", map[string]any{"tool": tool, "args": args}, &out)
	return Result{Text: out.Text, IsError: out.IsError}, err
}

// Complete has a language model continue a conversation (model.complete). An
// empty name is the owner's default model.
func (h *Host) Complete(ctx context.Context, name string, req model.Request) (model.Response, error) {
	args := struct {
		Model   string        `json:"model,omitempty"`
		Request model.Request `json:"request"`
	}{name, req}
	var resp model.Response
	err := h.Effect(ctx, "model.complete", args, &resp)
	return resp, err
}
