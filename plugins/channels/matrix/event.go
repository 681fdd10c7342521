package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/ambithost/ambit/plugins/channels/incoming"
	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/protocol"
)

// maxFiles is how many bytes of files one poll brings at most; what a call
// gives back has a limit of 16 MiB, and base64 takes a third more.
const maxFiles = 8 << 20

// content is that of a message or a reaction.
type content struct {
	Type     string `json:"msgtype"`
	Body     string `json:"body"`
	FileName string `json:"filename"`
	URL      string `json:"url"`
	Info     struct {
		Size int64  `json:"size"`
		Type string `json:"mimetype"`
	} `json:"info"`
	Relates struct {
		Type  string `json:"rel_type"`
		Event string `json:"event_id"`
		Key   string `json:"key"`
	} `json:"m.relates_to"`
	Question *question `json:"ambit.question"`
}

// question stands in a message of ours that asks for an approval. Numbers are
// text: Matrix keeps none above 2^53.
type question struct {
	Approval string `json:"approval"`
	Digest   string `json:"digest"`
}

func (e event) content() (c content, ok bool) {
	return c, json.Unmarshal(e.Content, &c) == nil
}

// size is how many bytes of files the event will bring.
func (e event) size() int64 {
	c, ok := e.content()
	if !ok || e.Type != "m.room.message" || c.URL == "" || c.Info.Size > channel.MaxFile {
		return 0
	}
	return max(c.Info.Size, 1)
}

// event is what an event tells a host; ok is false where it tells nothing. An
// error is one that may pass.
func (a account) event(ctx context.Context, user string, e event, room *int64) (out channel.Event, ok bool, err error) {
	out = channel.Event{ID: e.ID, Chat: channel.Chat{ID: e.room, Direct: true}, From: channel.Person{ID: e.Sender}, At: at(e.At)}
	c, ok := e.content()
	switch {
	case !ok || e.StateKey != nil:
		return out, false, nil
	case e.Type == "m.room.encrypted":
		out.Text = "[an encrypted message, which this channel can't read: write in a room without encryption]"
		return out, true, nil
	case e.Type == "m.reaction":
		out.Reply, err = a.reply(ctx, user, e.room, c)
		return out, out.Reply != nil, err
	case e.Type != "m.room.message" || c.Relates.Type == "m.replace":
		return out, false, nil
	}
	switch c.Type {
	case "m.text", "m.emote":
		out.Text = incoming.Clip(c.Body, channel.MaxText)
	case "m.image", "m.file":
		file, why, err := a.fetch(ctx, c, room)
		if err != nil {
			return out, false, err
		}
		if why == "" {
			out.Files = []channel.File{file}
		}
		caption := ""
		if c.FileName != "" && c.FileName != c.Body {
			caption = c.Body
		}
		out.Text = incoming.Clip(incoming.Lines(caption, why), channel.MaxText)
	case "m.audio", "m.video", "m.location":
		out.Text = "[a message of type " + c.Type + ", which this channel can't read]"
	}
	return out, out.Text != "" || len(out.Files) > 0, nil
}

// reply reads a reaction to one of our questions. What was asked is read from
// the server, and only a message of the account's own asks anything.
func (a account) reply(ctx context.Context, user, room string, c content) (*channel.Reply, error) {
	key := strings.TrimSuffix(c.Relates.Key, "\ufe0f")
	if c.Relates.Type != "m.annotation" || key != approveKey && key != denyKey {
		return nil, nil
	}
	var asked event
	if err := a.get(ctx, escape("rooms", room, "event", c.Relates.Event), nil, &asked); err != nil {
		return nil, passing(err)
	}
	q, ok := asked.content()
	if !ok || asked.Sender != user || asked.Type != "m.room.message" || q.Question == nil {
		return nil, nil
	}
	n, err := strconv.ParseInt(q.Question.Approval, 10, 64)
	digest, bad := hex.DecodeString(q.Question.Digest)
	if err != nil || n <= 0 || bad != nil || len(digest) != 32 {
		return nil, nil
	}
	return &channel.Reply{Approval: n, Digest: q.Question.Digest, Approve: key == approveKey}, nil
}

// fetch brings a file, or says why not: a message is worth more than the file
// that came with it.
func (a account) fetch(ctx context.Context, c content, room *int64) (file channel.File, why string, err error) {
	name := c.FileName
	if name == "" {
		name = c.Body
	}
	name = incoming.FileName(name)
	no := func(reason string) (channel.File, string, error) {
		return channel.File{}, "[" + name + " was not fetched: " + reason + "]", nil
	}
	rest, ok := strings.CutPrefix(c.URL, "mxc://")
	server, id, both := strings.Cut(rest, "/")
	if !ok || !both || server == "" || id == "" || strings.Contains(id, "/") {
		return no("it is encrypted, or has no address")
	}
	if c.Info.Size > channel.MaxFile {
		return no("it is larger than the 5 MB that this channel brings")
	}
	data, err := a.download(ctx, "/_matrix/client/v1/media/download/", server, id)
	if f, isFailure := err.(*failure); isFailure && f.status == 404 { //nolint:errorlint // download does not wrap
		data, err = a.download(ctx, "/_matrix/media/v3/download/", server, id) // before Matrix 1.11
	}
	if err != nil {
		return no(incoming.Line(err.Error()))
	}
	*room -= int64(len(data))
	return channel.File{Name: name, Type: incoming.MediaType(c.Info.Type), Data: data}, "", nil
}

func (a account) download(ctx context.Context, path, server, id string) ([]byte, error) {
	if strings.Trim(server, ".") == "" || strings.Trim(id, ".") == "" {
		return nil, protocol.Errorf(protocol.Failed, "its address is malformed")
	}
	r := a.request("GET", path+url.PathEscape(server)+"/"+url.PathEscape(id), nil, patience)
	r.Stream = true
	resp, err := a.h.HTTP(ctx, r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.Status != 200 {
		return nil, &failure{status: resp.Status, said: "the download failed"}
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, channel.MaxFile+1))
	if err == nil && len(data) > channel.MaxFile {
		err = protocol.Errorf(protocol.Limit, "it is larger than the 5 MB that this channel brings")
	}
	return data, err
}
