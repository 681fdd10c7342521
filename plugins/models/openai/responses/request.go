// Package responses is OpenAI's Responses protocol, without the network: what
// is sent, and how answers are read. Start at [Encode] and [NewAnswer].
//
// Nothing is left with the provider: each request holds the whole conversation
// and asks it to store none. What a model reasoned comes back enciphered and
// goes back with the answer it belongs to.
package responses

import (
	"encoding/json"
	"strings"

	"github.com/ambithost/ambit/plugins/models/wire"
	"github.com/ambithost/ambit/sdk/model"
)

// Request is the body of POST /responses, as far as it is used:
// platform.openai.com/docs/api-reference/responses/create.
type Request struct {
	Model        string   `json:"model"`
	Instructions string   `json:"instructions,omitempty"`
	Input        []item   `json:"input"`
	Tools        []tool   `json:"tools,omitempty"`
	MaxTokens    int      `json:"max_output_tokens,omitempty"`
	Include      []string `json:"include,omitempty"`
	Store        bool     `json:"store"` // left out it means true
	Stream       bool     `json:"stream,omitempty"`
}

// item is one item of the input, of any type that is sent; one without a type
// is a message.
type item struct {
	Type      string          `json:"type,omitempty"`
	Role      string          `json:"role,omitempty"`
	Content   any             `json:"content,omitempty"` // text, or parts when there are images
	CallID    string          `json:"call_id,omitempty"`
	Name      string          `json:"name,omitempty"`
	Arguments string          `json:"arguments,omitempty"`
	Output    *string         `json:"output,omitempty"` // may be empty, and then is sent
	ID        string          `json:"id,omitempty"`     // reasoning
	Summary   json.RawMessage `json:"summary,omitempty"`
	Encrypted string          `json:"encrypted_content,omitempty"`
}

type part struct {
	Type     string `json:"type"`
	Text     string `json:"text,omitempty"`
	ImageURL string `json:"image_url,omitempty"`
	Detail   string `json:"detail,omitempty"`
}

type tool struct {
	Type        string          `json:"type"`
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters"`
	Strict      bool            `json:"strict"` // left out it means true, and few schemas are fit for it
}

// reasoning asks for what the model reasoned, enciphered.
const reasoning = "reasoning.encrypted_content"

// Encode writes the request in the server's form. names leads from the tool
// names the server is given back to the host's.
func Encode(req model.Request) (Request, wire.Names) {
	r := Request{Model: req.Model, MaxTokens: req.MaxTokens, Stream: req.Stream, Include: []string{reasoning}, Input: []item{}}
	for _, t := range req.Tools {
		r.Tools = append(r.Tools, tool{Type: "function", Name: wire.ToolName(t.Name), Description: t.Description, Parameters: wire.Schema(t)})
	}
	for _, m := range req.Messages {
		r.add(m)
	}
	return r, wire.NamesOf(req.Tools)
}

// add appends one message. What the host says first is the instructions, what
// it says later a developer's message.
func (r *Request) add(m model.Message) {
	switch m.Role {
	case model.Tool:
		if m.Result != nil {
			text := wire.ResultText(*m.Result)
			r.Input = append(r.Input, item{Type: "function_call_output", CallID: wire.ToolName(m.Result.ID), Output: &text})
		}
	case model.Assistant:
		r.Input = append(r.Input, r.said(m)...)
	case model.System:
		switch {
		case len(r.Input) > 0:
			r.Input = append(r.Input, item{Role: "developer", Content: m.Text})
		case r.Instructions == "":
			r.Instructions = m.Text
		default:
			r.Instructions += "\n\n" + m.Text
		}
	default:
		r.addUser(m)
	}
}

func (r *Request) addUser(m model.Message) {
	if len(m.Images) == 0 {
		if m.Text != "" {
			r.Input = append(r.Input, item{Role: "user", Content: m.Text})
		}
		return
	}
	var parts []part
	for _, i := range m.Images {
		parts = append(parts, part{Type: "input_image", ImageURL: wire.DataURL(i), Detail: "auto"})
	}
	if m.Text != "" {
		parts = append(parts, part{Type: "input_text", Text: m.Text})
	}
	r.Input = append(r.Input, item{Role: "user", Content: parts})
}

// said is an answer of the model as items, its reasoning where it stood.
func (r *Request) said(m model.Message) []item {
	var calls []item
	for _, c := range m.Calls {
		calls = append(calls, item{Type: "function_call", CallID: wire.ToolName(c.ID), Name: wire.ToolName(c.Name), Arguments: string(wire.Object(c.Args))})
	}
	if items := readKept(m.Keep, r.Model).items(m.Text, calls); items != nil {
		return items
	}
	var items []item
	if m.Text != "" {
		items = append(items, item{Role: "assistant", Content: m.Text})
	}
	return append(items, calls...)
}

// WantsNoReasoning reports whether a server refused to give what its model
// reasoned, as those do whose models don't.
func WantsNoReasoning(err error) bool {
	return wire.Rejects(err, "ncrypted") || wire.Rejects(err, "include")
}

// kept is what an answer's model.Response.Keep holds: its reasoning, and where
// text and calls stood between. The protocol wants the items of an answer back
// in their order.
type kept struct {
	By    string     `json:"by"`    // "openai"
	Model string     `json:"model"` // as it was asked for; another can't read it
	Order []keptItem `json:"order"`
}

// keptItem is reasoning, or stands for a text of that many bytes, or for one
// call.
type keptItem struct {
	Type      string          `json:"type"` // "reasoning", "message" or "function_call"
	Bytes     int             `json:"bytes,omitempty"`
	ID        string          `json:"id,omitempty"`
	Summary   json.RawMessage `json:"summary,omitempty"`
	Encrypted string          `json:"encrypted,omitempty"`
}

const keeper = "openai"

// readKept reads what this package kept for that model; of anything else it is
// empty.
func readKept(raw json.RawMessage, model string) kept {
	var k kept
	if len(raw) == 0 || json.Unmarshal(raw, &k) != nil || k.By != keeper || k.Model != model {
		return kept{}
	}
	return k
}

// items puts an answer together again; nil when nothing was kept, or when the
// answer is not what it was: reasoning must stand before what it led to.
func (k kept) items(said string, calls []item) []item {
	var all []item
	for _, o := range k.Order {
		switch o.Type {
		case "reasoning":
			summary := o.Summary
			if !strings.HasPrefix(string(summary), "[") {
				summary = json.RawMessage("[]")
			}
			all = append(all, item{Type: "reasoning", ID: o.ID, Summary: summary, Encrypted: o.Encrypted})
		case "message":
			if o.Bytes < 0 || o.Bytes > len(said) {
				return nil
			}
			if o.Bytes > 0 {
				all = append(all, item{Role: "assistant", Content: said[:o.Bytes]})
			}
			said = said[o.Bytes:]
		case "function_call":
			if len(calls) == 0 {
				return nil
			}
			all, calls = append(all, calls[0]), calls[1:]
		}
	}
	if said != "" || len(calls) > 0 {
		return nil
	}
	return all
}
