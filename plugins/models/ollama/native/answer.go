package native

import (
	"encoding/json"
	"io"

	"github.com/ambithost/ambit/plugins/models/wire"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// chunk is one line of a stream, or a whole answer: they have one form. Fields
// that are not used are let through unread.
type chunk struct {
	Model   string `json:"model"`
	Message *struct {
		Content   string `json:"content"`
		Thinking  string `json:"thinking"`
		ToolCalls []struct {
			ID       string `json:"id"`
			Function struct {
				Name      string          `json:"name"`
				Arguments json.RawMessage `json:"arguments"`
			} `json:"function"`
		} `json:"tool_calls"`
	} `json:"message"`
	Done       bool            `json:"done"`
	DoneReason string          `json:"done_reason"`
	Prompt     int             `json:"prompt_eval_count"`
	Evaluated  int             `json:"eval_count"`
	Error      json.RawMessage `json:"error"`
}

// kept is what an answer's model.Response.Keep holds: what the model thought
// before it called tools. Models that think between calls want it back until
// they have answered.
type kept struct {
	By       string `json:"by"` // "ollama"
	Model    string `json:"model"`
	Thinking string `json:"thinking"`
}

const keeper = "ollama"

func readKept(raw json.RawMessage, model string) string {
	var k kept
	if len(raw) == 0 || json.Unmarshal(raw, &k) != nil || k.By != keeper || k.Model != model {
		return ""
	}
	return k.Thinking
}

// Answer grows from what a server sends: [Answer.Read] it, then take the
// [Answer.Response].
type Answer struct {
	answer   *wire.Answer
	asked    string // the model, as it was asked for
	thinking []byte
	done     bool
	reason   string
}

// NewAnswer begins an answer of that model. names is what [Encode] gave; emit
// hears each piece of text as it comes, nil if nobody listens.
func NewAnswer(asked string, names wire.Names, emit func(string) error) *Answer {
	return &Answer{answer: wire.NewAnswer(names, emit), asked: asked}
}

// Read takes in an answer, in one piece or in many.
func (a *Answer) Read(body io.Reader) error {
	b := wire.NewBody(body)
	_, err := wire.Each(b.Value, func(c chunk) error {
		if err := a.add(c); err != nil || !a.done {
			return err
		}
		return wire.ErrDone
	})
	return err
}

func (a *Answer) add(c chunk) error {
	if err := wire.StreamError(c.Error); err != nil {
		return err
	}
	if c.Message == nil && !c.Done {
		return protocol.Errorf(protocol.Failed, "the server's answer holds no message; is base_url right, and is it an Ollama server?")
	}
	if c.Model != "" {
		a.answer.Model = c.Model
	}
	if c.Done {
		a.done, a.reason = true, c.DoneReason
		a.answer.Usage = model.Usage{Input: c.Prompt, Output: c.Evaluated}
	}
	if c.Message == nil {
		return nil
	}
	a.thinking = append(a.thinking, c.Message.Thinking...)
	if err := a.answer.Grow(len(c.Message.Thinking)); err != nil {
		return err
	}
	if err := a.answer.AddText(c.Message.Content); err != nil {
		return err
	}
	for _, f := range c.Message.ToolCalls {
		call, err := a.answer.AddCall(f.ID, f.Function.Name)
		if err != nil {
			return err
		}
		if err := a.answer.SetArgs(call, f.Function.Arguments); err != nil {
			return err
		}
	}
	return nil
}

// Response is the answer in the host's form. One that broke off before its end
// is an error with code unavailable.
func (a *Answer) Response() (model.Response, error) {
	if !a.done {
		return model.Response{}, wire.BrokeOff()
	}
	stop := model.StopEnd
	if a.reason == "length" {
		stop = model.StopLength
	}
	r := a.answer.Response(stop)
	if len(r.Calls) > 0 && len(a.thinking) > 0 {
		raw, err := json.Marshal(kept{By: keeper, Model: a.asked, Thinking: string(a.thinking)})
		if err == nil && len(raw) <= model.MaxKeep {
			r.Keep = raw
		}
	}
	return r, nil
}
