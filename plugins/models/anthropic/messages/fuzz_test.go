package messages

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ambithost/ambit/sdk/model"
)

// FuzzAnswer: whatever a server sends, the plugin gives a valid response or an
// error, what it streamed is what it says, and the next request can be made.
func FuzzAnswer(f *testing.F) {
	f.Add("data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"hi\"}}\n\ndata: {\"type\":\"message_stop\"}\n\n")
	f.Add("data: {\"type\":\"content_block_start\",\"content_block\":{\"type\":\"thinking\",\"signature\":\"s\"}}\n\ndata: {\"type\":\"content_block_start\",\"content_block\":{\"type\":\"tool_use\",\"name\":\"\",\"input\":null}}\n\ndata: {\"type\":\"message_stop\"}\n\n")
	f.Add("{\"type\":\"message\",\"content\":[{\"type\":\"redacted_thinking\",\"data\":\"x\"},{\"type\":\"text\",\"text\":\" \"},{\"type\":\"tool_use\",\"name\":\"a b\",\"input\":3}]}")
	f.Fuzz(func(t *testing.T, body string) {
		streamed := ""
		a := NewAnswer("m", map[string]string{"weather__now": "weather__now"}, func(s string) error { streamed += s; return nil })
		if a.Read(strings.NewReader(body)) != nil {
			return
		}
		r, err := a.Response()
		if err != nil {
			return
		}
		if streamed != r.Text || len(r.Calls) > 0 != (r.Stop == model.StopTools) {
			t.Errorf("streamed %q, response %+v", streamed, r)
		}
		seen := map[string]bool{}
		for _, c := range r.Calls {
			if c.ID == "" || seen[c.ID] || !json.Valid(c.Args) {
				t.Errorf("call %+v", c)
			}
			seen[c.ID] = true
		}
		next, _ := Encode(model.Request{Model: "m", Messages: []model.Message{{Role: model.Assistant, Text: r.Text, Calls: r.Calls, Keep: r.Keep}, {Role: model.User, Text: "go on"}}}, nil)
		if _, err := json.Marshal(next); err != nil {
			t.Error(err)
		}
		used := 0
		for _, m := range next.Messages {
			for _, b := range m.Content {
				if b.Type == "tool_use" {
					used++
				}
			}
		}
		if used != len(r.Calls) {
			t.Errorf("%d calls, sent back as %d", len(r.Calls), used)
		}
	})
}
