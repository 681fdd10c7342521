package native

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ambithost/ambit/sdk/model"
)

// FuzzAnswer: whatever a server sends, the plugin gives a valid response or an
// error, what it streamed is what it says, and the next request can be made.
func FuzzAnswer(f *testing.F) {
	f.Add("{\"message\":{\"content\":\"hi\",\"thinking\":\"x\"}}\n{\"message\":{\"tool_calls\":[{\"function\":{\"name\":\"a b\",\"arguments\":[1]}}]},\"done\":true}\n")
	f.Add("{\"done\":true,\"done_reason\":\"length\"}")
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
		next, _ := Encode(model.Request{Model: "m", Messages: []model.Message{{Role: model.Assistant, Text: r.Text, Calls: r.Calls, Keep: r.Keep}}}, Options{})
		if _, err := json.Marshal(next); err != nil || len(next.Messages[0].ToolCalls) != len(r.Calls) {
			t.Errorf("sent back as %+v, %v", next, err)
		}
	})
}
