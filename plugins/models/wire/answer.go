package wire

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

const (
	maxText  = 4 << 20 // bytes of text, arguments and what is kept, together
	maxCalls = 128
)

// Answer grows from what a server sends.
type Answer struct {
	// Model, Usage and Keep go into the response as they are.
	Model string
	Usage model.Usage
	Keep  json.RawMessage

	names Names
	emit  func(string) error
	text  strings.Builder
	calls []*Call
	size  int
}

// Call is a tool call that grows.
type Call struct {
	ID, Name string // as the server gave them
	args     []byte
}

// NewAnswer begins an answer. emit hears each piece of text as it comes; nil if
// nobody listens.
func NewAnswer(names Names, emit func(string) error) *Answer {
	return &Answer{names: names, emit: emit}
}

// AddText appends to what the model says.
func (a *Answer) AddText(text string) error {
	if text == "" {
		return nil
	}
	if err := a.Grow(len(text)); err != nil {
		return err
	}
	a.text.WriteString(text)
	if a.emit == nil {
		return nil
	}
	return a.emit(text)
}

// AddCall begins a tool call. The error is about too many.
func (a *Answer) AddCall(id, name string) (*Call, error) {
	if len(a.calls) == maxCalls {
		return nil, protocol.Errorf(protocol.Limit, "the model wants more than %d tools called at once", maxCalls)
	}
	c := &Call{ID: id, Name: name}
	a.calls = append(a.calls, c)
	return c, a.Grow(len(id) + len(name))
}

// Calls are those begun so far.
func (a *Answer) Calls() []*Call { return a.calls }

// AddArgs appends to a call's arguments.
func (a *Answer) AddArgs(c *Call, args string) error {
	if err := a.Grow(len(args)); err != nil {
		return err
	}
	c.args = append(c.args, args...)
	return nil
}

// SetArgs replaces them.
func (a *Answer) SetArgs(c *Call, args []byte) error {
	c.args = nil
	return a.AddArgs(c, string(args))
}

// Grow counts n more bytes that are held for this answer.
func (a *Answer) Grow(n int) error {
	if a.size += n; a.size > maxText {
		return protocol.Errorf(protocol.Limit, "the model's answer is larger than %d bytes", maxText)
	}
	return nil
}

// Response is the answer in the host's form. Calls make its stop reason
// [model.StopTools]; without any it is stop.
func (a *Answer) Response(stop model.StopReason) model.Response {
	u := a.Usage
	u = model.Usage{Input: max(u.Input, 0), Output: max(u.Output, 0), Cached: max(u.Cached, 0)}
	r := model.Response{Text: a.text.String(), Usage: u, Model: Printable(a.Model, 200), Stop: stop, Keep: a.Keep}
	seen := map[string]bool{}
	for i, c := range a.calls {
		if c.Name == "" {
			continue
		}
		id := c.ID
		if id == "" || len(id) > 128 || id != Printable(id, 128) || seen[id] {
			id = fmt.Sprintf("call_%d", i)
		}
		for seen[id] {
			id += "_"
		}
		seen[id] = true
		r.Calls = append(r.Calls, model.ToolCall{ID: id, Name: a.names.Host(c.Name), Args: hostArgs(c.args)})
	}
	if len(r.Calls) > 0 {
		r.Stop = model.StopTools
	} else if r.Stop == model.StopTools {
		r.Stop = model.StopEnd
	}
	return r
}
