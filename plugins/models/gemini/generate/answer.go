package generate

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/ambithost/ambit/plugins/models/wire"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// chunk is one event of a stream, or a whole answer: they have one form. Fields
// that are not used are let through unread.
type chunk struct {
	Candidates []struct {
		Index   int `json:"index"`
		Content struct {
			Parts []piece `json:"parts"`
		} `json:"content"`
		FinishReason  string `json:"finishReason"`
		FinishMessage string `json:"finishMessage"`
	} `json:"candidates"`
	Feedback *struct {
		BlockReason string `json:"blockReason"`
	} `json:"promptFeedback"`
	Usage *struct {
		Prompt     int `json:"promptTokenCount"`
		ToolPrompt int `json:"toolUsePromptTokenCount"`
		Candidates int `json:"candidatesTokenCount"`
		Thoughts   int `json:"thoughtsTokenCount"`
		Cached     int `json:"cachedContentTokenCount"`
	} `json:"usageMetadata"`
	Model string          `json:"modelVersion"`
	Error json.RawMessage `json:"error"`
}

type piece struct {
	Text      string `json:"text"`
	Thought   bool   `json:"thought"`
	Signature string `json:"thoughtSignature"`
	Call      *call  `json:"functionCall"`
}

// kept is what an answer's model.Response.Keep holds: the signatures that the
// provider wants back with the parts they came with, and its ids of the calls.
type kept struct {
	By    string     `json:"by"`             // "gemini"
	Model string     `json:"model"`          // as it was asked for
	Text  string     `json:"text,omitempty"` // of the text from that byte on
	From  int        `json:"from,omitempty"`
	Calls []keptCall `json:"calls,omitempty"` // in the order of the response's
}

type keptCall struct {
	ID        string `json:"id,omitempty"`
	Signature string `json:"signature,omitempty"`
}

const keeper = "gemini"

// readKept reads what this package kept for that model; of anything else it is
// empty.
func readKept(raw json.RawMessage, model string) kept {
	var k kept
	if len(raw) == 0 || json.Unmarshal(raw, &k) != nil || k.By != keeper || k.Model != model {
		return kept{}
	}
	return k
}

// Answer grows from what a server sends: [Answer.Read] it, then take the
// [Answer.Response].
type Answer struct {
	answer  *wire.Answer
	kept    kept
	said    int // bytes of text
	finish  string
	message string
	blocked string // the prompt was, for that reason
}

// NewAnswer begins an answer of that model. names is what [Encode] gave; emit
// hears each piece of text as it comes, nil if nobody listens.
func NewAnswer(asked string, names wire.Names, emit func(string) error) *Answer {
	return &Answer{answer: wire.NewAnswer(names, emit), kept: kept{By: keeper, Model: asked}}
}

// Read takes in an answer: events, one object, or a list of objects, as the
// server writes a stream for those who did not ask for events.
func (a *Answer) Read(body io.Reader) error {
	b := wire.NewBody(body)
	switch b.First() {
	case '{':
		return a.readWhole(b)
	case '[':
		return a.readList(b)
	}
	_, err := wire.Each(b.Event, a.add)
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
	if len(c.Candidates) == 0 && c.Feedback == nil {
		return protocol.Errorf(protocol.Failed, "the server's answer holds no candidate; is base_url right, and does it speak generateContent?")
	}
	return nil
}

func (a *Answer) readList(b *wire.Body) error {
	var list []chunk
	if err := b.JSON(&list); err != nil {
		return err
	}
	for _, c := range list {
		if err := a.add(c); err != nil {
			return err
		}
	}
	return nil
}

func (a *Answer) add(c chunk) error {
	if err := wire.StreamError(c.Error); err != nil {
		return err
	}
	if c.Model != "" {
		a.answer.Model = c.Model
	}
	if u := c.Usage; u != nil { // totals so far
		a.answer.Usage = model.Usage{Input: u.Prompt + u.ToolPrompt, Output: u.Candidates + u.Thoughts, Cached: u.Cached}
	}
	if c.Feedback != nil && c.Feedback.BlockReason != "" {
		a.blocked = c.Feedback.BlockReason
	}
	for _, candidate := range c.Candidates {
		if candidate.Index != 0 {
			continue
		}
		for _, p := range candidate.Content.Parts {
			if err := a.addPiece(p); err != nil {
				return err
			}
		}
		if candidate.FinishReason != "" {
			a.finish, a.message = candidate.FinishReason, candidate.FinishMessage
		}
	}
	return nil
}

func (a *Answer) addPiece(p piece) error {
	if err := a.answer.Grow(len(p.Signature)); err != nil {
		return err
	}
	if p.Call != nil && p.Call.Name != "" {
		id := p.Call.ID
		c, err := a.answer.AddCall(id, p.Call.Name)
		if err != nil {
			return err
		}
		a.kept.Calls = append(a.kept.Calls, keptCall{ID: id, Signature: p.Signature})
		return a.answer.SetArgs(c, bytes.TrimSpace(p.Call.Args))
	}
	if p.Thought { // a summary for people; the signature holds the thinking
		return nil
	}
	if p.Signature != "" {
		a.kept.Text, a.kept.From = p.Signature, a.said
	}
	a.said += len(p.Text)
	return a.answer.AddText(p.Text)
}

// Response is the answer in the host's form. One that broke off before its end
// is an error with code unavailable.
func (a *Answer) Response() (model.Response, error) {
	switch a.finish {
	case "":
		if a.blocked == "" {
			return model.Response{}, wire.BrokeOff()
		}
	case "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS":
		if len(a.answer.Calls()) == 0 { // the model's slip: the next try is another
			return model.Response{}, protocol.Errorf(protocol.Unavailable, "the model's call of a tool could not be read by its server: %s %s", wire.Printable(a.finish, 80), wire.OneLine(a.message))
		}
	}
	r := a.answer.Response(stopOf(a.finish, a.blocked))
	if a.kept.Text == "" && len(a.kept.Calls) == 0 {
		return r, nil
	}
	raw, err := json.Marshal(a.kept)
	if err == nil && len(raw) <= model.MaxKeep {
		r.Keep = raw
	}
	return r, nil
}

func stopOf(finish, blocked string) model.StopReason {
	switch finish {
	case "MAX_TOKENS":
		return model.StopLength
	case "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "MODEL_ARMOR",
		"IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION":
		return model.StopFilter
	}
	if blocked != "" {
		return model.StopFilter
	}
	return model.StopEnd
}
