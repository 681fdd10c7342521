package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/ambithost/ambit/plugins/channels/incoming"
	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/protocol"
)

const (
	longPoll   = 50 // seconds for which Telegram may wait
	batch      = 50 // updates of one answer
	idleAnswer = `{"ok":true,"result":[]}`
	// The steps of a cursor: what the last request was.
	askedMe      = "getMe"
	askedUpdates = "getUpdates"
)

// cursor is what polling knows from one poll to the next.
type cursor struct {
	Bot    int64  `json:"bot,omitempty"`    // whose updates the offset counts
	Offset int64  `json:"offset,omitempty"` // the first update that is not confirmed
	Asked  string `json:"asked,omitempty"`
	Fails  int    `json:"fails,omitempty"` // in a row
}

// poll reads the answer to the last request and says what to ask next. After a
// start it asks who the bot is: a token that is wrong is found at once, and one
// of another bot does not inherit an offset that would confirm what nobody read.
func poll(ctx context.Context, h *sdk.Host, in channel.Poll) (channel.Polled, error) {
	b, err := newBot(h)
	if err != nil {
		return channel.Polled{}, err
	}
	var c cursor
	if len(in.Cursor) > 0 && json.Unmarshal(in.Cursor, &c) != nil {
		c = cursor{} // Telegram still has what was not confirmed
	}
	if in.Error != nil {
		return b.trouble(c, in.Error)
	}
	if len(in.Answer) == 0 || c.Asked == "" {
		c.Asked = askedMe
		return b.next(c, nil, channel.Wait{})
	}
	resp, err := sdk.ReadAnswer(in.Answer)
	if err != nil {
		return b.trouble(c, err)
	}
	if c.Asked == askedMe {
		var me user
		if err := read(askedMe, resp, &me); err != nil {
			return b.trouble(c, err)
		}
		if c.Bot != 0 && c.Bot != me.ID {
			c.Offset = 0
		}
		c.Bot, c.Asked, c.Fails = me.ID, askedUpdates, 0
		return b.next(c, nil, channel.Wait{})
	}
	var list []json.RawMessage
	if err := read(askedUpdates, resp, &list); err != nil {
		return b.trouble(c, err)
	}
	return b.take(ctx, c, list)
}

// take turns updates into events, as far as their files have room in one poll.
// What is left over is not confirmed and comes again.
func (b bot) take(ctx context.Context, c cursor, list []json.RawMessage) (channel.Polled, error) {
	var events []channel.Event
	was, room := c.Offset, int64(maxFiles)
	for _, raw := range list[:min(len(list), channel.MaxEvents)] {
		var id struct {
			UpdateID int64 `json:"update_id"`
		}
		if json.Unmarshal(raw, &id) != nil || id.UpdateID < c.Offset {
			continue
		}
		var u update
		if json.Unmarshal(raw, &u) == nil { // what has another form than it must is passed over
			if need := u.size(); need > room && room < maxFiles {
				break
			}
			if e, ok := b.event(ctx, u, &room); ok {
				events = append(events, e)
			}
		}
		c.Offset = id.UpdateID + 1
	}
	if len(list) > 0 && c.Offset == was {
		return b.trouble(c, protocol.Errorf(protocol.Failed, "getUpdates: no update in the answer that counts on; check base_url"))
	}
	c.Fails = 0
	return b.next(c, events, channel.Wait{})
}

// next asks for what the cursor stands at.
func (b bot) next(c cursor, events []channel.Event, w channel.Wait) (channel.Polled, error) {
	method, query, timeout := c.Asked, url.Values(nil), patience
	if method == askedUpdates {
		query = url.Values{"timeout": {strconv.Itoa(longPoll)}, "limit": {strconv.Itoa(batch)}, "allowed_updates": {`["message","callback_query"]`}}
		if c.Offset > 0 {
			query.Set("offset", strconv.FormatInt(c.Offset, 10))
		}
		timeout = (longPoll + 15) * time.Second
		if w.Idle = idleAnswer; c.Fails > 0 { // whether all is well again is not worth a wait
			query.Set("timeout", "0")
			w.Idle, timeout = "", patience
		}
	}
	return incoming.Next(c, events, b.request("GET", "", method, query, timeout), w)
}

// trouble asks the same again, later each time, and says what is wrong. A
// first failure that passes by itself is not worth a word: a connection that
// broke, or our own last poll, which Telegram has not seen the end of.
func (b bot) trouble(c cursor, err error) (channel.Polled, error) {
	if c.Asked == "" {
		c.Asked = askedMe
	}
	c.Fails = min(c.Fails+1, 100)
	said, lasting := b.explain(err)
	var asked time.Duration
	if f, ok := errors.AsType[*failure](err); ok {
		asked = f.wait
	}
	return b.next(c, nil, incoming.Later(c.Fails, asked, said, lasting))
}

// explain says what is wrong for people, what to do about it, and whether it
// will pass by itself.
func (b bot) explain(err error) (said string, lasting bool) {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		switch code := protocol.CodeOf(err); code {
		case protocol.Denied, protocol.Declined, protocol.DryRun, protocol.Revoked, protocol.Killed, protocol.NotFound, protocol.Invalid:
			return fmt.Sprintf("Telegram can't be asked: %s", incoming.Clip(err.Error(), 500)), true
		}
		return fmt.Sprintf("Telegram can't be reached: %s", incoming.Clip(err.Error(), 500)), false
	}
	switch {
	case f.status == 401 || f.status == 404:
		return fmt.Sprintf("%s. The token is not (or no longer) the one of a bot: ask @BotFather for it and store it with `ambit secret set %s`", f, b.secret), true
	case f.status == 409 && f.says("webhook"):
		return fmt.Sprintf("%s. A webhook gets this bot's messages: remove it with the Bot API's method deleteWebhook, or use a bot of its own", f), true
	case f.status == 409:
		return fmt.Sprintf("%s. Another program polls with the same token: stop it, or ask @BotFather for a new token (/revoke) if it is not yours", f), false
	case f.status == 429:
		return fmt.Sprintf("%s. Polling goes on in %d s", f, int(f.wait.Seconds())), false
	case f.status >= 300 && f.status < 400:
		return fmt.Sprintf("%s. The server redirects, which is not followed: correct base_url", f), true
	}
	return f.Error(), false
}
