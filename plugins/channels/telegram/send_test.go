package main

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/ambithost/ambit/plugins/channels/channeltest"
	"github.com/ambithost/ambit/plugins/channels/telegram/telegramtest"
	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/protocol"
)

// greeted is a server at which Ann has started a chat, so that she can be
// written to.
func greeted(t *testing.T) (*telegramtest.Server, *channeltest.Loop) {
	t.Helper()
	s, l := begin(t)
	s.Write(ann, "/start")
	l.Until(t, func() bool { return len(l.Events) == 1 })
	return s, l
}

func must(t *testing.T, l *channeltest.Loop, in channel.Send) string {
	t.Helper()
	sent, err := l.Send(t, in)
	if err != nil {
		t.Fatal(err)
	}
	return sent.Ref
}

func TestSend(t *testing.T) {
	t.Parallel()
	s, l := greeted(t)
	must(t, l, channel.Send{Chat: "111", Text: "👍 **bold *both*** `a_b` [here](https://example.org) *open\n```go\nx := 1\n```"})
	must(t, l, channel.Send{Chat: "111", Text: "<b>no html</b> & _no"})
	list := s.Messages()
	if list[0].Text != "👍 bold both a_b here *open\nx := 1" {
		t.Errorf("%q", list[0].Text)
	}
	if got := list[0].Marked(); !slices.Equal(got, []string{"bold:bold both", "italic:both", "code:a_b", "text_link:here", "pre:x := 1"}) {
		t.Errorf("%q", got)
	}
	if list[1].Text != "<b>no html</b> & _no" || list[1].Entities != nil {
		t.Errorf("%+v", list[1])
	}
	if !strings.Contains(list[0].Preview, `"is_disabled":true`) {
		t.Errorf("previews: %q", list[0].Preview)
	}
}

func TestLongText(t *testing.T) {
	t.Parallel()
	s, l := greeted(t)
	paragraph := "**" + strings.Repeat("wörd 𝕏 ", 150) + "end** " + strings.Repeat("plain ", 100)
	ref := must(t, l, channel.Send{Chat: "111", Text: strings.Repeat(paragraph+"\n\n", 12), Question: &channel.Question{Approval: 1, Digest: digest}})
	list := s.Messages()
	if len(list) < 4 {
		t.Fatalf("%d messages", len(list))
	}
	for i, m := range list {
		if n := len(utf16.Encode([]rune(m.Text))); n > 4096 || (m.Keyboard != nil) != (i == len(list)-1) || m.Marked() == nil {
			t.Errorf("part %d: %d units, buttons %v", i, n, m.Keyboard)
		}
		if !strings.HasSuffix(m.Text, "plain") {
			t.Errorf("part %d ends in %q", i, m.Text[len(m.Text)-20:])
		}
	}
	if ref == "" {
		t.Error("no ref")
	}
}

const digest = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

func TestQuestion(t *testing.T) {
	t.Parallel()
	s, l := greeted(t)
	q := &channel.Question{Approval: 1<<62 + 7, Digest: digest, Expires: time.Now()}
	must(t, l, channel.Send{Chat: "111", Text: "Charge **5 USD**?", Question: q})
	id := s.Messages()[0].ID
	for i, c := range []struct {
		text    string
		approve bool
	}{{"Approve", true}, {"Deny", false}} {
		if err := s.Press(ann, id, c.text); err != nil {
			t.Fatal(err)
		}
		l.Until(t, func() bool { return len(l.Events) == 2+i })
		e := l.Events[1+i]
		if e.Reply == nil || *e.Reply != (channel.Reply{Approval: q.Approval, Digest: digest, Approve: c.approve}) || e.From.ID != "111" || !e.Chat.Direct || e.Text != "" {
			t.Errorf("%+v %+v", e, e.Reply)
		}
	}
	if texts, busy := s.Answered(); len(texts) != 2 || busy != 0 {
		t.Errorf("answered %q, %d busy", texts, busy)
	}
}

// TestForgedButtons: data that no button of ours had is no answer.
func TestForgedButtons(t *testing.T) {
	t.Parallel()
	s, l := greeted(t)
	k, err := buttons(&channel.Question{Approval: 7, Digest: digest})
	if err != nil {
		t.Fatal(err)
	}
	good := k.Rows[0][0].Data
	if len(good) > 64 {
		t.Errorf("%d bytes of data", len(good))
	}
	for _, data := range []string{"", "a", good[:54], good + "A", good + "=", "Z" + good[1:], good[:54] + "B", strings.Repeat("A", 55), "\n" + good} {
		if r, ok := answered(data); ok && data != good {
			t.Errorf("%q reads as %+v", data, r)
		}
		s.PressData(ann, 1, data)
	}
	s.PressData(bob, 1, good) // Bob is another person in another chat: the host sees that
	s.Write(ann, "end")
	l.Until(t, func() bool { return len(l.Events) >= 3 })
	if e := l.Events[1]; e.Reply == nil || e.From.ID != "222" || e.Chat.ID != "222" {
		t.Errorf("%+v", e)
	}
	for _, q := range []channel.Question{{Approval: 0, Digest: digest}, {Approval: -1, Digest: digest}, {Approval: 1, Digest: "00"}, {Approval: 1, Digest: digest + "00"}} {
		if _, err := l.Send(t, channel.Send{Chat: "111", Text: "x", Question: &q}); protocol.CodeOf(err) != protocol.Invalid {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// TestPressCountsThoughItCantBeConfirmed: Telegram forgets a query after a
// while; the press is still the person's.
func TestPressCountsThoughItCantBeConfirmed(t *testing.T) {
	t.Parallel()
	s, l := greeted(t)
	must(t, l, channel.Send{Chat: "111", Text: "May I?", Question: &channel.Question{Approval: 3, Digest: digest}})
	s.Fail("answerCallbackQuery", 400, "Bad Request: query is too old", 1)
	if err := s.Press(ann, s.Messages()[0].ID, "Deny"); err != nil {
		t.Fatal(err)
	}
	l.Until(t, func() bool { return len(l.Events) == 2 })
}

func TestReplace(t *testing.T) {
	t.Parallel()
	s, l := greeted(t)
	ref := must(t, l, channel.Send{Chat: "111", Text: "May I?", Question: &channel.Question{Approval: 3, Digest: digest}})
	again := must(t, l, channel.Send{Chat: "111", Text: "*Approved.*", Replace: ref})
	must(t, l, channel.Send{Chat: "111", Text: "*Approved.*", Replace: ref}) // is not modified
	list := s.Messages()
	if len(list) != 1 || list[0].Text != "Approved." || list[0].Keyboard != nil || list[0].Edits != 1 || again != ref {
		t.Errorf("%+v, ref %s and %s", list, ref, again)
	}
	if _, err := l.Send(t, channel.Send{Chat: "111", Text: "x", Replace: "9999"}); protocol.CodeOf(err) != protocol.NotFound {
		t.Error(err)
	}
	if _, err := l.Send(t, channel.Send{Chat: "111", Text: "x", Replace: "nothing"}); protocol.CodeOf(err) != protocol.Invalid {
		t.Error(err)
	}
}

func TestWorking(t *testing.T) {
	t.Parallel()
	s, l := greeted(t)
	must(t, l, channel.Send{Chat: "111", Working: true})
	if len(s.Actions()) != 1 || len(s.Messages()) != 0 {
		t.Errorf("%v %v", s.Actions(), s.Messages())
	}
}

// TestSendErrors: the code tells a host whether it may try again.
func TestSendErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		make func(*telegramtest.Server)
		in   channel.Send
		code protocol.Code
		says string
		sent int
	}{
		"limit":        {func(s *telegramtest.Server) { s.Limit("sendMessage", 9, 1) }, channel.Send{Chat: "111", Text: "x"}, protocol.Limit, "wait 9 s", 0},
		"dropped":      {func(s *telegramtest.Server) { s.Drop("sendMessage", 1) }, channel.Send{Chat: "111", Text: "x"}, protocol.Unknown, "", 1},
		"not there":    {func(s *telegramtest.Server) { s.Close() }, channel.Send{Chat: "111", Text: "x"}, protocol.Unavailable, "", 0},
		"server fault": {func(s *telegramtest.Server) { s.Fail("sendMessage", 502, "Bad Gateway", 1) }, channel.Send{Chat: "111", Text: "x"}, protocol.Unknown, "502", 0},
		"blocked":      {func(s *telegramtest.Server) { s.Block(ann, true) }, channel.Send{Chat: "111", Text: "x"}, protocol.NotFound, "blocked", 0},
		"unknown chat": {nil, channel.Send{Chat: "99", Text: "x"}, protocol.NotFound, "chat not found", 0},
		"no chat":      {nil, channel.Send{Chat: "@ann", Text: "x"}, protocol.NotFound, "no private chat", 0},
		"a group":      {nil, channel.Send{Chat: "-100", Text: "x"}, protocol.NotFound, "no private chat", 0},
		"nothing":      {nil, channel.Send{Chat: "111", Text: " \n"}, protocol.Invalid, "", 0},
		"no end":       {nil, channel.Send{Chat: "111", Text: strings.Repeat("word ", 20000)}, protocol.Invalid, "messages", 0},
		"second part":  {func(s *telegramtest.Server) { s.Limit("sendMessage", 0, 0) }, channel.Send{Chat: "111", Text: strings.Repeat("word ", 1200), Replace: "77777"}, protocol.NotFound, "", 0},
		"wrong token":  {func(s *telegramtest.Server) { s.Revoke("1:another-token") }, channel.Send{Chat: "111", Text: "x"}, protocol.Unavailable, "token", 0},
		"no entities":  {func(s *telegramtest.Server) { s.Fail("sendMessage", 400, "Bad Request: can't parse entities", 1) }, channel.Send{Chat: "111", Text: "**x**"}, "", "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, l := greeted(t)
			if c.make != nil {
				c.make(s)
			}
			_, err := l.Send(t, c.in)
			var e *protocol.Error
			if c.code == "" && err == nil {
				e = &protocol.Error{}
			} else if !errors.As(err, &e) {
				t.Fatalf("%v", err)
			}
			if e.Code != c.code || !strings.Contains(e.Message, c.says) || strings.Contains(e.Message, "AAF-test") {
				t.Errorf("%s: %s", e.Code, e.Message)
			}
			if n := len(s.Messages()); n != c.sent {
				t.Errorf("%d messages were sent", n)
			}
		})
	}
}

// TestLaterParts: a text that is half out is brought to its end through a rate
// limit; where that fails, nobody takes it for unsent.
func TestLaterParts(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("word ", 1200)
	s, l := greeted(t)
	first := telegramFault(s, func() { s.Limit("sendMessage", 1, 1) })
	l.Plugin = first(l)
	must(t, l, channel.Send{Chat: "111", Text: long})
	if n := len(s.Messages()); n != 2 {
		t.Errorf("%d messages", n)
	}
	for name, fail := range map[string]func(*telegramtest.Server){
		"long wait": func(s *telegramtest.Server) { s.Limit("sendMessage", 600, 1) },
		"closed":    func(s *telegramtest.Server) { s.Close() },
		"dropped":   func(s *telegramtest.Server) { s.Drop("sendMessage", 1) },
	} {
		s, l := greeted(t)
		l.Plugin = telegramFault(s, func() { fail(s) })(l)
		if _, err := l.Send(t, channel.Send{Chat: "111", Text: long}); protocol.CodeOf(err) != protocol.Unknown || !strings.Contains(err.Error(), "1 of 2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEntities(t *testing.T) {
	t.Parallel()
	list, err := messages(1, channel.Send{Text: strings.Repeat("**a** ", 300)})
	if err != nil || len(list) != 1 || len(list[0].Entities) != maxEntities {
		t.Errorf("%v %v", list, err)
	}
	b, err := json.Marshal(list[0])
	if err != nil || strings.Contains(string(b), "parse_mode") {
		t.Error("there must be no parse_mode")
	}
}
