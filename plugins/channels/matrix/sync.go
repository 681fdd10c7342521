package main

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"time"

	"github.com/ambithost/ambit/plugins/channels/incoming"
	"github.com/ambithost/ambit/sdk/channel"
)

const (
	maxRooms = 200 // of one answer
	maxJoins = 5   // of one poll
	maxPages = 4   // of what an answer left out
)

// The parts of Matrix's objects that are used.
type (
	synced struct {
		Next  string `json:"next_batch"`
		Rooms struct {
			Join   map[string]joined  `json:"join"`
			Invite map[string]invited `json:"invite"`
		} `json:"rooms"`
	}
	joined struct {
		State    struct{ Events []event } `json:"state"`
		Timeline struct {
			Events  []event `json:"events"`
			Limited bool    `json:"limited"`
			Prev    string  `json:"prev_batch"`
		} `json:"timeline"`
	}
	invited struct {
		State struct{ Events []event } `json:"invite_state"`
	}
	event struct {
		Type     string          `json:"type"`
		ID       string          `json:"event_id"`
		Sender   string          `json:"sender"`
		At       int64           `json:"origin_server_ts"`
		StateKey *string         `json:"state_key"`
		Content  json.RawMessage `json:"content"`
		room     string
	}
	membership struct {
		Membership string `json:"membership"`
		Direct     bool   `json:"is_direct"`
	}
)

func (s synced) quiet() bool { return len(s.Rooms.Join) == 0 && len(s.Rooms.Invite) == 0 }

// member finds what a state says about a user.
func member(events []event, user string) (m membership) {
	for _, e := range events {
		if e.Type == "m.room.member" && e.StateKey != nil && *e.StateKey == user && json.Unmarshal(e.Content, &m) != nil {
			return membership{}
		}
	}
	return m
}

// join accepts invitations to direct chats, whoever they come from: a host
// asks strangers to pair. Others stay open.
func (a account) join(ctx context.Context, user string, s synced) error {
	var rooms []string
	for room, in := range s.Rooms.Invite {
		if m := member(in.State.Events, user); m.Membership == "invite" && m.Direct && roomID(room) {
			rooms = append(rooms, room)
		}
	}
	slices.Sort(rooms)
	for _, room := range rooms[:min(len(rooms), maxJoins)] {
		if err := a.call(ctx, "POST", escape("rooms", room, "join"), struct{}{}, nil); passing(err) != nil {
			return err
		}
	}
	return nil
}

// events tells what was written in direct chats since the cursor and was not
// told yet, in order, and whether something is left for another poll.
func (a account) events(ctx context.Context, c cursor, s synced) (told []channel.Event, rest bool, err error) {
	var rooms []string
	for room := range s.Rooms.Join {
		rooms = append(rooms, room)
	}
	slices.Sort(rooms)
	var all []event
	people := map[string]string{} // by room: the other's display name
	for _, room := range rooms[:min(len(rooms), maxRooms)] {
		list, name, err := a.room(ctx, c, room, s.Rooms.Join[room])
		if err != nil {
			return nil, false, err
		}
		all, people[room] = append(all, list...), name
	}
	slices.SortStableFunc(all, func(x, y event) int { return cmp.Compare(x.At, y.At) })
	room := int64(maxFiles)
	for _, e := range all {
		if slices.Contains(c.Told, e.ID) {
			continue
		}
		if need := e.size(); len(told) == channel.MaxEvents || need > room && room < maxFiles {
			return told, true, nil
		}
		t, ok, err := a.event(ctx, c.User, e, &room)
		if err != nil {
			return nil, false, err
		}
		if t.From.Name = people[e.room]; ok {
			told = append(told, t)
		}
	}
	return told, false, nil
}

// room lists what others wrote in a room, if it is a direct chat, with what
// the answer left out because there was too much of it.
func (a account) room(ctx context.Context, c cursor, room string, j joined) (list []event, name string, err error) {
	list = j.Timeline.Events
	if !roomID(room) || len(list) == 0 && !j.Timeline.Limited {
		return nil, "", nil
	}
	name, n, err := a.other(ctx, c.User, room)
	if err != nil || n != 2 {
		return nil, "", passing(err)
	}
	if j.Timeline.Limited {
		to := c.Since
		if member(j.State.Events, c.User).Membership == "join" {
			to = "" // joined just now: what was written before counts
		}
		before, err := a.before(ctx, room, j.Timeline.Prev, to)
		if err != nil {
			return nil, "", err
		}
		list = append(before, list...)
	}
	mine := list[:0:0]
	for _, e := range list {
		if e.Sender != c.User && e.ID != "" && len(e.ID) <= channel.MaxID && len(e.Sender) <= channel.MaxID {
			e.room = room
			mine = append(mine, e)
		}
	}
	return mine, name, nil
}

// before pages back through what was left out, up to a bound.
func (a account) before(ctx context.Context, room, from, to string) ([]event, error) {
	var list []event
	for range maxPages {
		if from == "" {
			break
		}
		query := url.Values{"dir": {"b"}, "from": {from}, "limit": {"50"}, "filter": {`{"types":["m.room.message","m.room.encrypted","m.reaction"]}`}}
		if to != "" {
			query.Set("to", to)
		}
		var page struct {
			Chunk []event `json:"chunk"`
			End   string  `json:"end"`
		}
		if err := a.get(ctx, escape("rooms", room, "messages"), query, &page); err != nil {
			return list, passing(err)
		}
		slices.Reverse(page.Chunk)
		list = append(page.Chunk, list...)
		if len(page.Chunk) == 0 || page.End == from {
			break
		}
		from = page.End
	}
	return list, nil
}

// other counts who has joined a room and names the one who is not the account.
func (a account) other(ctx context.Context, user, room string) (name string, n int, err error) {
	var got struct {
		Joined map[string]struct {
			Name string `json:"display_name"`
		} `json:"joined"`
	}
	if err := a.get(ctx, escape("rooms", room, "joined_members"), nil, &got); err != nil {
		return "", 0, err
	}
	if _, in := got.Joined[user]; !in {
		return "", 0, nil
	}
	for id, m := range got.Joined {
		if id != user {
			name = incoming.Name(m.Name)
		}
	}
	return name, len(got.Joined), nil
}

func roomID(s string) bool {
	return len(s) > 1 && s[0] == '!' && len(s) <= channel.MaxID
}

func at(ms int64) time.Time {
	if ms <= 0 || ms > 1<<46 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
