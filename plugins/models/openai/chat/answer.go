package chat

import (
	"encoding/json"
	"io"

	"github.com/ambithost/ambit/plugins/models/wire"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
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
		Details    struct {
			Cached int `json:"cached_tokens"`
		} `json:"prompt_tokens_details"`
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
	answer   *wire.Answer
	indices  map[*wire.Call]int
	finish   string
	refused  bool
	complete bool // the server said so
}

// NewAnswer begins an answer. names is what [Encode] gave; emit hears each
// piece of text as it comes, nil if nobody listens.
func NewAnswer(names wire.Names, emit func(string) error) *Answer {
	return &Answer{answer: wire.NewAnswer(names, emit), indices: map[*wire.Call]int{}}
}

// Read takes in an answer of either form.
func (a *Answer) Read(body io.Reader) error {
	b := wire.NewBody(body)
	if b.First() == '{' {
		return a.readWhole(b)
	}
	done, err := wire.Each(b.Event, a.add)
	a.complete = done
	return err
}

func (a *Answer) readWhole(b *wire.Body) error {
	var c chunk
	if err := b.JSON(&c); err != nil {
		return err
	}
	if err := a.add(c); err != nil {
		return err
	}
	if len(c.Choices) == 0 {
		return protocol.Errorf(protocol.Failed, "the server's answer holds no choice; is base_url right, and does it speak Chat Completions?")
	}
	a.complete = true
	return nil
}

func (a *Answer) add(c chunk) error {
	if err := wire.StreamError(c.Error); err != nil {
		return err
	}
	if c.Model != "" {
		a.answer.Model = c.Model
	}
	if c.Usage != nil {
		a.answer.Usage = model.Usage{Input: c.Usage.Prompt, Output: c.Usage.Completion, Cached: c.Usage.Details.Cached}
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
	a.refused = a.refused || p.Refusal != ""
	if err := a.answer.AddText(textOf(p.Content) + p.Refusal); err != nil {
		return err
	}
	for _, f := range p.ToolCalls {
		c, err := a.callFor(f.Index, f.ID)
		if err != nil {
			return err
		}
		if c.ID == "" {
			c.ID = f.ID
		}
		if c.Name == "" { // some servers repeat it with each fragment
			c.Name = f.Function.Name
		}
		if err := a.answer.AddArgs(c, argsOf(f.Function.Arguments)); err != nil {
			return err
		}
	}
	return nil
}

// callFor finds the call that a fragment belongs to: by index, or for servers
// that leave it out by id, or else the last one.
func (a *Answer) callFor(index *int, id string) (*wire.Call, error) {
	calls := a.answer.Calls()
	for _, c := range calls {
		if index != nil && a.indices[c] == *index || index == nil && id != "" && c.ID == id {
			return c, nil
		}
	}
	if index == nil && id == "" && len(calls) > 0 {
		return calls[len(calls)-1], nil
	}
	c, err := a.answer.AddCall(id, "")
	if err != nil {
		return nil, err
	}
	a.indices[c] = len(calls)
	if index != nil {
		a.indices[c] = *index
	}
	return c, nil
}

// Response is the answer in the host's form. One that broke off before its end
// is an error with code unavailable.
func (a *Answer) Response() (model.Response, error) {
	if !a.complete && a.finish == "" {
		return model.Response{}, wire.BrokeOff()
	}
	stop := model.StopEnd
	switch {
	case a.finish == "length":
		stop = model.StopLength
	case a.finish == "content_filter" || a.refused:
		stop = model.StopFilter
	}
	return a.answer.Response(stop), nil
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
