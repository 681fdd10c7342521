package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"time"

	"github.com/ambithost/ambit/plugins/channels/incoming"
	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/protocol"
)

const (
	longPoll = 50 // seconds for which the server may wait
	maxTold  = 1000
	// The steps of a cursor: what the last request was.
	askedWho  = "whoami"
	askedSync = "sync"
)

// filter keeps out of an answer what is not read here.
const filter = `{"presence":{"types":[]},"account_data":{"types":[]},"room":{"ephemeral":{"types":[]},"account_data":{"types":[]},` +
	`"state":{"types":["m.room.member"],"lazy_load_members":true},"timeline":{"limit":50,"types":["m.room.message","m.room.encrypted","m.reaction"]}}}`

// cursor is what polling knows from one poll to the next.
type cursor struct {
	User  string   `json:"user,omitempty"`
	Since string   `json:"since,omitempty"` // everything before it was told
	Told  []string `json:"told,omitempty"`  // of what comes after it
	Asked string   `json:"asked,omitempty"`
	Fails int      `json:"fails,omitempty"` // in a row
}

// poll reads the answer to the last request and says what to ask next. After a
// start it asks whose the token is: a wrong one is found at once, and another
// account does not go on from a place in this one's history.
func poll(ctx context.Context, h *sdk.Host, in channel.Poll) (channel.Polled, error) {
	a, err := newAccount(h)
	if err != nil {
		return channel.Polled{}, err
	}
	var c cursor
	if len(in.Cursor) > 0 && json.Unmarshal(in.Cursor, &c) != nil {
		c = cursor{}
	}
	if in.Error != nil {
		return a.trouble(c, in.Error)
	}
	if len(in.Answer) == 0 || c.Asked == "" {
		c.Asked = askedWho
		return a.next(c, nil, channel.Wait{})
	}
	resp, err := sdk.ReadAnswer(in.Answer)
	if err != nil {
		return a.trouble(c, err)
	}
	if c.Asked == askedWho {
		return a.known(c, resp)
	}
	var s synced
	body, err := read(resp, &s)
	if err != nil {
		return a.trouble(c, err)
	}
	if s.Next == "" || len(s.Next) > 2000 {
		return a.trouble(c, nonsense(resp.Status, "it has no next_batch"))
	}
	return a.take(ctx, c, s, body)
}

func (a account) known(c cursor, resp *sdk.Response) (channel.Polled, error) {
	var who struct {
		User string `json:"user_id"`
	}
	if _, err := read(resp, &who); err != nil {
		return a.trouble(c, err)
	}
	if who.User == "" || len(who.User) > 255 {
		return a.trouble(c, nonsense(resp.Status, "it names no user"))
	}
	if c.User != who.User {
		c = cursor{User: who.User}
	}
	c.Asked, c.Fails = askedSync, 0
	return a.next(c, nil, channel.Wait{})
}

// take tells what an answer brought. The first answer of all only says where
// to begin: what was written before is history.
func (a account) take(ctx context.Context, c cursor, s synced, body []byte) (channel.Polled, error) {
	if err := a.join(ctx, c.User, s); err != nil {
		return a.trouble(c, err)
	}
	if c.Since == "" {
		c.Since, c.Fails = s.Next, 0
		return a.next(c, nil, channel.Wait{})
	}
	events, rest, err := a.events(ctx, c, s)
	if err != nil {
		return a.trouble(c, err) // nothing is told, all comes again
	}
	w := channel.Wait{}
	c.Fails = 0
	switch {
	case rest && len(c.Told)+len(events) <= maxTold:
		for _, e := range events {
			c.Told = append(c.Told, e.ID)
		}
		return a.next(c, events, w)
	case s.quiet() && s.Next == c.Since:
		w.Idle = string(body) // word for word what it says when nothing happens
	}
	c.Since, c.Told = s.Next, nil
	return a.next(c, events, w)
}

// next asks for what the cursor stands at.
func (a account) next(c cursor, events []channel.Event, w channel.Wait) (channel.Polled, error) {
	path, query, timeout := client+"/account/whoami", url.Values(nil), patience
	if c.Asked == askedSync {
		path, query = client+"/sync", url.Values{"filter": {filter}, "timeout": {"0"}}
		if c.Since != "" {
			query.Set("since", c.Since)
			query.Set("set_presence", "offline")
		}
		if c.Since != "" && len(c.Told) == 0 && c.Fails == 0 { // whether all is well again is not worth a wait
			query.Set("timeout", strconv.Itoa(longPoll*1000))
			timeout = (longPoll + 15) * time.Second
		}
	}
	return incoming.Next(c, events, a.request("GET", path, query, timeout), w)
}

// trouble asks the same again, later each time, and says what is wrong unless
// it is the first failure and may pass by itself.
func (a account) trouble(c cursor, err error) (channel.Polled, error) {
	if c.Asked == "" {
		c.Asked = askedWho
	}
	c.Fails = min(max(c.Fails, 0)+1, 100)
	said, lasting := a.explain(err)
	var asked time.Duration
	if f, ok := errors.AsType[*failure](err); ok {
		asked = f.wait
	}
	return a.next(c, nil, incoming.Later(c.Fails, asked, said, lasting))
}

// passing turns a failure within a poll into none where it is for good.
func passing(err error) error {
	if refused(err) || err != nil && protocol.CodeOf(err) == protocol.Limit {
		return nil
	}
	return err
}
