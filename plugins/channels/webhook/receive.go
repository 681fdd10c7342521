package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"unicode/utf8"

	"github.com/ambithost/ambit/plugins/channels/incoming"
	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/protocol"
)

// What comes in.
const (
	typeMessage = "message.received"
	typeAnswer  = "approval.answered"
)

// payload is the body of a webhook that comes in. Fields that are not known are
// passed over.
type payload struct {
	Type string `json:"type"`
	Data struct {
		From struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		} `json:"from"`
		Text     string `json:"text"`
		Files    []file `json:"files"`
		Approval int64  `json:"approval"`
		Digest   string `json:"digest"`
		Approve  *bool  `json:"approve"`
		Reason   string `json:"reason"`
	} `json:"data"`
}

type file struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Data []byte `json:"data"` // base64
}

// receive reads one webhook. What has not the form is refused: to pass over it
// would look like success to who sends it.
func receive(_ context.Context, _ *sdk.Host, in channel.Hook) (channel.Hooked, error) {
	bad := func(format string, a ...any) (channel.Hooked, error) {
		return channel.Hooked{}, protocol.Errorf(protocol.Invalid, "webhook: "+format, a...)
	}
	var p payload
	if !utf8.Valid(in.Body) || json.Unmarshal(in.Body, &p) != nil {
		return bad("the body is no JSON object of the form that is documented")
	}
	d := p.Data
	if d.From.ID == "" || len(d.From.ID) > channel.MaxID || incoming.Name(d.From.ID) != d.From.ID {
		return bad("data.from.id: want 1 to %d printable characters", channel.MaxID)
	}
	e := channel.Event{Chat: channel.Chat{ID: d.From.ID, Direct: true}, From: channel.Person{ID: d.From.ID, Name: incoming.Name(d.From.Name)}, At: in.At}
	switch p.Type {
	case typeMessage:
		if e.Text = d.Text; len(d.Text) > channel.MaxText || len(d.Files) > channel.MaxFiles || d.Text == "" && len(d.Files) == 0 {
			return bad("data: want a text of at most %d bytes, or at most %d files", channel.MaxText, channel.MaxFiles)
		}
		for _, f := range d.Files {
			if len(f.Data) == 0 || len(f.Data) > channel.MaxFile {
				return bad("data.files: want 1 to %d bytes each", channel.MaxFile)
			}
			e.Files = append(e.Files, channel.File{Name: incoming.FileName(f.Name), Type: incoming.MediaType(f.Type), Data: f.Data})
		}
	case typeAnswer:
		digest, err := hex.DecodeString(d.Digest)
		if err != nil || len(digest) != 32 || d.Approval <= 0 || d.Approve == nil {
			return bad("data: want approval, approve, and the digest of the question that was answered")
		}
		e.Reply = &channel.Reply{Approval: d.Approval, Digest: hex.EncodeToString(digest), Approve: *d.Approve, Reason: incoming.Line(d.Reason)}
	default:
		return bad("type %.60q: want %s or %s", p.Type, typeMessage, typeAnswer)
	}
	return channel.Hooked{Events: []channel.Event{e}}, nil
}
