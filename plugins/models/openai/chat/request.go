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
	Content    any        `json:"content"` // text, "" rather than null: templates of local servers print null; parts when there are images
	ToolCalls  []chatCall `json:"tool_calls,omitempty"`
	ToolCallID string     `json:"tool_call_id,omitempty"`
}

type part struct {
	Type     string    `json:"type"`
	Text     string    `json:"text,omitempty"`
	ImageURL *imageURL `json:"image_url,omitempty"`
}

type imageURL struct {
	URL string `json:"url"`
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
	for _, m := range wire.Flat(req.Messages) {
		r.add(m)
	}
	return r, wire.NamesOf(req.Tools)
}

// add appends one message of a flat conversation.
func (r *Request) add(m model.Message) {
	out := chatMessage{Role: string(m.Role), Content: m.Text}
	switch {
	case m.Role == model.Tool:
		out.Content, out.ToolCallID = wire.ResultText(*m.Result), m.Result.ID
	case len(m.Images) > 0:
		parts := []part{}
		for _, i := range m.Images {
			parts = append(parts, part{Type: "image_url", ImageURL: &imageURL{wire.DataURL(i)}})
		}
		if m.Text != "" {
			parts = append(parts, part{Type: "text", Text: m.Text})
		}
		out.Content = parts
	}
	for _, c := range m.Calls {
		out.ToolCalls = append(out.ToolCalls, chatCall{ID: c.ID, Type: "function", Function: chatFunction{Name: wire.ToolName(c.Name), Arguments: string(wire.Object(c.Args))}})
	}
	r.Messages = append(r.Messages, out)
}
