// Package sdk is what the author of a plugin writes against. A [Plugin] is a
// value: its tools, its model adapter, its channel. It reaches the world through one
// door, the [Host] that every handler is given, and each use of that door is
// decided by the owner's policy: an error with code [protocol.Denied] is an
// ordinary answer that a handler returns or works around.
//
// Package run turns a Plugin into a program. The same source builds to Wasm
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o hello.wasm
//
// and to a native executable (CGO_ENABLED=0 go build). examples/hello is a
// whole plugin; package plugintest checks one against the duties that a host
// relies on.
package sdk

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Plugin is what a plugin offers. Handlers may run at the same time as each
// other in a native build and must not share state without a lock.
type Plugin struct {
	Name    string // as in plugin.yaml
	Version string // as in plugin.yaml
	Tools   []Tool
	// Complete makes the plugin a model adapter: it continues a conversation.
	// When the request asks for a stream it emits a [model.Delta] for each
	// piece of text; the response it returns is complete in itself.
	Complete func(context.Context, *Host, model.Request) (model.Response, error)
	// Poll and Send, together, make the plugin a channel. Poll says what
	// arrived and what to ask the service next; it does not wait. Send brings
	// one message to one chat.
	Poll func(context.Context, *Host, channel.Poll) (channel.Polled, error)
	Send func(context.Context, *Host, channel.Send) (channel.Sent, error)
	// Webhook, beside them, reads what a service sends by itself.
	Webhook func(context.Context, *Host, channel.Hook) (channel.Hooked, error)
}

// Tool is one tool. Name, Description and Input repeat what plugin.yaml says:
// hosts that know the manifest use that, others ask the plugin.
type Tool struct {
	Name        string
	Description string
	Input       string // JSON Schema of the arguments, an object
	// Handle does the work. An error becomes a result marked as one, for the
	// model to read.
	Handle func(context.Context, *Call) (Result, error)
}

// Call is one use of a tool. Through its Host the handler reaches the world.
type Call struct {
	*Host
	Tool string
	Args json.RawMessage // an object
	// input is the tool's schema.
	input string
}

// Result is what a tool gives back to the model.
type Result struct {
	Text    string
	IsError bool
}

// Text makes a result.
func Text(s string) Result { return Result{Text: s} }

// Textf makes a result.
func Textf(format string, a ...any) Result { return Text(fmt.Sprintf(format, a...)) }

// Bind decodes the arguments into a struct. It refuses what the tool's schema
// does not list and misses what the schema requires; the error, with code
// [protocol.Invalid], tells the model what to write instead.
func (c *Call) Bind(into any) error {
	bad := func(format string, a ...any) error {
		return protocol.Errorf(protocol.Invalid, "arguments of %s: %s", c.Tool, fmt.Sprintf(format, a...))
	}
	var given map[string]json.RawMessage
	if err := json.Unmarshal(c.Args, &given); err != nil || given == nil {
		return bad("want one JSON object")
	}
	var schema struct {
		Properties map[string]json.RawMessage `json:"properties"`
		Required   []string                   `json:"required"`
	}
	if err := json.Unmarshal([]byte(c.input), &schema); err != nil {
		return protocol.Errorf(protocol.Internal, "input schema of %s: %v", c.Tool, err)
	}
	for _, name := range schema.Required {
		if _, ok := given[name]; !ok {
			return bad("%q is missing", name)
		}
	}
	for name := range given {
		if _, ok := schema.Properties[name]; !ok {
			return bad("%q is unknown; there are: %s", name, known(schema.Properties))
		}
	}
	if err := json.Unmarshal(c.Args, into); err != nil {
		return bad("%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

func known(props map[string]json.RawMessage) string {
	var names []string
	for name := range props {
		names = append(names, name)
	}
	if len(names) == 0 {
		return "none"
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// decodeOne reads exactly one JSON value.
func decodeOne(b []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("text after the JSON value")
	}
	return nil
}
