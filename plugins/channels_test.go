package plugins_test

import (
	"strings"

	"github.com/ambithost/ambit/sdk/plugintest"
)

// chats is where each channel's server lets it write.
func chats() map[string]string {
	return map[string]string{"telegram": "111", "matrix": "!room:chat.example", "webhook": "ann"}
}

// hooks are webhooks that bring something.
func hooks() map[string]string {
	return map[string]string{"webhook": `{"type":"message.received","data":{"from":{"id":"ann","name":"Ann"},"text":"hello","files":[{"name":"../a.txt","type":"text/plain","data":"aGk="}]}}`}
}

// serveWebhook knows one person.
func serveWebhook(r plugintest.HTTPRequest) plugintest.HTTPResponse {
	signed := len(r.Secrets) == 1 && r.Secrets[0].In == "signature" && r.Secrets[0].As != ""
	switch {
	case !signed:
		return answer(401, "")
	case strings.Contains(string(r.Body), `"chat":"ann"`):
		return answer(204, "")
	}
	return answer(404, "nobody is called that")
}

func answer(status int, body string) plugintest.HTTPResponse {
	return plugintest.HTTPResponse{Status: status, Body: []byte(body)}
}

// serveTelegram has one message for the bot, and knows one chat.
func serveTelegram(r plugintest.HTTPRequest) plugintest.HTTPResponse {
	path, _, _ := strings.Cut(r.URL, "?")
	switch {
	case strings.HasSuffix(path, "/getMe"):
		return answer(200, `{"ok":true,"result":{"id":7,"is_bot":true,"username":"test_bot"}}`)
	case strings.HasSuffix(path, "/getUpdates"):
		return answer(200, `{"ok":true,"result":[{"update_id":9,"message":{"message_id":1,"date":1750000000,"from":{"id":111,"first_name":"Ann"},"chat":{"id":111,"type":"private"},"text":"hello"}}]}`)
	case strings.Contains(string(r.Body), `"chat_id":111`):
		return answer(200, `{"ok":true,"result":{"message_id":2}}`)
	}
	return answer(400, `{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}`)
}

// serveMatrix has one direct chat with one message in it.
func serveMatrix(r plugintest.HTTPRequest) plugintest.HTTPResponse {
	const room = "%21room:chat.example"
	path, query, _ := strings.Cut(strings.ReplaceAll(r.URL, "/!", "/%21"), "?")
	switch {
	case strings.HasSuffix(path, "/whoami"):
		return answer(200, `{"user_id":"@bot:chat.example"}`)
	case strings.HasSuffix(path, "/sync") && !strings.Contains(query, "since="):
		return answer(200, `{"next_batch":"s1"}`)
	case strings.HasSuffix(path, "/sync"):
		return answer(200, `{"next_batch":"s2","rooms":{"join":{"!room:chat.example":{"timeline":{"events":[{"type":"m.room.message","event_id":"$1","sender":"@ann:chat.example","origin_server_ts":1750000000000,"content":{"msgtype":"m.text","body":"hello"}}]}}}}}`)
	case strings.Contains(path, room+"/joined_members"):
		return answer(200, `{"joined":{"@ann:chat.example":{"display_name":"Ann"},"@bot:chat.example":{}}}`)
	case strings.Contains(path, room+"/"):
		return answer(200, `{"event_id":"$2"}`)
	}
	return answer(404, `{"errcode":"M_NOT_FOUND","error":"no"}`)
}
