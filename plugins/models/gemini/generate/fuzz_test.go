package generate

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ambithost/ambit/sdk/model"
)

// FuzzAnswer: whatever a server sends, the plugin gives a valid response or an
// error, what it streamed is what it says, and the next request can be made.
func FuzzAnswer(f *testing.F) {
	f.Add("data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hi\",\"thoughtSignature\":\"eA==\"}]},\"finishReason\":\"STOP\"}]}\n\n")
	f.Add("[{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"a b\",\"args\":3}},{\"functionCall\":{}}]},\"finishReason\":\"STOP\"}]}]")
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
		used, said := 0, ""
		for _, c := range next.Contents {
			for _, p := range c.Parts {
				if p.Call != nil {
					used++
				}
				if p.Text != nil {
					said += *p.Text
				}
			}
		}
		if used != len(r.Calls) || said != r.Text {
			t.Errorf("%d calls and %q, sent back as %d and %q", len(r.Calls), r.Text, used, said)
		}
	})
}
