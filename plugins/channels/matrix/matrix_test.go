package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ambithost/ambit/plugins/channels/channeltest"
	"github.com/ambithost/ambit/plugins/channels/matrix/matrixtest"
	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/protocol"
)

const digest = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

// begin is a bot that polls, and Ann in a direct chat with it.
func begin(t *testing.T) (s *matrixtest.Server, bot, ann matrixtest.Person, room string, l *channeltest.Loop) {
	t.Helper()
	s = matrixtest.Start(t)
	bot, ann = s.Person(t, "bot"), s.Person(t, "ann")
	l = connect(s, bot.Token)
	l.Until(t, func() bool { return at0(l).Since != "" })
	room = ann.Room(true, bot)
	ann.Say(room, matrixtest.Text("hello"))
	l.Until(t, func() bool { return len(l.Events) == 1 })
	return s, bot, ann, room, l
}

// connect is the plugin with the account that a token is of.
func connect(s *matrixtest.Server, token string) *channeltest.Loop {
	return channeltest.New(matrix(), map[string]string{"base_url": s.URL}, map[string]string{"MATRIX_TOKEN": token})
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
	_, _, ann, room, l := begin(t)
	e := l.Events[0]
	if e.Text != "hello" || e.Chat != (channel.Chat{ID: room, Direct: true}) || e.From.ID != ann.ID || e.From.Name == "" || e.At.IsZero() || e.ID == "" {
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
	_, _, ann, room, l := begin(t)
	want := []string{"hello"}
	for i := range 130 {
		s := fmt.Sprint("message ", i)
		want = append(want, s)
		ann.Say(room, matrixtest.Text(s))
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
	s, bot, ann, room, l := begin(t)
	eve := s.Person(t, "eve")
	other := ann.Room(false, bot)
	ann.Say(other, matrixtest.Text("in a group"))
	ann.Invite(room, eve)
	eve.Join(room)
	eve.Say(room, matrixtest.Text("now there are three"))
	if _, err := l.Send(t, channel.Send{Chat: room, Text: "private"}); protocol.CodeOf(err) != protocol.Invalid || !strings.Contains(err.Error(), "3 have joined") {
		t.Error(err)
	}
	// A second direct chat shows that the first was passed over.
	second := ann.Room(true, bot)
	ann.Say(second, matrixtest.Text("again"))
	l.Until(t, func() bool { return len(l.Events) >= 2 })
	if got := texts(l); !slices.Equal(got, []string{"hello", "again"}) {
		t.Errorf("%q", got)
	}
	for _, e := range ann.Messages(other) {
		if e.Sender == bot.ID {
			t.Errorf("the bot is in the other room: %s", e.Content)
		}
	}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	_, _, ann, room, l := begin(t)
	data := bytes.Repeat([]byte{1, 2, 0xff}, 1000)
	uri := ann.Upload("image/png", data)
	first := ann.Say(room, matrixtest.Text("one"))
	ann.Say(room, map[string]any{"msgtype": "m.text", "body": "* edited", "m.relates_to": map[string]string{"rel_type": "m.replace", "event_id": first}, "m.new_content": matrixtest.Text("edited")})
	ann.Say(room, map[string]any{"msgtype": "m.notice", "body": "from a bot"})
	ann.Say(room, map[string]any{"msgtype": "m.image", "body": "look", "filename": "../a.png", "url": uri, "info": map[string]any{"size": len(data), "mimetype": "image/png"}})
	ann.Say(room, map[string]any{"msgtype": "m.file", "body": "gone.txt", "url": "mxc://localhost/nothing"})
	ann.Say(room, map[string]any{"msgtype": "m.file", "body": "big.bin", "url": uri, "info": map[string]any{"size": 6 << 20}})
	ann.Say(room, map[string]any{"msgtype": "m.audio", "body": "x", "url": uri})
	ann.Put(room, "m.room.encrypted", map[string]string{"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "x"})
	ann.Say(room, matrixtest.Text("end"))
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
	_, bot, ann, room, l := begin(t)
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
	for _, e := range ann.Messages(room) {
		var m outgoing
		if e.Sender == bot.ID && e.Type == "m.room.message" && json.Unmarshal(e.Content, &m) == nil {
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
	_, _, ann, room, l := begin(t)
	q := &channel.Question{Approval: 1<<60 + 1, Digest: digest}
	sent, err := l.Send(t, channel.Send{Chat: room, Text: "Charge **5 USD**?", Question: q})
	if err != nil {
		t.Fatal(err)
	}
	forged := ann.Say(room, map[string]any{"msgtype": "m.text", "body": "x", "ambit.question": question{"7", digest}})
	ann.React(room, forged, approveKey)
	ann.React(room, sent.Ref, "👍")
	ann.React(room, sent.Ref, denyKey)
	ann.React(room, sent.Ref, approveKey)
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
	l := connect(matrixtest.Start(t), "not-one-of-any-account")
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
	s, bot, ann, _, l := begin(t)
	next := s.Person(t, "next")
	l.Secrets["MATRIX_TOKEN"] = next.Token
	l.Restart()
	was := at0(l)
	l.Until(t, func() bool { return at0(l).User == next.ID && at0(l).Since != "" })
	room := ann.Room(true, next)
	ann.Say(room, matrixtest.Text("to the next"))
	l.Until(t, func() bool { return len(l.Events) == 2 })
	if was.User != bot.ID {
		t.Errorf("%+v", was)
	}
}

// TestIdle: an answer that says nothing is learned word for word, and the
// plugin sleeps on.
func TestIdle(t *testing.T) {
	t.Parallel()
	_, _, _, _, l := begin(t)
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
