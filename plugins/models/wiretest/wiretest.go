// Package wiretest tries model plugins against scripted servers: [Ask] runs one
// completion in this process, with every effect answered by a [Server].
package wiretest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/plugintest"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Server answers requests in order, its last answer again and again, and keeps
// the requests.
type Server struct {
	Answers []plugintest.HTTPResponse
	Got     []plugintest.HTTPRequest
}

// HTTP is what [plugintest.World] wants.
func (s *Server) HTTP(r plugintest.HTTPRequest) plugintest.HTTPResponse {
	s.Got = append(s.Got, r)
	return s.Answers[min(len(s.Got), len(s.Answers))-1]
}

// One is a server with one answer.
func One(answer plugintest.HTTPResponse) *Server {
	return &Server{Answers: []plugintest.HTTPResponse{answer}}
}

// Stream is a good answer of that content type.
func Stream(contentType, body string) plugintest.HTTPResponse {
	return plugintest.HTTPResponse{Header: sdk.Header{"Content-Type": {contentType}}, Body: []byte(body)}
}

// SSE is a good answer in server-sent events.
func SSE(body string) plugintest.HTTPResponse { return Stream("text/event-stream", body) }

// Plain is an answer in JSON.
func Plain(status int, body string) plugintest.HTTPResponse {
	r := Stream("application/json", body)
	r.Status = status
	return r
}

// Ask runs one completion and returns the response and what was streamed.
func Ask(t *testing.T, p sdk.Plugin, s *Server, config map[string]string, req model.Request) (resp model.Response, streamed string, err error) {
	t.Helper()
	w := &plugintest.World{HTTP: s.HTTP}
	in, err := json.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	out, err := plugintest.Direct(p, config).Call(t.Context(), protocol.ExportComplete, in, w.Effect, func(b []byte) {
		var d model.Delta
		if err := json.Unmarshal(b, &d); err != nil {
			t.Error(err)
		}
		streamed += d.Text
	})
	if n := w.OpenStreams(); n != 0 {
		t.Errorf("%d bodies were left open", n)
	}
	if err == nil {
		err = json.Unmarshal(out, &resp)
	}
	return resp, streamed, err
}

// Hello is the shortest conversation.
func Hello() model.Request {
	return model.Request{Model: "m", Stream: true, Messages: []model.Message{{Role: model.User, Text: "hello"}}}
}

// Long is a name too long for every provider.
const Long = "an-extremely-long-plugin-name-of-forty-chr__and_a_tool_with_a_long_name_too"

// Weather is [Hello] with two tools, one with the name [Long].
func Weather() model.Request {
	r := Hello()
	r.Tools = []model.Tooldef{
		{Name: "weather__now", Description: "Weather.", Input: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"}}}`)},
		{Name: Long, Input: json.RawMessage(`{"type":"object"}`)},
	}
	return r
}

// Conversation is [Weather] with a whole exchange before it: instructions, two
// parallel calls, the second malformed, their results, the second an error, an
// answer, and the host's word in the middle.
func Conversation() model.Request {
	r := Weather()
	r.MaxTokens = 2000
	r.Messages = []model.Message{
		{Role: model.System, Text: "You are main."}, {Role: model.System, Text: "It is noon."},
		{Role: model.User, Text: "weather?"},
		{Role: model.Assistant, Text: "Let me see.", Calls: []model.ToolCall{
			{ID: "a", Name: "weather__now", Args: json.RawMessage(`{"city":"Rome"}`)},
			{ID: "b", Name: Long, Args: json.RawMessage(`"{cut"`)},
		}},
		{Role: model.Tool, Result: &model.ToolResult{ID: "a", Text: "sunny"}},
		{Role: model.Tool, Result: &model.ToolResult{ID: "b", Text: "no JSON", Error: true}},
		{Role: model.Assistant, Text: "Sunny."},
		{Role: model.System, Text: "It is one."}, {Role: model.User, Text: "and now?"},
	}
	return r
}

// Look is a message with an image and a word about it.
func Look() model.Message {
	return model.Message{Role: model.User, Text: "what is this?", Images: []model.Image{{MIME: "image/png", Data: []byte("\x89PNG\r\n\x1a\npixels")}}}
}

// Shown is [Conversation] with [Look] at its end.
func Shown() model.Request {
	r := Conversation()
	r.Messages = append(r.Messages, Look())
	return r
}

// Calls writes an answer's tool calls on a line.
func Calls(r model.Response) string {
	var list []string
	for _, c := range r.Calls {
		list = append(list, c.ID+" "+c.Name+" "+string(c.Args))
	}
	return strings.Join(list, "; ")
}

// Recorded is a request that a [Recorder] heard.
type Recorded struct {
	Method, URL string
	Header      http.Header
	Body        map[string]any
}

// Recorder is a loopback server for a provider's own library. It keeps the
// last request and answers all with the given one.
func Recorder(t *testing.T, answer plugintest.HTTPResponse) (url string, last func() Recorded) {
	t.Helper()
	var mu sync.Mutex
	var got Recorded
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got = Recorded{Method: r.Method, URL: r.URL.String(), Header: r.Header.Clone()}
		if err := json.NewDecoder(r.Body).Decode(&got.Body); err != nil {
			t.Error(err)
		}
		for name, values := range answer.Header {
			w.Header()[name] = values
		}
		if answer.Status != 0 {
			w.WriteHeader(answer.Status)
		}
		if _, err := w.Write(answer.Body); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, func() Recorded { mu.Lock(); defer mu.Unlock(); return got }
}

// Body is a recorded request's body.
func Body(t *testing.T, r plugintest.HTTPRequest) (body map[string]any) {
	t.Helper()
	if err := json.Unmarshal(r.Body, &body); err != nil {
		t.Fatal(err)
	}
	return body
}
