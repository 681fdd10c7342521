package responses

import (
	"encoding/json"
	"io"

	"github.com/ambithost/ambit/plugins/models/wire"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// event is one event of a stream, of any type that is used:
// platform.openai.com/docs/api-reference/responses-streaming.
type event struct {
	Type     string          `json:"type"`
	Index    int             `json:"output_index"`
	Delta    string          `json:"delta"`
	Item     output          `json:"item"`
	Response whole           `json:"response"`
	Error    json.RawMessage `json:"-"` // the event itself, where it is one
}

// UnmarshalJSON leaves out all but the type of an event that is not used: its
// fields may have any form.
func (e *event) UnmarshalJSON(b []byte) error {
	var head struct {
		Type  string          `json:"type"`
		Error json.RawMessage `json:"error"`
	}
	_ = json.Unmarshal(b, &head) // what has no type is none that is used
	switch head.Type {
	case "response.created", "response.completed", "response.incomplete", "response.failed", "response.output_item.added", "response.output_item.done",
		"response.output_text.delta", "response.refusal.delta", "response.function_call_arguments.delta":
		type plain event
		return json.Unmarshal(b, (*plain)(e))
	case "error":
		*e = event{Type: head.Type, Error: append(json.RawMessage(nil), b...)}
	default:
		*e = event{Type: head.Type, Error: head.Error} // a server's own way to fail
	}
	return nil
}

// whole is an answer in one piece, and what the last event of a stream holds.
type whole struct {
	Object     string          `json:"object"`
	Model      string          `json:"model"`
	Status     string          `json:"status"`
	Error      json.RawMessage `json:"error"`
	Output     []output        `json:"output"`
	Incomplete struct {
		Reason string `json:"reason"`
	} `json:"incomplete_details"`
	Usage *struct {
		Input   int `json:"input_tokens"`
		Output  int `json:"output_tokens"`
		Details struct {
			Cached int `json:"cached_tokens"`
		} `json:"input_tokens_details"`
	} `json:"usage"`
}

// output is one item of an answer.
type output struct {
	Type      string `json:"type"`
	ID        string `json:"id"`
	CallID    string `json:"call_id"`
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
	Content   []struct {
		Type    string `json:"type"`
		Text    string `json:"text"`
		Refusal string `json:"refusal"`
	} `json:"content"`
	Summary   json.RawMessage `json:"summary"`
	Encrypted string          `json:"encrypted_content"`
}

// UnmarshalJSON leaves out all but the type of an item that is not used.
func (o *output) UnmarshalJSON(b []byte) error {
	var head struct {
		Type string `json:"type"`
	}
	_ = json.Unmarshal(b, &head) // as above
	switch head.Type {
	case "message", "function_call", "reasoning":
		type plain output
		return json.Unmarshal(b, (*plain)(o))
	}
	*o = output{Type: head.Type}
	return nil
}

// Answer grows from what a server sends: [Answer.Read] it, then take the
// [Answer.Response].
type Answer struct {
	answer   *wire.Answer
	asked    string // the model, as it was asked for
	items    map[int]*grown
	order    []*grown
	refused  bool
	status   string // that the server ended with
	why      string // it is incomplete
	complete bool   // the server said so
}

// grown is an item that grows.
type grown struct {
	keep keptItem
	call *wire.Call
	done bool
}

// NewAnswer begins an answer of that model. names is what [Encode] gave; emit
// hears each piece of text as it comes, nil if nobody listens.
func NewAnswer(asked string, names wire.Names, emit func(string) error) *Answer {
	return &Answer{answer: wire.NewAnswer(names, emit), asked: asked, items: map[int]*grown{}}
}

// Read takes in an answer of either form.
func (a *Answer) Read(body io.Reader) error {
	b := wire.NewBody(body)
	if b.First() == '{' {
		var w whole
		if err := b.JSON(&w); err != nil {
			return err
		}
		if w.Object != "response" && w.Output == nil && len(w.Error) == 0 {
			return protocol.Errorf(protocol.Failed, "the server's answer holds no response; is base_url right, and does it speak Responses? If it speaks Chat Completions: `ambit plugin config openai api=chat`")
		}
		return a.end(w)
	}
	_, err := wire.Each(b.Event, func(e event) error {
		if err := a.add(e); err != nil || !a.complete {
			return err
		}
		return wire.ErrDone
	})
	return err
}

func (a *Answer) add(e event) error {
	if err := wire.StreamError(e.Error); err != nil {
		return err
	}
	switch e.Type {
	case "response.created":
		a.answer.Model = e.Response.Model
	case "response.output_item.added":
		_, err := a.item(e.Index, e.Item)
		return err
	case "response.output_item.done":
		return a.finish(e.Index, e.Item)
	case "response.output_text.delta", "response.refusal.delta":
		return a.say(e.Index, e.Delta, e.Type == "response.refusal.delta")
	case "response.function_call_arguments.delta":
		if g := a.items[e.Index]; g != nil && g.call != nil && !g.done {
			return a.answer.AddArgs(g.call, e.Delta)
		}
	case "response.completed", "response.incomplete", "response.failed":
		return a.end(e.Response)
	}
	return nil
}

// say adds text to the message at an index; one whose beginning the server did
// not announce begins with it.
func (a *Answer) say(index int, text string, refusal bool) error {
	g, err := a.item(index, output{Type: "message"})
	if err != nil || g.done || g.keep.Type != "message" {
		return err
	}
	a.refused = a.refused || refusal && text != ""
	g.keep.Bytes += len(text)
	return a.answer.AddText(text)
}

// item finds the item at an index, or begins it.
func (a *Answer) item(index int, o output) (*grown, error) {
	if g := a.items[index]; g != nil {
		return g, nil
	}
	g := &grown{keep: keptItem{Type: o.Type}}
	if err := a.answer.Grow(64); err != nil { // items without content must end some time too
		return nil, err
	}
	if o.Type == "function_call" {
		call, err := a.answer.AddCall(o.CallID, o.Name)
		if err != nil {
			return nil, err
		}
		g.call = call
	}
	a.items[index] = g
	a.order = append(a.order, g)
	return g, nil
}

// finish takes in a whole item: what of it did not come in pieces.
func (a *Answer) finish(index int, o output) error {
	g, err := a.item(index, o)
	if err != nil || g.done || g.keep.Type != o.Type {
		return err
	}
	switch o.Type {
	case "message":
		if g.keep.Bytes == 0 {
			for _, c := range o.Content {
				if err := a.say(index, c.Text+c.Refusal, c.Refusal != ""); err != nil {
					return err
				}
			}
		}
	case "function_call":
		if o.CallID != "" {
			g.call.ID = o.CallID
		}
		if o.Name != "" {
			g.call.Name = o.Name
		}
		if o.Arguments != "" {
			err = a.answer.SetArgs(g.call, []byte(o.Arguments))
		}
	case "reasoning":
		g.keep.ID, g.keep.Summary, g.keep.Encrypted = o.ID, o.Summary, o.Encrypted
		err = a.answer.Grow(len(o.Summary) + len(o.Encrypted))
	}
	g.done = true
	return err
}

// end takes in how the answer ended, and items that were not sent before.
func (a *Answer) end(w whole) error {
	if err := wire.StreamError(w.Error); err != nil {
		return err
	}
	if w.Status == "failed" || w.Status == "cancelled" {
		return protocol.Errorf(protocol.Unavailable, "the model's server reports that the answer is %s", w.Status)
	}
	for i, o := range w.Output {
		if err := a.finish(i, o); err != nil {
			return err
		}
	}
	if w.Model != "" {
		a.answer.Model = w.Model
	}
	if u := w.Usage; u != nil {
		a.answer.Usage = model.Usage{Input: u.Input, Output: u.Output, Cached: u.Details.Cached}
	}
	a.complete, a.status, a.why = true, w.Status, w.Incomplete.Reason
	return nil
}

// Response is the answer in the host's form. One that broke off before its end
// is an error with code unavailable.
func (a *Answer) Response() (model.Response, error) {
	if !a.complete {
		return model.Response{}, wire.BrokeOff()
	}
	stop := model.StopEnd
	switch {
	case a.status == "incomplete" && a.why == "content_filter" || a.refused:
		stop = model.StopFilter
	case a.status == "incomplete":
		stop = model.StopLength
	}
	a.answer.Keep = a.keep()
	return a.answer.Response(stop), nil
}

// keep is the reasoning with its places; nil when there is none that would be
// taken back.
func (a *Answer) keep() json.RawMessage {
	k := kept{By: keeper, Model: a.asked}
	reasoned := false
	for _, g := range a.order {
		switch g.keep.Type {
		case "reasoning":
			if g.keep.Encrypted == "" { // a reference to what nobody stored
				continue
			}
			reasoned = true
		case "function_call":
			if g.call.Name == "" { // not part of the response
				continue
			}
		case "message":
		default:
			continue
		}
		k.Order = append(k.Order, g.keep)
	}
	if !reasoned {
		return nil
	}
	raw, err := json.Marshal(k)
	if err != nil || len(raw) > model.MaxKeep {
		return nil
	}
	return raw
}
