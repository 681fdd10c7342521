package chat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

const (
	maxText  = 4 << 20 // bytes of text, and of all arguments
	maxCalls = 128
)

// chunk is one event of a stream, or a whole answer: they differ in delta and
// message. Fields that are not used are let through unread.
type chunk struct {
	Model   string `json:"model"`
	Choices []struct {
		Index        int    `json:"index"`
		Delta        piece  `json:"delta"`
		Message      piece  `json:"message"`
		FinishReason string `json:"finish_reason"`
	} `json:"choices"`
	Usage *struct {
		Prompt     int `json:"prompt_tokens"`
		Completion int `json:"completion_tokens"`
	} `json:"usage"`
	Error json.RawMessage `json:"error"`
}

type piece struct {
	Content   json.RawMessage `json:"content"` // text, null, or a list of parts
	Refusal   string          `json:"refusal"`
	ToolCalls []struct {
		Index    *int   `json:"index"`
		ID       string `json:"id"`
		Function struct {
			Name      string          `json:"name"`
			Arguments json.RawMessage `json:"arguments"` // text, or an object from some servers
		} `json:"function"`
	} `json:"tool_calls"`
}

// Answer grows from what a server sends: [Answer.Read] it, then take the
// [Answer.Response].
type Answer struct {
	names    map[string]string
	emit     func(string) error // nil: nobody listens
	text     strings.Builder
	calls    []*call
	size     int
	model    string
	finish   string
	refused  bool
	complete bool // the server said so
	usage    model.Usage
}

type call struct {
	index    int
	id, name string
	args     []byte
}

// NewAnswer begins an answer. names is what [Encode] gave; emit hears each
// piece of text as it comes, nil if nobody listens.
func NewAnswer(names map[string]string, emit func(string) error) *Answer {
	return &Answer{names: names, emit: emit}
}

func (a *Answer) add(c chunk) error {
	if err := errorIn(c.Error); err != nil {
		return err
	}
	if c.Model != "" {
		a.model = c.Model
	}
	if c.Usage != nil {
		a.usage = model.Usage{Input: max(c.Usage.Prompt, 0), Output: max(c.Usage.Completion, 0)}
	}
	for _, choice := range c.Choices {
		if choice.Index != 0 {
			continue
		}
		for _, p := range []piece{choice.Delta, choice.Message} {
			if err := a.addPiece(p); err != nil {
				return err
			}
		}
		if choice.FinishReason != "" {
			a.finish = choice.FinishReason
		}
	}
	return nil
}

func (a *Answer) addPiece(p piece) error {
	text := textOf(p.Content)
	if p.Refusal != "" {
		a.refused = true
		text += p.Refusal
	}
	if err := a.grow(len(text)); err != nil {
		return err
	}
	a.text.WriteString(text)
	if text != "" && a.emit != nil {
		if err := a.emit(text); err != nil {
			return err
		}
	}
	for _, f := range p.ToolCalls {
		c := a.callFor(f.Index, f.ID)
		if c == nil {
			return protocol.Errorf(protocol.Limit, "the model wants more than %d tools called at once", maxCalls)
		}
		if c.id == "" {
			c.id = f.ID
		}
		if c.name == "" { // some servers repeat it with each fragment
			c.name = f.Function.Name
		}
		args := argsOf(f.Function.Arguments)
		if err := a.grow(len(args)); err != nil {
			return err
		}
		c.args = append(c.args, args...)
	}
	return nil
}

func (a *Answer) grow(n int) error {
	if a.size += n; a.size > maxText {
		return protocol.Errorf(protocol.Limit, "the model's answer is larger than %d bytes", maxText)
	}
	return nil
}

// callFor finds the call that a fragment belongs to: by index, or for servers
// that leave it out by id, or else the last one. nil: too many.
func (a *Answer) callFor(index *int, id string) *call {
	for _, c := range a.calls {
		if index != nil && c.index == *index || index == nil && id != "" && c.id == id {
			return c
		}
	}
	n := len(a.calls)
	if index == nil && id == "" && n > 0 {
		return a.calls[n-1]
	}
	if n == maxCalls {
		return nil
	}
	c := &call{index: n}
	if index != nil {
		c.index = *index
	}
	a.calls = append(a.calls, c)
	return c
}

// Response is the answer in the host's form. One that broke off before its end
// is an error with code unavailable.
func (a *Answer) Response() (model.Response, error) {
	if !a.complete && a.finish == "" {
		return model.Response{}, protocol.Errorf(protocol.Unavailable, "the server's answer broke off before its end")
	}
	r := model.Response{Text: a.text.String(), Usage: a.usage, Model: printable(a.model, 200), Stop: model.StopEnd}
	seen := map[string]bool{}
	for i, c := range a.calls {
		if c.name == "" {
			continue
		}
		id := c.id
		if id == "" || len(id) > 128 || id != printable(id, 128) || seen[id] {
			id = fmt.Sprintf("call_%d", i)
		}
		seen[id] = true
		r.Calls = append(r.Calls, model.ToolCall{ID: id, Name: a.hostName(c.name), Args: hostArgs(c.args)})
	}
	switch {
	case len(r.Calls) > 0:
		r.Stop = model.StopTools
	case a.finish == "length":
		r.Stop = model.StopLength
	case a.finish == "content_filter" || a.refused:
		r.Stop = model.StopFilter
	}
	return r, nil
}

// hostName leads back from the name the server was given. A tool that was not
// offered keeps the name that the model invented, made printable: the host
// tells the model.
func (a *Answer) hostName(name string) string {
	if host, ok := a.names[name]; ok {
		return host
	}
	return printable(name, 128)
}

// hostArgs passes arguments on as they are when they are JSON, else as a JSON
// string, so that the host can tell the model.
func hostArgs(args []byte) json.RawMessage {
	args = bytes.TrimSpace(args)
	if len(args) == 0 {
		return json.RawMessage("{}")
	}
	if json.Valid(args) {
		return args
	}
	quoted, err := json.Marshal(string(args))
	if err != nil { // a string always can be
		return json.RawMessage("{}")
	}
	return quoted
}

// textOf reads content that is text, or a list of parts with text in them.
func textOf(raw json.RawMessage) string {
	var s string
	if len(raw) == 0 || json.Unmarshal(raw, &s) == nil {
		return s
	}
	var parts []struct {
		Text string `json:"text"`
	}
	if json.Unmarshal(raw, &parts) != nil {
		return ""
	}
	for _, p := range parts {
		s += p.Text
	}
	return s
}

func argsOf(raw json.RawMessage) string {
	var s string
	if len(raw) == 0 || json.Unmarshal(raw, &s) == nil { // null too
		return s
	}
	return string(raw)
}

// printable drops what is no plain character and cuts.
func printable(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), limit)]
}
