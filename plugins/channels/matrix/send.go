package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"github.com/ambithost/ambit/plugins/channels/markdown"
	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/protocol"
)

const (
	approveKey = "✅"
	denyKey    = "❌"
	// An event has at most 64 KiB with all that is around it.
	maxText  = 10_000 // bytes of one message's text
	maxHTML  = 30_000
	maxParts = 20 // messages for one text
)

// outgoing is the content of a message.
type outgoing struct {
	Type     string     `json:"msgtype"`
	Body     string     `json:"body"`
	Format   string     `json:"format,omitempty"`
	HTML     string     `json:"formatted_body,omitempty"`
	Question *question  `json:"ambit.question,omitempty"`
	New      *outgoing  `json:"m.new_content,omitempty"`
	Relates  *relatesTo `json:"m.relates_to,omitempty"`
}

type relatesTo struct {
	Type  string `json:"rel_type"`
	Event string `json:"event_id"`
	Key   string `json:"key,omitempty"`
}

func send(ctx context.Context, h *sdk.Host, in channel.Send) (channel.Sent, error) {
	a, err := newAccount(h)
	if err != nil {
		return channel.Sent{}, err
	}
	if !roomID(in.Chat) {
		return channel.Sent{}, protocol.Errorf(protocol.NotFound, "send: %.80q is no room of Matrix", in.Chat)
	}
	list, err := messages(in)
	if err != nil {
		return channel.Sent{}, err
	}
	var who struct {
		User string `json:"user_id"`
	}
	if err := a.get(ctx, client+"/account/whoami", nil, &who); err != nil {
		return channel.Sent{}, a.unsent(err)
	}
	_, n, err := a.other(ctx, who.User, in.Chat)
	switch {
	case err != nil:
		return channel.Sent{}, a.unsent(err)
	case n != 2:
		return channel.Sent{}, protocol.Errorf(protocol.Invalid, "send: the room is no direct chat: %d have joined it, want the account and one person", n)
	}
	if in.Working {
		err := a.call(ctx, "PUT", escape("rooms", in.Chat, "typing", who.User), map[string]any{"typing": true, "timeout": 30_000}, nil)
		return channel.Sent{}, a.unsent(err)
	}
	t := txn{a, in.Chat, in.Key, 0}
	if t.key == "" {
		t.key = rand.Text()
	}
	return t.sendAll(ctx, list, in)
}

// txn numbers the requests of one message, so that trying it again repeats
// none.
type txn struct {
	account
	room, key string
	n         int
}

func (t *txn) sendAll(ctx context.Context, list []outgoing, in channel.Send) (channel.Sent, error) {
	ref := ""
	for i, m := range list {
		id, err := t.send(ctx, "m.room.message", m)
		if err != nil {
			err = t.sendError(err, in.Key != "")
			if i > 0 && in.Key == "" {
				err = protocol.Errorf(protocol.Unknown, "only %d of %d parts were sent: %v", i, len(list), err)
			}
			return channel.Sent{}, err
		}
		ref = id
	}
	if in.Question != nil { // to touch instead of to look for
		for _, key := range []string{approveKey, denyKey} {
			_, err := t.send(ctx, "m.reaction", map[string]relatesTo{"m.relates_to": {"m.annotation", ref, key}})
			if err != nil {
				t.h.Log("debug", "reaction: %v", err)
			}
		}
	}
	if in.Replace != "" {
		ref = in.Replace // edits are of the first
	}
	return channel.Sent{Ref: ref}, nil
}

func (t *txn) send(ctx context.Context, kind string, body any) (id string, err error) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d", t.room, t.key, t.n))
	t.n++
	var taken struct {
		ID string `json:"event_id"`
	}
	err = t.call(ctx, "PUT", escape("rooms", t.room, "send", kind, "ambit"+hex.EncodeToString(sum[:16])), body, &taken)
	return taken.ID, err
}

// messages are what one text becomes: its parts, the first in the place of an
// earlier message, the last with the question.
func messages(in channel.Send) ([]outgoing, error) {
	if in.Working {
		return nil, nil
	}
	parts := markdown.Parse(in.Text).Split(maxText, func(r rune) int { return len(string(r)) })
	if len(parts) == 0 && in.Question != nil {
		parts = []markdown.Document{{Text: "May I?"}}
	}
	if len(parts) == 0 || len(parts) > maxParts {
		return nil, protocol.Errorf(protocol.Invalid, "send: a text of %d messages; want 1 to %d", len(parts), maxParts)
	}
	var list []outgoing
	for i, p := range parts {
		if q := in.Question; q != nil && i == len(parts)-1 {
			p.Text += "\n\nTouch " + approveKey + " below to approve, " + denyKey + " to deny."
		}
		m := outgoing{Type: "m.text", Body: p.Text}
		if html := p.HTML(); len(p.Spans) > 0 && len(html) <= maxHTML {
			m.Format, m.HTML = "org.matrix.custom.html", html
		}
		list = append(list, m)
	}
	if q := in.Question; q != nil {
		if digest, err := hex.DecodeString(q.Digest); err != nil || len(digest) != 32 || q.Approval <= 0 {
			return nil, protocol.Errorf(protocol.Invalid, "send: question: want an approval's number and a digest of 64 hex digits")
		}
		list[len(list)-1].Question = &question{strconv.FormatInt(q.Approval, 10), q.Digest}
	}
	if in.Replace != "" {
		if in.Replace[0] != '$' || len(in.Replace) > 255 {
			return nil, protocol.Errorf(protocol.Invalid, "send: replace: %.80q is no event of Matrix", in.Replace)
		}
		plain := list[0]
		list[0].New, list[0].Body = &plain, "* "+plain.Body
		list[0].Relates = &relatesTo{Type: "m.replace", Event: in.Replace}
	}
	return list, nil
}

// unsent is the error of what comes before a message: nothing was sent.
func (a account) unsent(err error) error {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*failure](err); ok && f.status == 403 {
		return protocol.Errorf(protocol.NotFound, "send: the account is in no such room: %v", f)
	}
	return a.sendError(err, true)
}

// sendError gives a failure a code. What can be repeated without harm may be
// tried again; else it may have been sent.
func (a account) sendError(err error, again bool) error {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		switch code := protocol.CodeOf(err); {
		case again && (code == protocol.Unknown || code == protocol.Timeout || code == protocol.Failed):
			return protocol.Errorf(protocol.Unavailable, "%v", err)
		}
		return err
	}
	switch {
	case f.status == 429:
		return protocol.Errorf(protocol.Limit, "%v; it asks to wait %d s", f, int(f.wait.Seconds()))
	case f.status >= 500 && again:
		return protocol.Errorf(protocol.Unavailable, "%v", f)
	case f.status >= 500:
		return protocol.Errorf(protocol.Unknown, "%v; whether the message was sent can't be told", f)
	case f.status == 401:
		return protocol.Errorf(protocol.Unavailable, "%v; the access token is wrong: store one with `ambit secret set %s`", f, a.secret)
	case f.status < 400:
		return protocol.Errorf(protocol.Unavailable, "%v; a redirect is not followed: correct base_url", f)
	case f.status == 403 || f.status == 404:
		return protocol.Errorf(protocol.NotFound, "%v", f)
	}
	return protocol.Errorf(protocol.Invalid, "%v", f) // it is not wanted, now or later
}
