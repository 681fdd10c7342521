package main_test

import (
	"io"
	"net/http"
	"strings"
)

// modelServers are the providers' servers of the scripts, each below its own
// path of $SERVER. They want the key where the protocol has it, and answer in a
// stream; a conversation that says "too much" is too long for them.
func modelServers() http.Handler {
	mux := http.NewServeMux()
	serve := func(path, header, prefix, contentType string, events ...string) {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil || r.Header.Get(header) != prefix+"sk-canary-77aa" && header != "" {
				http.Error(w, `{"error":{"type":"authentication_error","message":"bad key"}}`, http.StatusUnauthorized)
				return
			}
			if strings.Contains(string(body), "too much") {
				http.Error(w, `{"error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens > 8 maximum"}}`, http.StatusBadRequest)
				return
			}
			if strings.Contains(string(body), "hurry") && strings.HasPrefix(path, "/anthropic") {
				w.Header().Set("Retry-After", "3600")
				http.Error(w, `{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}`, http.StatusTooManyRequests)
				return
			}
			said := events
			if strings.Contains(string(body), `"media_type":"image/png"`) {
				said = []string{strings.Replace(strings.Join(events, ""), "Greetings from", "I see a picture, and greet from", 1)}
			}
			w.Header().Set("Content-Type", contentType)
			for _, e := range said {
				if _, err := io.WriteString(w, e); err != nil {
					return
				}
				_ = http.NewResponseController(w).Flush() // or it arrives at once
			}
		})
	}
	serve("/anthropic/v1/messages", "X-Api-Key", "", "text/event-stream",
		"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"type\":\"message\",\"model\":\"test\",\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n\n",
		"data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\ndata: {\"type\":\"ping\"}\n\n",
		"data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Greetings from \"}}\n\n",
		"data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Messages.\"}}\n\n",
		"data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":3}}\n\ndata: {\"type\":\"message_stop\"}\n\n")
	serve("/google/v1beta/models/{model}", "X-Goog-Api-Key", "", "text/event-stream",
		"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Greetings from \"}]}}],\"modelVersion\":\"test\"}\r\n\r\n",
		"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Gemini.\"}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":9,\"candidatesTokenCount\":3}}\r\n\r\n")
	serve("/openai/v1/chat/completions", "Authorization", "Bearer ", "text/event-stream",
		"data: {\"model\":\"test\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Greetings from \"}}]}\n\n",
		"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Chat Completions.\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
	serve("/api/chat", "", "", "application/x-ndjson",
		`{"model":"test","message":{"role":"assistant","content":"Greetings from "},"done":false}`+"\n",
		`{"model":"test","message":{"role":"assistant","content":"Ollama."},"done":false}`+"\n",
		`{"model":"test","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":9,"eval_count":3}`+"\n")
	return mux
}
