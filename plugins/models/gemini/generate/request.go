// Package generate is Google's generateContent protocol, without the network:
// what is sent, and how answers are read. Start at [Encode] and [NewAnswer].
package generate

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/ambithost/ambit/plugins/models/wire"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Request is the body of POST …:generateContent and …:streamGenerateContent, as
// far as it is used: ai.google.dev/api/generate-content.
type Request struct {
	System   *content  `json:"systemInstruction,omitempty"`
	Contents []content `json:"contents"`
	Tools    []tools   `json:"tools,omitempty"`
	Config   *config   `json:"generationConfig,omitempty"`

	model  string
	called map[string]call // by the id of the host's
}

type content struct {
	Role  string `json:"role,omitempty"`
	Parts []part `json:"parts"`
}

// part holds one of its fields, and a signature beside it.
type part struct {
	Text      *string   `json:"text,omitempty"` // may be empty, and then is sent
	Inline    *blob     `json:"inlineData,omitempty"`
	Call      *call     `json:"functionCall,omitempty"`
	Response  *response `json:"functionResponse,omitempty"`
	Signature string    `json:"thoughtSignature,omitempty"`
}

type blob struct {
	MIME string `json:"mimeType"`
	Data []byte `json:"data"` // base64
}

type call struct {
	ID   string          `json:"id,omitempty"`
	Name string          `json:"name"`
	Args json.RawMessage `json:"args,omitempty"`
}

type response struct {
	ID       string            `json:"id,omitempty"`
	Name     string            `json:"name"`
	Response map[string]string `json:"response"`
}

type tools struct {
	Functions []function `json:"functionDeclarations"`
}

type function struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Schema      json.RawMessage `json:"parametersJsonSchema,omitempty"`
}

type config struct {
	MaxTokens int `json:"maxOutputTokens,omitempty"`
}

// Encode writes the request in the server's form. names leads from the tool
// names the server is given back to the host's.
func Encode(req model.Request) (*Request, wire.Names) {
	r := &Request{model: req.Model, called: map[string]call{}}
	if req.MaxTokens > 0 {
		r.Config = &config{MaxTokens: req.MaxTokens}
	}
	var all []function
	for _, t := range req.Tools {
		all = append(all, function{Name: functionName(t.Name), Description: t.Description, Schema: wire.Schema(t)})
	}
	if len(all) > 0 {
		r.Tools = []tools{{Functions: all}}
	}
	for _, m := range req.Messages {
		r.add(m)
	}
	names := wire.Names{}
	for _, t := range req.Tools {
		names[functionName(t.Name)] = t.Name
	}
	return r, names
}

// functionName is a tool's name with a letter or an underscore at its
// beginning, as this protocol wants it.
func functionName(name string) string {
	name = wire.ToolName(name)
	if name == "" || name[0] >= '0' && name[0] <= '9' || name[0] == '-' {
		return wire.ToolName("_" + name)
	}
	return name
}

// add appends one message. The protocol takes turns between user and model,
// knows system text at the beginning only, wants the results of the calls of
// one answer together in the message after it, and refuses empty parts.
func (r *Request) add(m model.Message) {
	switch m.Role {
	case model.Tool:
		if m.Result != nil {
			r.addResult(*m.Result)
		}
	case model.Assistant:
		r.join("model", r.said(m)...)
	case model.System:
		switch {
		case len(r.Contents) > 0:
			r.join("user", text(wire.FromHost(m.Text)))
		case r.System == nil:
			r.System = &content{Parts: []part{text(m.Text)}}
		default:
			r.System.Parts = append(r.System.Parts, text(m.Text))
		}
	default:
		for _, i := range m.Images {
			r.join("user", part{Inline: &blob{MIME: i.MIME, Data: i.Data}})
		}
		if strings.TrimSpace(m.Text) != "" {
			r.join("user", text(m.Text))
		}
	}
}

func text(s string) part { return part{Text: &s} }

func (r *Request) join(role string, parts ...part) {
	if len(parts) == 0 {
		return
	}
	if n := len(r.Contents); n > 0 && r.Contents[n-1].Role == role {
		r.Contents[n-1].Parts = append(r.Contents[n-1].Parts, parts...)
		return
	}
	r.Contents = append(r.Contents, content{Role: role, Parts: parts})
}

func (r *Request) addResult(result model.ToolResult) {
	c, ok := r.called[result.ID]
	if !ok { // of a call that is forgotten: the protocol wants both or neither
		r.join("user", text(wire.FromHost("Result of an earlier call:\n"+result.Text)))
		return
	}
	key := "output"
	if result.Error {
		key = "error"
	}
	p := part{Response: &response{ID: c.ID, Name: c.Name, Response: map[string]string{key: result.Text}}}
	n := len(r.Contents)
	if r.Contents[n-1].Role != "user" {
		r.join("user", p)
		return
	}
	parts := r.Contents[n-1].Parts
	at := 0
	for at < len(parts) && parts[at].Response != nil {
		at++
	}
	r.Contents[n-1].Parts = slices.Insert(parts, at, p)
}

// said is an answer of the model, with the signatures where they stood.
func (r *Request) said(m model.Message) []part {
	k := readKept(m.Keep, r.model)
	var parts []part
	said, signed := m.Text, ""
	if k.Text != "" && k.From >= 0 && k.From <= len(said) {
		said, signed = said[:k.From], said[k.From:]
	}
	if said != "" {
		parts = append(parts, text(said))
	}
	if signed != "" || k.Text != "" { // a signature may come with no text
		parts = append(parts, part{Text: &signed, Signature: k.Text})
	}
	for i, host := range m.Calls {
		c := call{Name: functionName(host.Name), Args: wire.Object(host.Args)}
		p := part{Call: &c}
		if i < len(k.Calls) {
			c.ID, p.Signature = k.Calls[i].ID, k.Calls[i].Signature
		}
		r.called[host.ID] = c
		parts = append(parts, p)
	}
	return parts
}

// vouched stands for the signature of a call that this model did not make:
// ai.google.dev/gemini-api/docs/thought-signatures names it for a conversation
// that began with another model.
const vouched = "skip_thought_signature_validator"

// WantsSignatures reports whether the server refused a call without one.
func WantsSignatures(err error) bool {
	text := strings.ToLower(err.Error())
	return protocol.CodeOf(err) == protocol.Failed && (strings.Contains(text, "thought_signature") || strings.Contains(text, "thought signature"))
}

// Vouch gives the first call of each answer a signature, if it has none, and
// reports whether there was any such call.
func (r *Request) Vouch() bool {
	any := false
	for _, c := range r.Contents {
		for i := range c.Parts {
			if p := &c.Parts[i]; p.Call != nil {
				if p.Signature == "" {
					p.Signature, any = vouched, true
				}
				break
			}
		}
	}
	return any
}
