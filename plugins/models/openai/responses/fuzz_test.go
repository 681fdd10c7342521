package responses

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ambithost/ambit/sdk/model"
)

// FuzzAnswer: whatever a server sends, the plugin gives a valid response or an
// error, what it streamed is what it says, and the next request says it again.
func FuzzAnswer(f *testing.F) {
	f.Add("data: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"delta\":\"hi\"}\n\ndata: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\"}}\n\n")
	f.Add("{\"object\":\"response\",\"output\":[{\"type\":\"reasoning\",\"id\":\"r\",\"encrypted_content\":\"x\"},{\"type\":\"message\",\"content\":[{\"text\":\"a\"}]},{\"type\":\"function_call\",\"name\":\"a b\",\"arguments\":\"[\"}]}")
	f.Add("data: {\"type\":\"response.output_item.done\",\"output_index\":-1,\"item\":{\"type\":\"function_call\",\"call_id\":\"\"}}\n\ndata: {\"type\":\"response.incomplete\",\"response\":{\"status\":\"incomplete\",\"output\":[{},{\"type\":\"message\"}]}}")
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
		next, _ := Encode(model.Request{Model: "m", Messages: []model.Message{{Role: model.Assistant, Text: r.Text, Calls: r.Calls, Keep: r.Keep}}})
		if _, err := json.Marshal(next); err != nil {
			t.Error(err)
		}
		calls, said := 0, ""
		for _, i := range next.Input {
			if i.Type == "function_call" {
				calls++
			}
			if text, ok := i.Content.(string); ok {
				said += text
			}
		}
		if calls != len(r.Calls) || said != r.Text {
			t.Errorf("%d calls and %q, sent back as %d and %q", len(r.Calls), r.Text, calls, said)
		}
	})
}
