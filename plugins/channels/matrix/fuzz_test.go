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

// FuzzAnswer gives poll any answer of a server, and its effects another: what
// comes out keeps the bounds, the place in the history moves only when the
// answer was told, and there is always a next request.
func FuzzAnswer(f *testing.F) {
	const room = `{"next_batch":"s2","rooms":{"join":{"!r:x":{"timeline":{"limited":true,"prev_batch":"p","events":[%]}}}}}`
	const members = `{"joined":{"@bot:x":{},"@ann:x":{"display_name":"Ann"}},"chunk":[],"sender":"@bot:x","type":"m.room.message","content":{"ambit.question":{"approval":"7","digest":"x"}}}`
	for _, e := range []string{
		`{"type":"m.room.message","event_id":"$1","sender":"@ann:x","origin_server_ts":1,"content":{"msgtype":"m.text","body":"hi"}}`,
		`{"type":"m.room.message","event_id":"$1","sender":"@ann:x","content":{"msgtype":"m.image","body":"../x","url":"mxc://x/y","info":{"size":-1,"mimetype":"a"}}}`,
		`{"type":"m.reaction","event_id":"$1","sender":"@ann:x","content":{"m.relates_to":{"rel_type":"m.annotation","event_id":"$0","key":"✅"}}}`,
		`{"type":"m.room.encrypted","event_id":"$1","sender":"@ann:x","content":{}}`, `{"content":7}`, `7`,
	} {
		f.Add(200, strings.Replace(room, "%", e, 1), 200, members)
	}
	f.Add(200, `{"next_batch":"s1"}`, 500, ``)
	f.Add(429, `{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":1e300}`, 200, members)
	f.Add(200, `{"next_batch":"s2","rooms":{"invite":{"!r:x":{"invite_state":{"events":[{"type":"m.room.member","state_key":"@bot:x","content":{"membership":"invite","is_direct":true}}]}}}}}`, 403, `{}`)
	f.Fuzz(func(t *testing.T, status int, body string, status2 int, body2 string) {
		answer, _ := json.Marshal(map[string]any{"status": status, "body": body, "url": "https://x/"})
		was, _ := json.Marshal(cursor{User: "@bot:x", Since: "s1", Asked: askedSync})
		in, _ := json.Marshal(channel.Poll{Cursor: was, Answer: answer})
		w := &plugintest.World{HTTP: func(plugintest.HTTPRequest) plugintest.HTTPResponse {
			return plugintest.HTTPResponse{Status: status2, Body: []byte(body2)}
		}}
		out, err := plugintest.Direct(matrix(), map[string]string{"base_url": "https://x"}).Call(t.Context(), protocol.ExportPoll, in, w.Effect, nil)
		if err != nil {
			t.Fatal(err)
		}
		var p channel.Polled
		var c cursor
		if json.Unmarshal(out, &p) != nil || json.Unmarshal(p.Cursor, &c) != nil || len(p.Next.Request) == 0 {
			t.Fatalf("%s", out)
		}
		if c.Since == "" || c.Fails > 0 && (c.Since != "s1" || p.Next.After < 1000 || len(p.Events) > 0) {
			t.Fatalf("%+v", c)
		}
		if p.Next.After < 0 || p.Next.After > maxWait.Milliseconds() || strings.ContainsAny(p.Next.Trouble, "\x1b\n") || len(p.Cursor) > channel.MaxCursor {
			t.Fatalf("%+v", p.Next)
		}
		for _, e := range p.Events {
			if e.ID == "" || len(e.ID) > channel.MaxID || len(e.Text) > channel.MaxText || len(e.From.Name) > channel.MaxID || !utf8.ValidString(e.Text) || !e.Chat.Direct {
				t.Fatalf("%+v", e)
			}
		}
	})
}
