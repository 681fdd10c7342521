package plugins_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/plugins"
	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/plugintest"
	"github.com/ambithost/ambit/sdk/protocol"
)

// dialect is how the server of a model plugin answers "Hello there." with the
// usage 9 and 3: as a whole and as a stream.
type dialect struct {
	path   string // how a request's URL ends, and of a stream
	stream string // "" when it is the same
	header string // that carries the key
	whole  string
	kind   string // content type of a stream
	pieces string
}

func dialects() map[string]dialect {
	sse := func(events ...string) string { return "data: " + strings.Join(events, "\n\ndata: ") + "\n\n" }
	return map[string]dialect{
		"openai": {
			path: "/chat/completions", header: "Authorization", kind: "text/event-stream",
			whole: `{"id":"1","object":"chat.completion","model":"test","choices":[{"index":0,"message":{"role":"assistant","content":"Hello there."},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}`,
			pieces: sse(`{"id":"1","model":"test","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}`, `{"id":"1","choices":[{"index":0,"delta":{"content":"Hello"}}]}`,
				`{"id":"1","choices":[{"index":0,"delta":{"content":" there."}}]}`, `{"id":"1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`,
				`{"id":"1","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}`, `[DONE]`),
		},
		"anthropic": {
			path: "/v1/messages", header: "X-Api-Key", kind: "text/event-stream",
			whole: `{"id":"1","type":"message","role":"assistant","model":"test","content":[{"type":"text","text":"Hello there."}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":3}}`,
			pieces: sse(`{"type":"message_start","message":{"id":"1","type":"message","role":"assistant","model":"test","content":[],"stop_reason":null,"usage":{"input_tokens":9,"output_tokens":1}}}`,
				`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`, `{"type":"ping"}`, `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}`,
				`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" there."}}`, `{"type":"content_block_stop","index":0}`,
				`{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":3}}`, `{"type":"message_stop"}`),
		},
		"gemini": {
			path: ":generateContent", stream: ":streamGenerateContent?alt=sse", header: "X-Goog-Api-Key", kind: "text/event-stream",
			whole: `{"candidates":[{"content":{"parts":[{"text":"Hello there."}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":3,"totalTokenCount":12},"modelVersion":"test"}`,
			pieces: sse(`{"candidates":[{"content":{"parts":[{"text":"Hello"}],"role":"model"},"index":0}],"modelVersion":"test"}`,
				`{"candidates":[{"content":{"parts":[{"text":" there."}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":3,"totalTokenCount":12}}`),
		},
		"ollama": {
			path: "/api/chat", kind: "application/x-ndjson", // and no key
			whole: `{"model":"test","message":{"role":"assistant","content":"Hello there."},"done":true,"done_reason":"stop","prompt_eval_count":9,"eval_count":3}`,
			pieces: `{"model":"test","message":{"role":"assistant","content":"Hello"},"done":false}` + "\n" + `{"model":"test","message":{"role":"assistant","content":" there."},"done":false}` + "\n" +
				`{"model":"test","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":9,"eval_count":3}` + "\n",
		},
	}
}

// serveModel answers as the server of whichever dialect a request is in.
func serveModel(r plugintest.HTTPRequest) plugintest.HTTPResponse {
	var req struct {
		Stream *bool `json:"stream"`
	}
	if json.Unmarshal(r.Body, &req) == nil {
		for _, d := range dialects() {
			switch asked := req.Stream != nil && *req.Stream; {
			case d.stream != "" && strings.HasSuffix(r.URL, d.stream), d.stream == "" && asked && strings.HasSuffix(r.URL, d.path):
				return plugintest.HTTPResponse{Header: sdk.Header{"Content-Type": {d.kind}}, Body: []byte(d.pieces)}
			case strings.HasSuffix(r.URL, d.path):
				return plugintest.HTTPResponse{Header: sdk.Header{"Content-Type": {"application/json"}}, Body: []byte(d.whole)}
			}
		}
	}
	return plugintest.HTTPResponse{Status: 400, Body: []byte(`{"error":{"message":"bad request"}}`)}
}

// TestModelsInCells asks each model plugin, in a cell as it will run, with a
// real server on the loopback at the other end of its effects, which
// sees the key where its protocol wants it. The whole way through a host is
// testdata/script/models.txtar.
func TestModelsInCells(t *testing.T) {
	if len(plugins.List()) == 0 {
		t.Skip(plugins.ErrNotBuilt)
	}
	for name, d := range dialects() {
		t.Run(name, func(t *testing.T) {
			const key = "the-key-itself"
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				if d.header != "" && !strings.HasSuffix(r.Header.Get(d.header), key) {
					t.Errorf("the key is not in %s: %v", d.header, r.Header)
				}
				a := serveModel(plugintest.HTTPRequest{URL: r.URL.String(), Body: body})
				w.Header().Set("Content-Type", a.Header.Get("Content-Type"))
				if a.Status != 0 {
					w.WriteHeader(a.Status)
				}
				if _, err := w.Write(a.Body); err != nil {
					t.Error(err)
				}
			}))
			defer server.Close()
			dir := t.TempDir()
			spec, _ := specOf(t, dir, name)
			spec.Config = map[string]string{"base_url": server.URL, "model": "test"}
			driver := newDriver(t, dir)
			if _, err := driver.Inspect(t.Context(), spec); err != nil {
				t.Fatal(err)
			}
			cell := inCell{start(t, driver, spec)}
			for _, stream := range []bool{false, true} {
				w := &plugintest.World{HTTP: carry(t, key)}
				in, err := json.Marshal(model.Request{Stream: stream, Messages: []model.Message{{Role: model.User, Text: "hello"}}})
				if err != nil {
					t.Fatal(err)
				}
				var resp model.Response
				out, err := cell.Call(t.Context(), protocol.ExportComplete, in, w.Effect, func([]byte) {})
				if err != nil {
					t.Fatal(err)
				}
				if err := json.Unmarshal(out, &resp); err != nil || resp.Text != "Hello there." || resp.Usage != (model.Usage{Input: 9, Output: 3}) || resp.Stop != model.StopEnd || resp.Model != "test" {
					t.Errorf("stream %v: %s, %v", stream, out, err)
				}
			}
			most(t, cell, key)
		})
	}
}

// most asks with as many bytes of images as a request may have: they fit
// through every limit on the way.
func most(t *testing.T, cell inCell, key string) {
	t.Helper()
	photo := func(size int) model.Image {
		b := make([]byte, size)
		copy(b, "\x89PNG\r\n\x1a\n")
		for i := 8; i < size; i++ {
			b[i] = byte(i * 2654435761 >> 8)
		}
		return model.Image{MIME: "image/png", Data: b}
	}
	req := model.Request{Messages: []model.Message{{Role: model.User, Text: "look", Images: []model.Image{photo(model.MaxImage), photo(model.MaxImageBytes - model.MaxImage)}}}}
	in, err := json.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	var sent int
	through := carry(t, key)
	w := &plugintest.World{HTTP: func(r plugintest.HTTPRequest) plugintest.HTTPResponse { sent = len(r.Body); return through(r) }}
	began := time.Now()
	if _, err := cell.Call(t.Context(), protocol.ExportComplete, in, w.Effect, func([]byte) {}); err != nil || sent < model.MaxImageBytes*4/3 {
		t.Errorf("with %d bytes of images: sent %d, %v", model.MaxImageBytes, sent, err)
	}
	t.Logf("%d bytes of images took %v", model.MaxImageBytes, time.Since(began))
}

// carry sends a plugin's request over the network with the key in its place.
func carry(t *testing.T, key string) func(plugintest.HTTPRequest) plugintest.HTTPResponse {
	return func(r plugintest.HTTPRequest) plugintest.HTTPResponse {
		req, err := http.NewRequestWithContext(t.Context(), r.Method, r.URL, strings.NewReader(string(r.Body)))
		if err != nil {
			t.Error(err)
			return plugintest.HTTPResponse{Status: 500}
		}
		for name, values := range r.Header {
			req.Header[http.CanonicalHeaderKey(name)] = values
		}
		for _, s := range r.Secrets {
			req.Header.Set(s.As, s.Prefix+key)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
			return plugintest.HTTPResponse{Status: 500}
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body) // as much as came, if the server breaks off
		return plugintest.HTTPResponse{Status: resp.StatusCode, Header: sdk.Header(resp.Header), Body: body}
	}
}
