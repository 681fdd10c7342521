// Package native is Ollama's own chat protocol, without the network: what is
// sent, and how answers are read. Start at [Encode] and [NewAnswer].
package native

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/ambithost/ambit/plugins/models/wire"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Request is the body of POST /api/chat, as far as it is used:
// docs.ollama.com/api/chat, and ChatRequest in ollama/ollama, api/types.go.
type Request struct {
	Model    string         `json:"model"`
	Messages []chatMessage  `json:"messages"`
	Tools    []chatTool     `json:"tools,omitempty"`
	Stream   bool           `json:"stream"` // left out it means true
	Think    any            `json:"think,omitempty"`
	Options  map[string]int `json:"options,omitempty"`
	// A conversation too long is an error, rather than cut at its beginning
	// without a word. Servers that don't know the fields pass over them.
	Truncate bool `json:"truncate"`
	Shift    bool `json:"shift"`
}

type chatMessage struct {
	Role       string     `json:"role"`
	Content    string     `json:"content"`
	Images     [][]byte   `json:"images,omitempty"` // base64
	Thinking   string     `json:"thinking,omitempty"`
	ToolCalls  []chatCall `json:"tool_calls,omitempty"`
	ToolName   string     `json:"tool_name,omitempty"`
	ToolCallID string     `json:"tool_call_id,omitempty"`
}

type chatCall struct {
	ID       string       `json:"id,omitempty"`
	Function chatFunction `json:"function"`
}

type chatFunction struct {
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"` // an object
}

type chatTool struct {
	Type     string  `json:"type"`
	Function toolDef `json:"function"`
}

type toolDef struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Parameters  json.RawMessage `json:"parameters"`
}

// Options are the plugin's own configuration.
type Options struct {
	Context int // tokens, 0: the server's own
	Think   any // a bool or a level, nil: the model's own
}

// ParseOptions reads context and think.
func ParseOptions(get func(string) string) (Options, error) {
	var o Options
	if s := strings.TrimSpace(get("context")); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return o, protocol.Errorf(protocol.Invalid, "configuration context: %q: want a number of tokens, such as 32768", s)
		}
		o.Context = n
	}
	switch s := strings.TrimSpace(get("think")); s {
	case "":
	case "on", "off":
		o.Think = s == "on"
	case "low", "medium", "high":
		o.Think = s
	default:
		return o, protocol.Errorf(protocol.Invalid, "configuration think: %q: want on, off, low, medium or high", s)
	}
	return o, nil
}

// Encode writes the request in the server's form. names leads from the tool
// names the server is given back to the host's.
func Encode(req model.Request, o Options) (Request, wire.Names) {
	r := Request{Model: req.Model, Stream: req.Stream, Think: o.Think}
	for name, n := range map[string]int{"num_ctx": o.Context, "num_predict": req.MaxTokens} {
		if n > 0 {
			if r.Options == nil {
				r.Options = map[string]int{}
			}
			r.Options[name] = n
		}
	}
	for _, t := range req.Tools {
		r.Tools = append(r.Tools, chatTool{Type: "function", Function: toolDef{Name: wire.ToolName(t.Name), Description: t.Description, Parameters: wire.Schema(t)}})
	}
	called := map[string]string{} // names of the tools called, by the call's id
	for _, m := range wire.Flat(req.Messages) {
		r.add(m, called)
	}
	return r, wire.NamesOf(req.Tools)
}

// add appends one message of a flat conversation.
func (r *Request) add(m model.Message, called map[string]string) {
	out := chatMessage{Role: string(m.Role), Content: m.Text}
	switch m.Role {
	case model.Tool:
		out.Content, out.ToolName, out.ToolCallID = wire.ResultText(*m.Result), called[m.Result.ID], m.Result.ID
	case model.Assistant:
		out.Thinking = readKept(m.Keep, r.Model)
	}
	for _, i := range m.Images {
		out.Images = append(out.Images, i.Data)
	}
	for _, c := range m.Calls {
		name := wire.ToolName(c.Name)
		called[c.ID] = name
		out.ToolCalls = append(out.ToolCalls, chatCall{ID: c.ID, Function: chatFunction{Name: name, Arguments: wire.Object(c.Args)}})
	}
	r.Messages = append(r.Messages, out)
}
