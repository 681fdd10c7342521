// Package model is the neutral form of a conversation with a language model:
// what the host gives to a model plugin's export "complete", and what comes
// back. While it works the plugin may emit [Delta]s; the [Response] it returns
// at the end is complete in itself.
package model

import "encoding/json"

// Role says who speaks.
type Role string

const (
	System    Role = "system"
	User      Role = "user"
	Assistant Role = "assistant"
	Tool      Role = "tool" // results of tool calls
)

// Request is the input of "complete".
type Request struct {
	Model     string    `json:"model"`
	Messages  []Message `json:"messages"`
	Tools     []Tooldef `json:"tools,omitempty"`
	MaxTokens int       `json:"max_tokens,omitempty"` // 0: the model's own
	Stream    bool      `json:"stream,omitempty"`     // emit deltas
}

// Tooldef is a tool the model may call.
type Tooldef struct {
	Name        string          `json:"name"` // plugin__tool
	Description string          `json:"description"`
	Input       json.RawMessage `json:"input"`
}

// Message is one entry of a conversation. Text and tool calls go with
// Assistant, a ToolResult with Tool, Images with User.
type Message struct {
	Role   Role        `json:"role"`
	Text   string      `json:"text,omitempty"`
	Images []Image     `json:"images,omitempty"`
	Calls  []ToolCall  `json:"calls,omitempty"`
	Result *ToolResult `json:"result,omitempty"`
	// Keep is what the answer's [Response.Keep] was.
	Keep json.RawMessage `json:"keep,omitempty"`
}

// ToolCall is the model's wish to call a tool.
type ToolCall struct {
	ID   string          `json:"id"`
	Name string          `json:"name"`
	Args json.RawMessage `json:"args"`
}

// ToolResult answers the call with that ID.
type ToolResult struct {
	ID    string `json:"id"`
	Text  string `json:"text"`
	Error bool   `json:"error,omitempty"`
}

// Delta is one emitted piece of the answer.
type Delta struct {
	Text string `json:"text,omitempty"`
}

// StopReason says why the model stopped.
type StopReason string

const (
	StopEnd    StopReason = "end"
	StopTools  StopReason = "tools"
	StopLength StopReason = "length"
	StopFilter StopReason = "filter"
)

// Usage counts tokens.
type Usage struct {
	Input  int `json:"input"`            // all of the prompt's
	Output int `json:"output"`           // what the model thought included
	Cached int `json:"cached,omitempty"` // of Input, those the provider had seen before
}

// Response is the output of "complete".
type Response struct {
	Text  string     `json:"text,omitempty"`
	Calls []ToolCall `json:"calls,omitempty"`
	Stop  StopReason `json:"stop"`
	Usage Usage      `json:"usage"`
	Model string     `json:"model,omitempty"` // as the provider named it
	// Keep is what the provider demands back with the next request, such as
	// signed thinking, in the plugin's own form: the host stores it and gives it
	// back unread, in [Message.Keep] of this answer. A plugin passes over what
	// another one kept. At most [MaxKeep] bytes; more is left out.
	Keep json.RawMessage `json:"keep,omitempty"`
}

// MaxKeep is the size of what an answer may keep, in bytes.
const MaxKeep = 1 << 20
