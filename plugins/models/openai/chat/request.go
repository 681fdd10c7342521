// Package chat is the Chat Completions protocol, without the network: what is
// sent, and how the answers of OpenAI, Ollama, llama.cpp, vLLM and others are
// read. Start at [Encode] and [NewAnswer].
package chat

import (
	"encoding/json"

	"github.com/ambithost/ambit/plugins/models/wire"
	"github.com/ambithost/ambit/sdk/model"
)

// Request is the body of POST /chat/completions, as far as it is used:
// platform.openai.com/docs/api-reference/chat/create.
type Request struct {
	Model               string         `json:"model"`
	Messages            []chatMessage  `json:"messages"`
	Tools               []chatTool     `json:"tools,omitempty"`
	MaxTokens           int            `json:"max_tokens,omitempty"`
	MaxCompletionTokens int            `json:"max_completion_tokens,omitempty"`
	Stream              bool           `json:"stream,omitempty"`
	StreamOptions       *streamOptions `json:"stream_options,omitempty"`
}

type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

type chatMessage struct {
	Role       string     `json:"role"`
	Content    string     `json:"content"` // "" rather than null: templates of local servers print null
	ToolCalls  []chatCall `json:"tool_calls,omitempty"`
	ToolCallID string     `json:"tool_call_id,omitempty"`
}

type chatCall struct {
	ID       string       `json:"id"`
	Type     string       `json:"type"`
	Function chatFunction `json:"function"`
}

type chatFunction struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"` // JSON text
}

type chatTool struct {
	Type     string  `json:"type"`
	Function toolDef `json:"function"`
}

type toolDef struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters"`
}

// Encode writes the request in the server's form. names leads from the tool
// names the server is given back to the host's.
func Encode(req model.Request, host string) (r Request, names wire.Names) {
	r = Request{Model: req.Model, Stream: req.Stream}
	if req.Stream {
		r.StreamOptions = &streamOptions{IncludeUsage: true}
	}
	// OpenAI's newer models refuse the old name; others know only that.
	if host == "api.openai.com" {
		r.MaxCompletionTokens = req.MaxTokens
	} else {
		r.MaxTokens = req.MaxTokens
	}
	for _, t := range req.Tools {
		r.Tools = append(r.Tools, chatTool{Type: "function", Function: toolDef{Name: wire.ToolName(t.Name), Description: t.Description, Parameters: wire.Schema(t)}})
	}
	for _, m := range req.Messages {
		r.add(m)
	}
	return r, wire.NamesOf(req.Tools)
}

// add appends one message. Chat templates of local servers know one system
// message, at the beginning, and take turns between user and assistant: what
// the host says later goes in as a marked user message, and neighbours of one
// role become one message.
func (r *Request) add(m model.Message) {
	switch m.Role {
	case model.Tool:
		if m.Result == nil {
			return
		}
		text := m.Result.Text
		if m.Result.Error {
			text = "Error: " + text
		}
		r.Messages = append(r.Messages, chatMessage{Role: "tool", Content: text, ToolCallID: m.Result.ID})
	case model.Assistant:
		out := chatMessage{Role: "assistant", Content: m.Text}
		for _, c := range m.Calls {
			out.ToolCalls = append(out.ToolCalls, chatCall{ID: c.ID, Type: "function", Function: chatFunction{Name: wire.ToolName(c.Name), Arguments: string(wire.Object(c.Args))}})
		}
		r.Messages = append(r.Messages, out)
	case model.System:
		if len(r.Messages) == 0 || len(r.Messages) == 1 && r.Messages[0].Role == "system" {
			r.join("system", m.Text)
			return
		}
		r.join("user", wire.FromHost(m.Text))
	default:
		r.join("user", m.Text)
	}
}

func (r *Request) join(role, text string) {
	if n := len(r.Messages); n > 0 && r.Messages[n-1].Role == role {
		r.Messages[n-1].Content += "\n\n" + text
		return
	}
	r.Messages = append(r.Messages, chatMessage{Role: role, Content: text})
}
