package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/plugins/channels/channeltest"
	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/protocol"
)

func TestReceive(t *testing.T) {
	t.Parallel()
	digest := strings.Repeat("0123456789abcdef", 4)
	for body, want := range map[string]string{
		`{"type":"message.received","timestamp":"x","data":{"from":{"id":"ann","name":" A\u0000nn "},"text":"hi","more":1}}`:                     `"from":{"id":"ann","name":"A nn"}`,
		`{"type":"message.received","data":{"from":{"id":"a"},"files":[{"name":"../x/y","type":"TEXT/PLAIN","data":"aGk="}]}}`:                   `"files":[{"name":"y","type":"text/plain"`,
		`{"type":"approval.answered","data":{"from":{"id":"a"},"approval":7,"approve":false,"reason":"no\n\nthanks","digest":"` + digest + `"}}`: `"approve":false,"reason":"no thanks"`,

		`{"type":"message.sent","data":{"chat":"a","from":{"id":"a"},"text":"our own, sent back"}}`:                         "invalid",
		`{"type":"message.received","data":{"text":"from nobody"}}`:                                                         "invalid",
		`{"type":"message.received","data":{"from":{"id":"a\nb"},"text":"x"}}`:                                              "invalid",
		`{"type":"message.received","data":{"from":{"id":"a"}}}`:                                                            "invalid",
		`{"type":"message.received","data":{"from":{"id":"` + strings.Repeat("a", 201) + `"},"text":"x"}}`:                  "invalid",
		`{"type":"message.received","data":{"from":{"id":"a"},"text":"` + strings.Repeat("a", 64<<10+1) + `"}}`:             "invalid",
		`{"type":"approval.answered","data":{"from":{"id":"a"},"approval":7,"digest":"` + digest + `"}}`:                    "invalid",
		`{"type":"approval.answered","data":{"from":{"id":"a"},"approval":7,"approve":true,"digest":"` + digest[1:] + `"}}`: "invalid",
		`{"type":"approval.answered","data":{"from":{"id":"a"},"approval":-7,"approve":true,"digest":"` + digest + `"}}`:    "invalid",
	} {
		got, err := receive(t.Context(), nil, channel.Hook{ID: "msg_1", Body: []byte(body)})
		text, _ := json.Marshal(got)
		if err != nil {
			text = []byte(protocol.CodeOf(err))
		}
		if !strings.Contains(string(text), want) {
			t.Errorf("%.200s: %s, %v", body, text, err)
		}
	}
}

// FuzzReceive: whatever a body says, what comes out keeps the bounds, and comes
// from one person in a chat of its own.
func FuzzReceive(f *testing.F) {
	f.Add([]byte(`{"type":"message.received","data":{"from":{"id":"ann","name":"Ann"},"text":"hi","files":[{"data":"aGk="}]}}`))
	f.Add([]byte(`{"type":"approval.answered","data":{"from":{"id":"a"},"approval":7,"approve":true,"digest":"00"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := receive(context.Background(), nil, channel.Hook{Body: body})
		if err != nil {
			return
		}
		for _, e := range got.Events {
			if e.From.ID == "" || len(e.From.ID) > channel.MaxID || e.Chat.ID != e.From.ID || !e.Chat.Direct || len(e.Text) > channel.MaxText || len(e.Files) > channel.MaxFiles || len(e.From.Name) > channel.MaxID {
				t.Errorf("%+v", e)
			}
		}
	})
}

// TestSend has a receiver answer in all ways.
func TestSend(t *testing.T) {
	t.Parallel()
	status, ids, bodies := 204, []string{}, []string{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(b))
		w.Header().Set("Retry-After", "7")
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "said \x1b[2J so")
	}))
	defer srv.Close()
	l := channeltest.New(webhook(), map[string]string{"url": srv.URL, "secret": "KEY"}, nil)
	m := channel.Send{Chat: "ann", Text: "**hi**", Key: "s/1", Question: &channel.Question{Approval: 7, Digest: "d", Expires: time.Unix(1, 0).UTC()}}
	for code, want := range map[int]protocol.Code{
		204: "", 200: "", 429: protocol.Limit, 500: protocol.Unavailable, 408: protocol.Unavailable, 401: protocol.Unavailable, 302: protocol.Unavailable,
		404: protocol.NotFound, 410: protocol.NotFound, 400: protocol.Invalid, 422: protocol.Invalid, 0: protocol.Unavailable,
	} {
		status = code
		sent, err := l.Send(t, m)
		ids = append(ids, sent.Ref)
		switch {
		case want == "" && (err != nil || !strings.HasPrefix(sent.Ref, "msg_")):
			t.Errorf("%d: %+v, %v", code, sent, err)
		case want != "" && (protocol.CodeOf(err) != want || strings.Contains(err.Error(), "\x1b")):
			t.Errorf("%d: %v, want %s", code, err, want)
		}
		if e := protocol.AsError(err); code == 429 && e.RetryAfter != 7000 {
			t.Errorf("it waits %d ms", e.RetryAfter)
		}
	}
	for _, b := range bodies {
		if b != bodies[0] || b != `{"type":"message.sent","data":{"chat":"ann","text":"**hi**","question":{"approval":7,"digest":"d","expires":"1970-01-01T00:00:01Z"}}}` {
			t.Errorf("sent %s", b)
		}
	}
	if got := fmt.Sprint(messageID(m) == messageID(m), messageID(channel.Send{}) == messageID(channel.Send{})); got != "true false" {
		t.Errorf("ids: %s", got)
	}
	status = 204
	n := len(bodies)
	if _, err := l.Send(t, channel.Send{Chat: "ann", Working: true}); err != nil || len(bodies) != n {
		t.Errorf("that it works was sent, or %v", err)
	}
	if _, err := l.Send(t, channel.Send{Text: "x"}); protocol.CodeOf(err) != protocol.NotFound {
		t.Errorf("to nobody: %v", err)
	}
}
