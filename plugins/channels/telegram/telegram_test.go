package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/plugins/channels/channeltest"
	"github.com/ambithost/ambit/plugins/channels/telegram/telegramtest"
	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/protocol"
)

var (
	ann = telegramtest.User{ID: 111, Name: "Ann", Username: "ann_b"}
	bob = telegramtest.User{ID: 222, Name: "Bob\u202e\n"}
)

// begin connects the plugin with a server; the bot knows Ann.
func begin(t *testing.T) (*telegramtest.Server, *channeltest.Loop) {
	t.Helper()
	s := telegramtest.New(t)
	return s, connect(s)
}

func connect(s *telegramtest.Server) *channeltest.Loop {
	return channeltest.New(telegram(), map[string]string{"base_url": s.URL}, map[string]string{"TELEGRAM_TOKEN": s.Token})
}

func texts(l *channeltest.Loop) (list []string) {
	for _, e := range l.Events {
		list = append(list, e.Text)
	}
	return list
}

func TestMessagesArrive(t *testing.T) {
	t.Parallel()
	s, l := begin(t)
	s.Write(ann, "hello")
	s.Write(bob, "me too")
	l.Until(t, func() bool { return len(l.Events) == 2 })
	e := l.Events[0]
	if e.Text != "hello" || e.Chat != (channel.Chat{ID: "111", Direct: true}) || e.From != (channel.Person{ID: "111", Name: "Ann (@ann_b)"}) || e.At.IsZero() {
		t.Errorf("%+v", e)
	}
	if e := l.Events[1]; e.From.Name != "Bob" {
		t.Errorf("%+v", e)
	}
	if l.Trouble != "" {
		t.Error(l.Trouble)
	}
	// Both are confirmed by the next request, which finds nothing and waits.
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); l.Round(ctx, t) }()
	for s.Waiting() > 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	<-done
}

// TestCuts loses the host after any number of polls: before what arrived is
// stored nothing is confirmed, and what is given out again counts once.
func TestCuts(t *testing.T) {
	t.Parallel()
	s, l := begin(t)
	l.Cut = func(round int) bool { return round%3 != 0 }
	var want []string
	for i := range 120 {
		text := fmt.Sprint("message ", i)
		want = append(want, text)
		s.Write(ann, text)
	}
	l.Cut = func(round int) bool { return round%4 == 3 || round == 2 || round == 6 }
	l.Until(t, func() bool { return len(l.Events) == len(want) })
	if got := texts(l); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if s.Calls("getMe") < 3 {
		t.Errorf("%d starts: nothing was cut", s.Calls("getMe"))
	}
}

// TestAnotherBot: an offset of one bot would confirm another's updates unread.
func TestAnotherBot(t *testing.T) {
	t.Parallel()
	s, l := begin(t)
	s.Write(ann, "to the first")
	l.Until(t, func() bool { return len(l.Events) == 1 })
	l.Restart()
	s.Become(800000002, 1000) // far below
	s.Write(ann, "to the second")
	l.Until(t, func() bool { return len(l.Events) == 2 })
}

func TestGroupsAreNotRead(t *testing.T) {
	t.Parallel()
	s, l := begin(t)
	group := map[string]any{"id": -100, "type": "group", "title": "Family"}
	s.Message(ann, map[string]any{"chat": group, "text": "in a group"})
	s.Message(ann, map[string]any{"chat": map[string]any{"id": -200, "type": "channel"}, "text": "in a channel"})
	s.Message(telegramtest.User{ID: 5}, map[string]any{"from": map[string]any{"id": 5, "is_bot": true}, "text": "a bot"})
	s.Raw("edited_message", map[string]any{"message_id": 1, "chat": map[string]any{"id": 111, "type": "private"}, "text": "edited"})
	s.Raw("callback_query", map[string]any{"id": "1", "from": ann, "data": "x", "message": map[string]any{"message_id": 1, "chat": group}})
	s.Raw("message", "of another form")
	s.Raw("message", map[string]any{"message_id": "x"})
	s.Write(ann, "hello")
	l.Until(t, func() bool { return len(l.Events) > 0 })
	if got := texts(l); !slices.Equal(got, []string{"hello"}) {
		t.Errorf("%q", got)
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	s, l := begin(t)
	photo := bytes.Repeat([]byte{0xff, 0xd8, 1, 2}, 1000)
	s.Photo(ann, "look", photo)
	s.Document(ann, "../../etc/pass\nwd", "Text/Plain; x", []byte("content"))
	s.Document(ann, "large.bin", "application/zip", make([]byte, channel.MaxFile+1))
	for range 3 { // more together than one poll brings
		s.Document(ann, "five.bin", "application/zip", make([]byte, channel.MaxFile))
	}
	s.Message(ann, map[string]any{"document": map[string]any{"file_id": "gone", "file_name": "gone.txt"}})
	s.Write(ann, "end")
	l.Until(t, func() bool { return len(l.Events) == 8 })
	if e := l.Events[0]; e.Text != "look" || len(e.Files) != 1 || !bytes.Equal(e.Files[0].Data, photo) || e.Files[0].Type != "image/jpeg" {
		t.Errorf("photo: %q with %d files", e.Text, len(e.Files))
	}
	if f := l.Events[1].Files; len(f) != 1 || f[0].Name != "pass wd" || f[0].Type != "application/octet-stream" || string(f[0].Data) != "content" {
		t.Errorf("document: %.200v", f)
	}
	if e := l.Events[2]; len(e.Files) != 0 || !strings.Contains(e.Text, "large.bin was not fetched: 5.0 MB") {
		t.Errorf("too large: %q, %d files", e.Text, len(e.Files))
	}
	for _, e := range l.Events[3:6] {
		if len(e.Files) != 1 || len(e.Files[0].Data) != channel.MaxFile {
			t.Errorf("%q with %d files", e.Text, len(e.Files))
		}
	}
	if e := l.Events[6]; !strings.Contains(e.Text, "gone.txt was not fetched") {
		t.Errorf("gone: %q", e.Text)
	}
}

// TestOthersWords: what the sender passes on is no word of the sender's own.
func TestOthersWords(t *testing.T) {
	t.Parallel()
	s, l := begin(t)
	s.Message(ann, map[string]any{"text": "wire the money", "forward_origin": map[string]any{"type": "user", "sender_user": bob}})
	s.Message(ann, map[string]any{"text": "from a bot", "via_bot": map[string]any{"id": 9, "is_bot": true, "username": "gif"}})
	s.Message(ann, map[string]any{"text": "x👍 see here", "entities": []map[string]any{{"type": "text_link", "offset": 8, "length": 4, "url": "https://example.org/"}, {"type": "text_link", "offset": 900, "length": -1, "url": "u"}}})
	s.Message(ann, map[string]any{"sticker": map[string]any{"emoji": "🦆"}})
	s.Message(ann, map[string]any{"voice": map[string]any{"file_id": "v"}})
	l.Until(t, func() bool { return len(l.Events) == 5 })
	want := []string{"[forwarded from Bob]", "[forwarded from (@gif)]", "x👍 see here (https://example.org/)", "[sticker 🦆]", "[a voice message or sound, which this channel can't read]"}
	if got := texts(l); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if f := l.Events[0].Files; len(f) != 1 || string(f[0].Data) != "wire the money" || f[0].Type != "text/plain" {
		t.Errorf("%+v", f)
	}
}

func TestTrouble(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		make  func(*telegramtest.Server)
		want  []string
		after int64 // at least, in milliseconds
	}{
		"wrong token": {func(s *telegramtest.Server) { s.Revoke("1:another-token") }, []string{"401", "@BotFather", "ambit secret set TELEGRAM_TOKEN"}, 15000},
		"a webhook":   {func(s *telegramtest.Server) { s.SetWebhook("https://example.org") }, []string{"409", "deleteWebhook"}, 15000},
		"another poller": {func(s *telegramtest.Server) {
			s.Fail("getUpdates", 409, "Conflict: terminated by other getUpdates request", 9)
		}, []string{"409", "Another program polls"}, 2000},
		"too many requests":  {func(s *telegramtest.Server) { s.Limit("getUpdates", 77, 9) }, []string{"429", "77 s"}, 77000},
		"server fault":       {func(s *telegramtest.Server) { s.Fail("getUpdates", 502, "Bad Gateway", 9) }, []string{"502", "Bad Gateway"}, 2000},
		"connection dropped": {func(s *telegramtest.Server) { s.Drop("getUpdates", 9) }, []string{"can't be reached"}, 2000},
		"not there":          {func(s *telegramtest.Server) { s.Close() }, []string{"can't be reached"}, 2000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, l := begin(t)
			s.Write(ann, "waits")
			c.make(s)
			l.Until(t, func() bool { return l.Trouble != "" })
			for _, w := range c.want {
				if !strings.Contains(l.Trouble, w) {
					t.Errorf("no %q in %q", w, l.Trouble)
				}
			}
			if l.Next.After < c.after || strings.Contains(l.Trouble, "AAF-test") {
				t.Errorf("after %d: %q", l.Next.After, l.Trouble)
			}
		})
	}
}

// TestTroublePasses: a first conflict is often our own last poll and says
// nothing; later waits grow to a minute, and all is well when it is over.
func TestTroublePasses(t *testing.T) {
	t.Parallel()
	s, l := begin(t)
	s.Write(ann, "waits")
	s.Fail("getUpdates", 409, "Conflict: terminated by other getUpdates request", 12)
	var waits []int64
	l.Until(t, func() bool {
		if l.Next.After > 0 {
			waits = append(waits, l.Next.After)
			if (len(waits) == 1) != (l.Trouble == "") {
				t.Errorf("after %d conflicts: %q", len(waits), l.Trouble)
			}
		}
		return len(l.Events) == 1
	})
	if want := []int64{1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000, 60000, 60000, 60000}; !slices.Equal(waits, want) {
		t.Errorf("waits %v", waits)
	}
	if l.Trouble != "" {
		t.Error(l.Trouble)
	}
	if l.Next.Idle != idleAnswer || !strings.Contains(string(l.Next.Request), "timeout=50") {
		t.Errorf("after it was over it waits for %s", l.Next.Request)
	}
}

// TestTroubleEndsWithoutAMessage: that all is well again is found out at once,
// and not when somebody writes.
func TestTroubleEndsWithoutAMessage(t *testing.T) {
	t.Parallel()
	s, l := begin(t)
	s.SetWebhook("https://example.org")
	l.Until(t, func() bool { return l.Trouble != "" })
	s.SetWebhook("")
	l.Until(t, func() bool { return l.Trouble == "" })
}

func TestDenied(t *testing.T) {
	t.Parallel()
	_, l := begin(t)
	in, _ := json.Marshal(channel.Poll{Cursor: json.RawMessage(`{"asked":"getUpdates","offset":7,"bot":1}`), Error: protocol.Errorf(protocol.Denied, "the grant is gone")})
	out, err := l.Plugin.Call(t.Context(), protocol.ExportPoll, in, l.Effect, nil)
	if err != nil || !strings.Contains(string(out), "the grant is gone") || !strings.Contains(string(out), "offset=7") {
		t.Errorf("%s %v", out, err)
	}
}

func TestConfiguration(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"ftp://x", "https://", "https://a:b@x", "https://x/?token=1", "x"} {
		l := channeltest.New(telegram(), map[string]string{"base_url": base}, nil)
		if _, err := l.Send(t, channel.Send{Chat: "1", Text: "x"}); protocol.CodeOf(err) != protocol.Invalid {
			t.Errorf("%s: %v", base, err)
		}
	}
}
