package messages

import (
	"encoding/json"
	"io"

	"github.com/ambithost/ambit/plugins/models/wire"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// event is one event of a stream, of any type:
// docs.anthropic.com/en/docs/build-with-claude/streaming. Types and fields that
// are not used are let through unread, as the protocol's versioning asks for.
type event struct {
	Type    string          `json:"type"`
	Index   int             `json:"index"`
	Message whole           `json:"message"`       // message_start
	Block   content         `json:"content_block"` // content_block_start
	Delta   delta           `json:"delta"`         // content_block_delta, message_delta
	Usage   *usage          `json:"usage"`         // message_delta
	Error   json.RawMessage `json:"error"`
}

// UnmarshalJSON leaves out all but the type of an event that is not known: its
// fields may have any form.
func (e *event) UnmarshalJSON(b []byte) error {
	switch kind := typeOf(b); kind {
	case "", "error", "message_start", "content_block_start", "content_block_delta", "message_delta", "message_stop":
		type plain event
		return json.Unmarshal(b, (*plain)(e))
	default:
		*e = event{Type: kind}
		return nil
	}
}

func typeOf(b []byte) string {
	var t struct {
		Type string `json:"type"`
	}
	_ = json.Unmarshal(b, &t) // what has no type is no known one
	return t.Type
}

type delta struct {
	Type       string `json:"type"`
	Text       string `json:"text"`
	JSON       string `json:"partial_json"`
	Thinking   string `json:"thinking"`
	Signature  string `json:"signature"`
	StopReason string `json:"stop_reason"`
}

// whole is an answer in one piece, and the beginning of a stream.
type whole struct {
	Type       string          `json:"type"`
	Model      string          `json:"model"`
	Content    []content       `json:"content"`
	StopReason string          `json:"stop_reason"`
	Usage      *usage          `json:"usage"`
	Error      json.RawMessage `json:"error"`
}

type content struct {
	Type      string          `json:"type"`
	Text      string          `json:"text"`
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Input     json.RawMessage `json:"input"`
	Thinking  string          `json:"thinking"`
	Signature string          `json:"signature"`
	Data      string          `json:"data"`
}

// UnmarshalJSON leaves out all but the type of a block that is not known.
func (c *content) UnmarshalJSON(b []byte) error {
	switch kind := typeOf(b); kind {
	case "text", "tool_use", "thinking", "redacted_thinking":
		type plain content
		return json.Unmarshal(b, (*plain)(c))
	default:
		*c = content{Type: kind}
		return nil
	}
}

// usage counts are totals of the message so far; what a message_delta leaves
// out stands as it was.
type usage struct {
	Input      *int `json:"input_tokens"`
	CacheRead  *int `json:"cache_read_input_tokens"`
	CacheWrite *int `json:"cache_creation_input_tokens"`
	Output     *int `json:"output_tokens"`
}

// Answer grows from what a server sends: [Answer.Read] it, then take the
// [Answer.Response].
type Answer struct {
	answer                            *wire.Answer
	asked                             string  // the model, as it was asked for
	order                             []*part // of the types that are known
	open                              map[int]*part
	stop                              string
	complete                          bool // the server said so
	input, cacheRead, cacheWrite, out int
}

// part is a block that grows.
type part struct {
	kind                string
	bytes               int // of text
	thinking, signature []byte
	data                string
	call                *wire.Call // of a tool_use
	fresh               bool       // its first fragment of arguments replaces what it began with
}

// NewAnswer begins an answer of that model. names is what [Encode] gave; emit
// hears each piece of text as it comes, nil if nobody listens.
func NewAnswer(asked string, names wire.Names, emit func(string) error) *Answer {
	return &Answer{answer: wire.NewAnswer(names, emit), asked: asked, open: map[int]*part{}}
}

// Read takes in an answer of either form.
func (a *Answer) Read(body io.Reader) error {
	b := wire.NewBody(body)
	if b.First() == '{' {
		return a.readWhole(b)
	}
	_, err := wire.Each(b.Event, func(e event) error {
		if err := a.add(e); err != nil || !a.complete {
			return err
		}
		return wire.ErrDone
	})
	return err
}

func (a *Answer) readWhole(b *wire.Body) error {
	var w whole
	if err := b.JSON(&w); err != nil {
		return err
	}
	if err := wire.StreamError(w.Error); err != nil {
		return err
	}
	if w.Type != "message" {
		return protocol.Errorf(protocol.Failed, "the server's answer is no message; is base_url right, and does it speak Messages?")
	}
	a.complete = true
	return a.begin(w)
}

// begin takes in a whole message: of a stream it is the first event, and empty.
func (a *Answer) begin(w whole) error {
	a.answer.Model = w.Model
	a.stop = w.StopReason
	a.count(w.Usage)
	for i, c := range w.Content {
		if err := a.start(i, c); err != nil {
			return err
		}
	}
	return nil
}

func (a *Answer) add(e event) error {
	if err := wire.StreamError(e.Error); err != nil {
		return err
	}
	switch e.Type {
	case "message_start":
		return a.begin(e.Message)
	case "content_block_start":
		return a.start(e.Index, e.Block)
	case "content_block_delta":
		return a.grow(a.open[e.Index], e.Delta)
	case "message_delta":
		if e.Delta.StopReason != "" {
			a.stop = e.Delta.StopReason
		}
		a.count(e.Usage)
	case "message_stop":
		a.complete = true
	}
	return nil
}

func (a *Answer) start(index int, c content) error {
	p := &part{kind: c.Type, data: c.Data}
	a.open[index] = p
	switch c.Type {
	case "text", "tool_use", "thinking", "redacted_thinking":
		a.order = append(a.order, p)
	}
	if err := a.answer.Grow(64 + len(c.Data)); err != nil { // so that empty blocks come to an end too
		return err
	}
	if c.Type == "tool_use" {
		call, err := a.answer.AddCall(c.ID, c.Name)
		if err != nil {
			return err
		}
		p.call, p.fresh = call, true
		return a.answer.SetArgs(call, c.Input)
	}
	return a.grow(p, delta{Text: c.Text, Thinking: c.Thinking, Signature: c.Signature})
}

// grow adds a fragment to a block; one of a type that does not belong to the
// block, or of no block, is passed over.
func (a *Answer) grow(p *part, d delta) error {
	if p == nil {
		return nil
	}
	switch p.kind {
	case "text":
		p.bytes += len(d.Text)
		return a.answer.AddText(d.Text)
	case "thinking":
		p.thinking = append(p.thinking, d.Thinking...)
		p.signature = append(p.signature, d.Signature...)
		return a.answer.Grow(len(d.Thinking) + len(d.Signature))
	case "tool_use":
		if d.JSON == "" {
			return nil
		}
		if p.fresh {
			p.fresh = false
			return a.answer.SetArgs(p.call, []byte(d.JSON))
		}
		return a.answer.AddArgs(p.call, d.JSON)
	}
	return nil
}

func (a *Answer) count(u *usage) {
	if u == nil {
		return
	}
	for _, c := range []struct {
		said *int
		into *int
	}{{u.Input, &a.input}, {u.CacheRead, &a.cacheRead}, {u.CacheWrite, &a.cacheWrite}, {u.Output, &a.out}} {
		if c.said != nil {
			*c.into = max(*c.said, 0)
		}
	}
}

// Response is the answer in the host's form. One that broke off before its end
// is an error with code unavailable.
func (a *Answer) Response() (model.Response, error) {
	if !a.complete && a.stop == "" {
		return model.Response{}, wire.BrokeOff()
	}
	a.answer.Usage = model.Usage{Input: a.input + a.cacheRead + a.cacheWrite, Output: a.out, Cached: a.cacheRead}
	a.answer.Keep = a.keep()
	stop := model.StopEnd
	switch a.stop {
	case "max_tokens", "model_context_window_exceeded":
		stop = model.StopLength
	case "refusal":
		stop = model.StopFilter
	}
	return a.answer.Response(stop), nil
}

// keep holds on to thinking, which the protocol wants back; without any there
// is nothing to keep.
func (a *Answer) keep() json.RawMessage {
	k := kept{By: keeper, Model: a.asked}
	thought := false
	for _, p := range a.order {
		switch p.kind {
		case "thinking":
			if len(p.signature) == 0 { // broken off, or not from a server that signs: it would be refused
				continue
			}
			thought = true
		case "redacted_thinking":
			thought = true
		case "tool_use":
			if p.call.Name == "" { // not part of the response
				continue
			}
		}
		k.Order = append(k.Order, keptBlock{Type: p.kind, Bytes: p.bytes, Thinking: string(p.thinking), Signature: string(p.signature), Data: p.data})
	}
	if !thought {
		return nil
	}
	raw, err := json.Marshal(k)
	if err != nil || len(raw) > model.MaxKeep {
		return nil
	}
	return raw
}
