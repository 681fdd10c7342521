package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/ambithost/ambit/plugins/channels/incoming"
	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/protocol"
)

const (
	typeSent = "message.sent"
	patience = 15 * time.Second // as the specification advises
	maxSaid  = 4 << 10          // bytes of an answer that are read, for errors
)

// letter is the body of a webhook that goes out. It is the same each time the
// same message is tried.
type letter struct {
	Type string  `json:"type"`
	Data content `json:"data"`
}

type content struct {
	Chat     string    `json:"chat"` // the id of who it is for
	Text     string    `json:"text"` // Markdown
	Question *question `json:"question,omitempty"`
	Replaces string    `json:"replaces,omitempty"` // webhook-id of an earlier message
}

type question struct {
	Approval int64     `json:"approval"`
	Digest   string    `json:"digest"`
	Expires  time.Time `json:"expires"`
}

func send(ctx context.Context, h *sdk.Host, in channel.Send) (channel.Sent, error) {
	url, secret := h.Config("url"), h.Config("secret")
	switch {
	case url == "" || secret == "":
		return channel.Sent{}, protocol.Errorf(protocol.Invalid, "send: the configuration names no url or no secret")
	case in.Chat == "":
		return channel.Sent{}, protocol.Errorf(protocol.NotFound, "send: to nobody")
	case in.Working:
		return channel.Sent{}, nil // worth no request
	}
	l := letter{Type: typeSent, Data: content{Chat: in.Chat, Text: in.Text, Replaces: in.Replace}}
	if q := in.Question; q != nil {
		l.Data.Question = &question{q.Approval, q.Digest, q.Expires}
	}
	body, err := json.Marshal(l)
	if err != nil {
		return channel.Sent{}, err
	}
	id := messageID(in)
	resp, err := h.HTTP(ctx, sdk.Request{
		Method: "POST", URL: url, Body: body, NoFollow: true, Timeout: patience,
		Header:  sdk.Header{"Content-Type": {"application/json"}},
		Secrets: []sdk.Secret{{Name: secret, In: "signature", As: id}},
	})
	if err != nil {
		return channel.Sent{}, again(err)
	}
	said, err := io.ReadAll(io.LimitReader(resp.Body, maxSaid))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		said = nil // what counts is the status
	}
	if resp.Status/100 == 2 {
		return channel.Sent{Ref: id}, nil
	}
	return channel.Sent{}, refused(resp, incoming.Line(string(said)), secret)
}

// messageID is the same each time the same message is tried, so that its
// receiver can tell a repetition.
func messageID(in channel.Send) string {
	if in.Key == "" {
		return "msg_" + rand.Text()
	}
	sum := sha256.Sum256([]byte(in.Key))
	return "msg_" + hex.EncodeToString(sum[:16])
}

// again gives what broke off the code that says to try again: the receiver knows
// the message by its id.
func again(err error) error {
	switch protocol.CodeOf(err) {
	case protocol.Unknown, protocol.Timeout, protocol.Failed:
		return protocol.Errorf(protocol.Unavailable, "%v", err)
	}
	return err
}

// refused tells what an answer that is no success means.
func refused(resp *sdk.Response, said, secret string) error {
	code, hint := protocol.Unavailable, ""
	switch s := resp.Status; {
	case s == 429:
		code = protocol.Limit
	case s == 401 || s == 403:
		hint = "; does it know the key of secret " + secret + "?"
	case s/100 == 3:
		hint = "; a redirect is not followed: correct url"
	case s == 404 || s == 410:
		code = protocol.NotFound
	case s/100 == 4 && s != 408 && s != 409 && s != 425:
		code = protocol.Invalid
	}
	if said != "" {
		said = ": " + said
	}
	e := protocol.Errorf(code, "send: the receiver answered %d%s%s", resp.Status, said, hint)
	if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && n > 0 {
		e.RetryAfter = protocol.RetryAfter(int64(n) * 1000)
	}
	return e
}
