package main

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/plugintest"
	"github.com/ambithost/ambit/sdk/protocol"
)

// FuzzAnswer gives poll any answer of a server at any step: what comes out
// keeps the bounds, the offset never goes back, and there is always a next
// request.
func FuzzAnswer(f *testing.F) {
	f.Add(200, `{"ok":true,"result":[{"update_id":7,"message":{"message_id":1,"date":1,"from":{"id":1,"first_name":"A"},"chat":{"id":1,"type":"private"},"text":"hi","entities":[{"type":"text_link","offset":0,"length":2,"url":"u"}]}}]}`, true)
	f.Add(200, `{"ok":true,"result":[{"update_id":7,"callback_query":{"id":"1","from":{"id":1},"data":"YQ","message":{"message_id":1,"chat":{"id":1,"type":"private"}}}}]}`, true)
	f.Add(200, `{"ok":true,"result":[{"update_id":9223372036854775807,"message":{"photo":[{"file_id":"x","file_size":-5}],"document":{},"forward_origin":{},"chat":{"id":1,"type":"private"},"from":{"id":1}}}]}`, true)
	f.Add(200, `{"ok":true,"result":{"id":5}}`, false)
	f.Add(429, `{"ok":false,"error_code":429,"description":"x","parameters":{"retry_after":99999999999}}`, true)
	f.Add(409, `{"ok":false,"description":"\u001b[2J"}`, true)
	f.Add(200, `{"ok":true,"result":null}`, true)
	f.Add(502, `<html>`, false)
	f.Fuzz(func(t *testing.T, status int, body string, updates bool) {
		at := cursor{Bot: 5, Offset: 3, Asked: askedMe}
		if updates {
			at.Asked = askedUpdates
		}
		answer, _ := json.Marshal(map[string]any{"status": status, "body": body, "url": "https://api.telegram.org/"})
		was, _ := json.Marshal(at)
		in, _ := json.Marshal(channel.Poll{Cursor: was, Answer: answer})
		w := &plugintest.World{HTTP: func(plugintest.HTTPRequest) plugintest.HTTPResponse {
			return plugintest.HTTPResponse{Status: status, Body: []byte(body)}
		}}
		out, err := plugintest.Direct(telegram(), nil).Call(t.Context(), protocol.ExportPoll, in, w.Effect, nil)
		if err != nil {
			t.Fatal(err)
		}
		var p channel.Polled
		var c cursor
		if json.Unmarshal(out, &p) != nil || json.Unmarshal(p.Cursor, &c) != nil || len(p.Next.Request) == 0 {
			t.Fatalf("%s", out)
		}
		if c.Offset < 3 && !(c.Offset == 0 && !updates) && c.Offset > -1<<62 {
			t.Fatalf("offset %d", c.Offset)
		}
		if p.Next.After < 0 || p.Next.After > maxWait.Milliseconds() || strings.ContainsAny(p.Next.Trouble, "\x1b\n") {
			t.Fatalf("%+v", p.Next)
		}
		for _, e := range p.Events {
			if e.ID == "" || len(e.ID) > channel.MaxID || len(e.Text) > channel.MaxText || len(e.From.Name) > channel.MaxID || len(e.Files) > channel.MaxFiles || !utf8.ValidString(e.Text) || !e.Chat.Direct {
				t.Fatalf("%+v", e)
			}
		}
	})
}
