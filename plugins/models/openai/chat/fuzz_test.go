package chat

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ambithost/ambit/sdk/model"
)

// FuzzAnswer: whatever a server sends, the plugin gives a valid response or an
// error, and what it streamed is what it says.
func FuzzAnswer(f *testing.F) {
	f.Add("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
	f.Add("{\"choices\":[{\"message\":{\"content\":\"hi\",\"tool_calls\":[{\"id\":\"\x00\",\"function\":{\"name\":\"a b\",\"arguments\":{}}}]}}]}")
	f.Add("\ufeffdata:{\"error\":{\"message\":null}}\r\r: x\rdata\r\r")
	f.Add("data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":-1,\"function\":{\"name\":\"weather__now\",\"arguments\":\"[\"}},{\"function\":{\"arguments\":\"]\"}}]},\"finish_reason\":\"x\"}]}")
	f.Fuzz(func(t *testing.T, body string) {
		streamed := ""
		a := NewAnswer(map[string]string{"weather__now": "weather__now"}, func(s string) error { streamed += s; return nil })
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
		if _, err := json.Marshal(r); err != nil {
			t.Error(err)
		}
	})
}
