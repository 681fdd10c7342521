// Package messages is Anthropic's Messages protocol, without the network: what
// is sent, and how answers are read. Start at [Encode] and [NewAnswer].
package messages

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/ambithost/ambit/plugins/models/wire"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

const (
	// answerTokens is the limit where the host names none: the protocol wants
	// one, and every model takes this.
	answerTokens = 8192
	minThinking  = 1024 // tokens, the protocol's
)

// Request is the body of POST /v1/messages, as far as it is used:
// docs.anthropic.com/en/api/messages.
type Request struct {
	Model     string    `json:"model"`
	MaxTokens int       `json:"max_tokens"`
	System    []block   `json:"system,omitempty"`
	Messages  []message `json:"messages"`
	Tools     []tool    `json:"tools,omitempty"`
	Thinking  *Thinking `json:"thinking,omitempty"`
	Stream    bool      `json:"stream,omitempty"`
}

type message struct {
	Role    string  `json:"role"`
	Content []block `json:"content"`
}

// block is one block of content, of any type that is sent.
type block struct {
	Type      string          `json:"type"`
	Text      string          `json:"text,omitempty"`
	ID        string          `json:"id,omitempty"`    // tool_use
	Name      string          `json:"name,omitempty"`  // tool_use
	Input     json.RawMessage `json:"input,omitempty"` // tool_use
	ToolUseID string          `json:"tool_use_id,omitempty"`
	Content   string          `json:"content,omitempty"` // tool_result
	IsError   bool            `json:"is_error,omitempty"`
	Source    *source         `json:"source,omitempty"` // image
	Cache     *cacheControl   `json:"cache_control,omitempty"`
	Thinking  *string         `json:"thinking,omitempty"` // may be empty, and then is sent
	Signature string          `json:"signature,omitempty"`
	Data      string          `json:"data,omitempty"` // redacted_thinking
}

type source struct {
	Type string `json:"type"`
	MIME string `json:"media_type"`
	Data []byte `json:"data"` // base64
}

// cacheControl marks the end of what the provider should remember: the next
// request begins with the same bytes.
type cacheControl struct {
	Type string `json:"type"`
}

type tool struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	InputSchema json.RawMessage `json:"input_schema"`
}

// Thinking asks the model to think first.
type Thinking struct {
	Type   string `json:"type"`
	Budget int    `json:"budget_tokens,omitempty"`
}

// ParseThinking reads the configuration "thinking"; nil is off.
func ParseThinking(s string) (*Thinking, error) {
	switch s = strings.TrimSpace(s); s {
	case "", "off":
		return nil, nil
	case "adaptive":
		return &Thinking{Type: "adaptive"}, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < minThinking {
		return nil, protocol.Errorf(protocol.Invalid, "configuration thinking: %q: want off, adaptive, or a number of tokens of at least %d", s, minThinking)
	}
	return &Thinking{Type: "enabled", Budget: n}, nil
}

// Encode writes the request in the server's form. names leads from the tool
// names the server is given back to the host's.
func Encode(req model.Request, thinking *Thinking) (Request, wire.Names) {
	r := Request{Model: req.Model, MaxTokens: req.MaxTokens, Stream: req.Stream}
	if r.MaxTokens <= 0 {
		r.MaxTokens = answerTokens
		if thinking != nil {
			r.MaxTokens += thinking.Budget
		}
	}
	r.think(thinking)
	for _, t := range req.Tools {
		r.Tools = append(r.Tools, tool{Name: wire.ToolName(t.Name), Description: t.Description, InputSchema: wire.Schema(t)})
	}
	for _, m := range req.Messages {
		r.add(m)
	}
	if len(r.Messages) > 0 && r.Messages[0].Role == "assistant" { // the protocol wants the user first
		r.Messages = slices.Insert(r.Messages, 0, message{Role: "user", Content: []block{text(wire.FromHost("The conversation goes on."))}})
	}
	r.markCache()
	return r, wire.NamesOf(req.Tools)
}

// think keeps the budget within the host's limit, as the protocol wants it; a
// limit too small for any thinking leaves none.
func (r *Request) think(t *Thinking) {
	if t == nil {
		return
	}
	own := *t
	if own.Type == "enabled" {
		if own.Budget = min(own.Budget, r.MaxTokens-1); own.Budget < minThinking {
			return
		}
	}
	r.Thinking = &own
}

// markCache has the provider remember the instructions with the tools, which
// stand before them, and the conversation up to here.
func (r *Request) markCache() {
	ephemeral := &cacheControl{Type: "ephemeral"}
	if n := len(r.System); n > 0 {
		r.System[n-1].Cache = ephemeral
	}
	if n := len(r.Messages); n > 0 {
		content := r.Messages[n-1].Content
		if last := &content[len(content)-1]; last.Type == "text" || last.Type == "tool_result" || last.Type == "image" {
			last.Cache = ephemeral
		}
	}
}

// add appends one message. The protocol takes turns between user and
// assistant, knows system text at the beginning only, wants the results of
// calls first in the message after them, and refuses empty text.
func (r *Request) add(m model.Message) {
	switch m.Role {
	case model.Tool:
		if m.Result != nil {
			r.addResult(block{Type: "tool_result", ToolUseID: wire.ToolName(m.Result.ID), Content: m.Result.Text, IsError: m.Result.Error})
		}
	case model.Assistant:
		r.join("assistant", r.said(m)...)
	case model.System:
		if len(r.Messages) > 0 {
			r.join("user", text(wire.FromHost(m.Text)))
		} else if !blank(m.Text) {
			r.System = append(r.System, text(m.Text))
		}
	default:
		for _, i := range m.Images {
			r.join("user", block{Type: "image", Source: &source{Type: "base64", MIME: i.MIME, Data: i.Data}})
		}
		if !blank(m.Text) {
			r.join("user", text(m.Text))
		}
	}
}

func text(s string) block { return block{Type: "text", Text: s} }

func blank(s string) bool { return strings.TrimSpace(s) == "" }

func (r *Request) join(role string, blocks ...block) {
	if len(blocks) == 0 {
		return
	}
	if n := len(r.Messages); n > 0 && r.Messages[n-1].Role == role {
		r.Messages[n-1].Content = append(r.Messages[n-1].Content, blocks...)
		return
	}
	r.Messages = append(r.Messages, message{Role: role, Content: blocks})
}

func (r *Request) addResult(b block) {
	n := len(r.Messages)
	if n == 0 || r.Messages[n-1].Role != "user" {
		r.join("user", b)
		return
	}
	content := r.Messages[n-1].Content
	at := 0
	for at < len(content) && content[at].Type == "tool_result" {
		at++
	}
	r.Messages[n-1].Content = slices.Insert(content, at, b)
}

// said is an answer of the model as blocks, its thinking where it stood.
func (r *Request) said(m model.Message) []block {
	var calls []block
	for _, c := range m.Calls {
		calls = append(calls, block{Type: "tool_use", ID: wire.ToolName(c.ID), Name: wire.ToolName(c.Name), Input: wire.Object(c.Args)})
	}
	if blocks := readKept(m.Keep, r.Model).blocks(m.Text, calls); blocks != nil {
		return blocks
	}
	var blocks []block
	if !blank(m.Text) {
		blocks = append(blocks, text(m.Text))
	}
	return append(blocks, calls...)
}
