package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf16"

	"github.com/ambithost/ambit/plugins/channels/markdown"
	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/protocol"
)

const (
	maxText     = 4096 // UTF-16 code units of one message
	maxEntities = 100  // of one message; Telegram passes over more
	maxParts    = 20   // messages for one text
	maxPause    = 30 * time.Second
)

// entity marks a part of a text, in UTF-16 code units.
type entity struct {
	Type     string `json:"type"`
	Offset   int    `json:"offset"`
	Length   int    `json:"length"`
	URL      string `json:"url,omitempty"`
	Language string `json:"language,omitempty"`
}

// outgoing is the arguments of sendMessage and editMessageText. No preview is
// wanted: Telegram would fetch whatever address stands in a text, and so carry
// to it what the address holds.
type outgoing struct {
	Chat     int64     `json:"chat_id"`
	Message  int64     `json:"message_id,omitempty"`
	Text     string    `json:"text"`
	Entities []entity  `json:"entities,omitempty"`
	Preview  noPreview `json:"link_preview_options"`
	Keyboard *keyboard `json:"reply_markup,omitempty"`
}

type noPreview struct {
	Disabled bool `json:"is_disabled"`
}

func send(ctx context.Context, h *sdk.Host, in channel.Send) (channel.Sent, error) {
	b, err := newBot(h)
	if err != nil {
		return channel.Sent{}, err
	}
	to, err := strconv.ParseInt(in.Chat, 10, 64)
	if err != nil || to <= 0 { // groups and channels have negative ones
		return channel.Sent{}, protocol.Errorf(protocol.NotFound, "send: %.80q is no private chat of Telegram", in.Chat)
	}
	if in.Working {
		return channel.Sent{}, sendError(b.call(ctx, "sendChatAction", map[string]any{"chat_id": to, "action": "typing"}, nil))
	}
	list, err := messages(to, in)
	if err != nil {
		return channel.Sent{}, err
	}
	ref := ""
	for i, m := range list {
		method := "sendMessage"
		if m.Message != 0 {
			method = "editMessageText"
		}
		id, err := b.deliver(ctx, method, m, i > 0)
		if err != nil && i > 0 {
			return channel.Sent{}, protocol.Errorf(protocol.Unknown, "only %d of %d parts were sent: %v", i, len(list), err)
		}
		if err != nil {
			return channel.Sent{}, err
		}
		ref = strconv.FormatInt(id, 10)
	}
	return channel.Sent{Ref: ref}, nil
}

// messages are what one text becomes: its parts, the first in the place of an
// earlier message, the last with the buttons.
func messages(to int64, in channel.Send) ([]outgoing, error) {
	parts := markdown.Parse(in.Text).Split(maxText, func(r rune) int { return max(1, utf16.RuneLen(r)) })
	if len(parts) == 0 && in.Question != nil {
		parts = []markdown.Document{{Text: "May I?"}}
	}
	if len(parts) == 0 || len(parts) > maxParts {
		return nil, protocol.Errorf(protocol.Invalid, "send: a text of %d messages; want 1 to %d", len(parts), maxParts)
	}
	var list []outgoing
	for _, p := range parts {
		list = append(list, outgoing{Chat: to, Text: p.Text, Entities: entities(p), Preview: noPreview{true}})
	}
	if in.Replace != "" {
		id, err := strconv.ParseInt(in.Replace, 10, 64)
		if err != nil || id <= 0 {
			return nil, protocol.Errorf(protocol.Invalid, "send: replace: %.80q is no message of Telegram", in.Replace)
		}
		list[0].Message = id
	}
	if in.Question != nil {
		k, err := buttons(in.Question)
		if err != nil {
			return nil, err
		}
		list[len(list)-1].Keyboard = k
	}
	return list, nil
}

// entities are the spans in Telegram's words, counted in UTF-16.
func entities(d markdown.Document) []entity {
	names := map[markdown.Kind]string{markdown.Bold: "bold", markdown.Italic: "italic", markdown.Strike: "strikethrough",
		markdown.Code: "code", markdown.Pre: "pre", markdown.Link: "text_link", markdown.Quote: "blockquote"}
	units := make([]int, len(d.Text)+1) // before each byte at which a rune begins
	n := 0
	for i, r := range d.Text {
		units[i] = n
		n += max(1, utf16.RuneLen(r))
	}
	units[len(d.Text)] = n
	var out []entity
	for _, s := range d.Spans[:min(len(d.Spans), maxEntities)] {
		out = append(out, entity{Type: names[s.Kind], Offset: units[s.From], Length: units[s.To] - units[s.From], URL: s.URL, Language: s.Language})
	}
	return out
}

// deliver has Telegram take one message. Later parts wait when Telegram says
// so, for what came before them can't be taken back; a first one is left to the
// host to try again.
func (b bot) deliver(ctx context.Context, method string, m outgoing, later bool) (id int64, err error) {
	var taken struct {
		ID int64 `json:"message_id"`
	}
	for try := 0; ; try++ {
		err := b.call(ctx, method, m, &taken)
		f, ok := errors.AsType[*failure](err)
		switch {
		case err == nil:
			return taken.ID, nil
		case !ok:
			return 0, err
		case f.status == 400 && f.says("is not modified"):
			return m.Message, nil
		case f.status == 400 && f.says("entit") && len(m.Entities) > 0:
			m.Entities = nil // better plain than not at all
		case f.status == 429 && later && f.wait <= maxPause && try < 5:
			select {
			case <-time.After(max(f.wait, time.Second)):
			case <-ctx.Done():
				return 0, context.Cause(ctx)
			}
		default:
			return 0, sendError(err)
		}
	}
}

// sendError gives Telegram's own no a code: unavailable and limit where it
// helps to send later, unknown where its server failed and may have taken it.
func sendError(err error) error {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		return err
	}
	code, advice := protocol.Invalid, "" // it is not wanted, now or later
	switch {
	case f.status == 429:
		code, advice = protocol.Limit, fmt.Sprintf("; it asks to wait %d s", int(f.wait.Seconds()))
	case f.status == 403:
		code, advice = protocol.NotFound, "; the person has blocked the bot or never started it"
	case f.status == 400 && f.says("not found", "can't be edited"):
		code = protocol.NotFound
	case f.status == 401 || f.status == 404:
		code, advice = protocol.Unavailable, "; the bot's token is wrong: store the right one with `ambit secret set`"
	case f.status < 400:
		code, advice = protocol.Unavailable, "; a redirect is not followed: correct base_url"
	case f.status >= 500:
		code, advice = protocol.Unknown, "; whether the message was sent can't be told"
	}
	return protocol.Errorf(code, "%v%s", err, advice)
}
