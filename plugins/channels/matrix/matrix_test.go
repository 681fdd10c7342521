package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ambithost/ambit/plugins/channels/channeltest"
	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/protocol"
)

const digest = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

// begin is a bot that polls, and Ann in a direct chat with it.
func begin(t *testing.T) (bot, ann person, room string, l *channeltest.Loop) {
	t.Helper()
	d := server(t)
	bot, ann = d.person(t, "bot"), d.person(t, "ann")
	l = connect(bot)
	l.Until(t, func() bool { return at0(l).Since != "" })
	room = ann.room(true, bot)
	ann.say(room, text("hello"))
	l.Until(t, func() bool { return len(l.Events) == 1 })
	return bot, ann, room, l
}

func at0(l *channeltest.Loop) (c cursor) {
	_ = json.Unmarshal(l.Cursor, &c)
	return c
}

func texts(l *channeltest.Loop) (list []string) {
	for _, e := range l.Events {
		list = append(list, e.Text)
	}
	return list
}

// TestInvitation: the bot joins a direct chat and finds what was written before
// it did.
func TestInvitation(t *testing.T) {
	t.Parallel()
	_, ann, room, l := begin(t)
	e := l.Events[0]
	if e.Text != "hello" || e.Chat != (channel.Chat{ID: room, Direct: true}) || e.From.ID != ann.id || e.From.Name == "" || e.At.IsZero() || e.ID == "" {
		t.Errorf("%+v", e)
	}
	if l.Trouble != "" {
		t.Error(l.Trouble)
	}
}

// TestBurst writes more than one answer of the server holds, while the host is
// cut off now and then.
func TestBurst(t *testing.T) {
	t.Parallel()
	_, ann, room, l := begin(t)
	want := []string{"hello"}
	for i := range 130 {
		s := fmt.Sprint("message ", i)
		want = append(want, s)
		ann.say(room, text(s))
	}
	begun := l.Rounds
	l.Cut = func(round int) bool { return round < begun+6 && round%2 == 0 }
	l.Until(t, func() bool { return len(l.Events) >= len(want) })
	if got := texts(l); !slices.Equal(got, want) {
		t.Errorf("%d events: %q", len(got), got)
	}
}

// TestOnlyDirectChats: a third who joins ends it, and invitations to other
// rooms stay open.
func TestOnlyDirectChats(t *testing.T) {
	t.Parallel()
	bot, ann, room, l := begin(t)
	eve := ann.d.person(t, "eve")
	other := ann.room(false, bot)
	ann.say(other, text("in a group"))
	ann.do("POST", escape("rooms", room, "invite"), map[string]string{"user_id": eve.id})
	eve.join(room)
	eve.say(room, text("now there are three"))
	if _, err := l.Send(t, channel.Send{Chat: room, Text: "private"}); protocol.CodeOf(err) != protocol.Invalid || !strings.Contains(err.Error(), "3 have joined") {
		t.Error(err)
	}
	// A second direct chat shows that the first was passed over.
	second := ann.room(true, bot)
	ann.say(second, text("again"))
	l.Until(t, func() bool { return len(l.Events) >= 2 })
	if got := texts(l); !slices.Equal(got, []string{"hello", "again"}) {
		t.Errorf("%q", got)
	}
	for _, e := range ann.messages(other) {
		if e.Sender == bot.id {
			t.Errorf("the bot is in the other room: %s", e.Content)
		}
	}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	_, ann, room, l := begin(t)
	data := bytes.Repeat([]byte{1, 2, 0xff}, 1000)
	uri := ann.upload("image/png", data)
	first := ann.say(room, text("one"))
	ann.say(room, map[string]any{"msgtype": "m.text", "body": "* edited", "m.relates_to": map[string]string{"rel_type": "m.replace", "event_id": first}, "m.new_content": text("edited")})
	ann.say(room, map[string]any{"msgtype": "m.notice", "body": "from a bot"})
	ann.say(room, map[string]any{"msgtype": "m.image", "body": "look", "filename": "../a.png", "url": uri, "info": map[string]any{"size": len(data), "mimetype": "image/png"}})
	ann.say(room, map[string]any{"msgtype": "m.file", "body": "gone.txt", "url": "mxc://localhost/nothing"})
	ann.say(room, map[string]any{"msgtype": "m.file", "body": "big.bin", "url": uri, "info": map[string]any{"size": 6 << 20}})
	ann.say(room, map[string]any{"msgtype": "m.audio", "body": "x", "url": uri})
	ann.event(room, "m.room.encrypted", map[string]string{"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "x"})
	ann.say(room, text("end"))
	l.Until(t, func() bool { return slices.Contains(texts(l), "end") })
	got := texts(l)[1:]
	for i, want := range []string{"one", "look", "[gone.txt was not fetched", "[big.bin was not fetched: it is larger", "[a message of type m.audio", "[an encrypted message", "end"} {
		if i >= len(got) || !strings.HasPrefix(got[i], want) {
			t.Fatalf("%q, want %q", got, want)
		}
	}
	if f := l.Events[2].Files; len(f) != 1 || f[0].Name != "a.png" || f[0].Type != "image/png" || !bytes.Equal(f[0].Data, data) {
		t.Errorf("%.100v", f)
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	bot, ann, room, l := begin(t)
	in := channel.Send{Chat: room, Text: "**bold** <b> & `code`", Key: "k1"}
	var refs []string
	for range 3 { // the same message, tried again
		sent, err := l.Send(t, in)
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, sent.Ref)
	}
	if refs[0] != refs[1] || refs[1] != refs[2] || refs[0] == "" {
		t.Errorf("refs %q", refs)
	}
	if _, err := l.Send(t, channel.Send{Chat: room, Text: "*new*", Replace: refs[0]}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Send(t, channel.Send{Chat: room, Working: true}); err != nil {
		t.Error(err)
	}
	var mine []outgoing
	for _, e := range ann.messages(room) {
		var m outgoing
		if e.Sender == bot.id && e.Type == "m.room.message" && json.Unmarshal(e.Content, &m) == nil {
			mine = append(mine, m)
		}
	}
	if len(mine) != 2 || mine[1].Body != "bold <b> & code" || mine[1].HTML != "<strong>bold</strong> &lt;b&gt; &amp; <code>code</code>" || mine[0].Relates.Event != refs[0] || mine[0].New.Body != "new" {
		t.Errorf("%+v", mine)
	}
	for chat, code := range map[string]protocol.Code{"!nothing:localhost": protocol.NotFound, "@ann:localhost": protocol.NotFound, "": protocol.NotFound, "!../../x": protocol.NotFound} {
		if _, err := l.Send(t, channel.Send{Chat: chat, Text: "x"}); protocol.CodeOf(err) != code && protocol.CodeOf(err) != protocol.Invalid {
			t.Errorf("%q: %v", chat, err)
		}
	}
}

// TestQuestion: a reaction answers; one to another's copy of the question, or
// by the bot itself, does not.
func TestQuestion(t *testing.T) {
	t.Parallel()
	_, ann, room, l := begin(t)
	q := &channel.Question{Approval: 1<<60 + 1, Digest: digest}
	sent, err := l.Send(t, channel.Send{Chat: room, Text: "Charge **5 USD**?", Question: q})
	if err != nil {
		t.Fatal(err)
	}
	forged := ann.say(room, map[string]any{"msgtype": "m.text", "body": "x", "ambit.question": question{"7", digest}})
	ann.react(room, forged, approveKey)
	ann.react(room, sent.Ref, "👍")
	ann.react(room, sent.Ref, denyKey)
	ann.react(room, sent.Ref, approveKey)
	l.Until(t, func() bool { return len(l.Events) >= 4 })
	var got []channel.Reply
	for _, e := range l.Events {
		if e.Reply != nil {
			got = append(got, *e.Reply)
		}
	}
	want := []channel.Reply{{Approval: q.Approval, Digest: digest}, {Approval: q.Approval, Digest: digest, Approve: true}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestWrongToken(t *testing.T) {
	t.Parallel()
	d := server(t)
	l := connect(person{d: d, token: "not-one-of-any-account"})
	l.Until(t, func() bool { return l.Trouble != "" })
	if !strings.Contains(l.Trouble, "ambit secret set MATRIX_TOKEN") || strings.Contains(l.Trouble, "not-one-of") || l.Next.After < 15000 {
		t.Errorf("%+v", l.Next)
	}
	if _, err := l.Send(t, channel.Send{Chat: "!x:localhost", Text: "x"}); protocol.CodeOf(err) != protocol.Unavailable {
		t.Error(err)
	}
}

// TestAnotherAccount does not go on from a place in this one's history.
func TestAnotherAccount(t *testing.T) {
	t.Parallel()
	bot, ann, _, l := begin(t)
	next := bot.d.person(t, "next")
	l.Secrets["MATRIX_TOKEN"] = next.token
	l.Restart()
	was := at0(l)
	l.Until(t, func() bool { return at0(l).User == next.id && at0(l).Since != "" })
	room := ann.room(true, next)
	ann.say(room, text("to the next"))
	l.Until(t, func() bool { return len(l.Events) == 2 })
	if was.User != bot.id {
		t.Errorf("%+v", was)
	}
}

// TestIdle: an answer that says nothing is learned word for word, and the
// plugin sleeps on.
func TestIdle(t *testing.T) {
	t.Parallel()
	_, _, _, l := begin(t)
	was := l.Cursor
	l.Next.Request = bytes.Replace(l.Next.Request, []byte("timeout=50000"), []byte("timeout=1"), 1)
	for range 5 {
		if l.Round(t.Context(), t); l.Next.Idle != "" {
			break
		}
		l.Next.Request = bytes.Replace(l.Next.Request, []byte("timeout=50000"), []byte("timeout=1"), 1)
	}
	if !strings.Contains(l.Next.Idle, `"next_batch"`) {
		t.Errorf("idle %q after %s", l.Next.Idle, was)
	}
}
