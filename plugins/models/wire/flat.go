package wire

import (
	"encoding/base64"

	"github.com/ambithost/ambit/sdk/model"
)

// Flat is a conversation for servers that render it with a chat template. Such
// templates know one system message, at the beginning, and take turns between
// user and assistant: what the host says later is a marked user message, and
// neighbours of one role become one message. A tool message without a result is left out.
func Flat(messages []model.Message) []model.Message {
	var out []model.Message
	join := func(m model.Message) {
		if n := len(out); n > 0 && out[n-1].Role == m.Role {
			last := out[n-1]
			last.Text += "\n\n" + m.Text
			last.Images = append(last.Images[:len(last.Images):len(last.Images)], m.Images...)
			out[n-1] = last
			return
		}
		out = append(out, m)
	}
	for _, m := range messages {
		switch {
		case m.Role == model.Tool && m.Result == nil:
		case m.Role == model.Tool || m.Role == model.Assistant:
			out = append(out, m)
		case m.Role == model.System && (len(out) == 0 || len(out) == 1 && out[0].Role == model.System):
			join(model.Message{Role: model.System, Text: m.Text})
		case m.Role == model.System:
			join(model.Message{Role: model.User, Text: FromHost(m.Text)})
		default:
			join(model.Message{Role: model.User, Text: m.Text, Images: m.Images})
		}
	}
	return out
}

// ResultText is a tool's result for protocols that have no mark for an error.
func ResultText(r model.ToolResult) string {
	if r.Error {
		return "Error: " + r.Text
	}
	return r.Text
}

// DataURL is an image as a URL that holds it (RFC 2397).
func DataURL(i model.Image) string {
	return "data:" + i.MIME + ";base64," + base64.StdEncoding.EncodeToString(i.Data)
}
