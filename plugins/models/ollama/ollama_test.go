package main

import (
	"encoding/base64"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/ambithost/ambit/plugins/models/wire"
	"github.com/ambithost/ambit/plugins/models/wiretest"
	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/plugintest"
	"github.com/ambithost/ambit/sdk/protocol"
)

func ask(t *testing.T, s *wiretest.Server, config map[string]string, req model.Request) (model.Response, string, error) {
	t.Helper()
	return wiretest.Ask(t, ollama(), s, config, req)
}

func lines(list ...string) plugintest.HTTPResponse {
	return wiretest.Stream("application/x-ndjson", strings.Join(list, "\n")+"\n")
}

const done = `{"model":"qwen3","created_at":"2026-05-27T22:54:58.100509Z","message":{"role":"assistant","content":""},"done_reason":"stop","done":true,"total_duration":182242375,"load_duration":41295167,"prompt_eval_count":169,"prompt_eval_duration":24573166,"eval_count":15,"eval_duration":115959084}`

func thoughtful() plugintest.HTTPResponse {
	return lines(
		`{"model":"qwen3","created_at":"2026-05-27T22:54:57.641643Z","message":{"role":"assistant","content":"","thinking":"Rome and "},"done":false}`,
		`{"model":"qwen3","created_at":"2026-05-27T22:54:57.641643Z","message":{"role":"assistant","content":"","thinking":"Oslo."},"done":false}`,
		`{"model":"qwen3","created_at":"2026-05-27T22:54:57.67317Z","message":{"role":"assistant","content":"Let me "},"done":false}`,
		`{"model":"qwen3","created_at":"2026-05-27T22:54:57.67317Z","message":{"role":"assistant","content":"see.","images":null},"done":false}`,
		`{"model":"qwen3","created_at":"2026-05-27T22:54:57.67317Z","message":{"role":"assistant","content":"","tool_calls":[{"id":"call_x","function":{"index":0,"name":"weather__now","arguments":{"city":"Rome"}}}]},"done":false}`,
		`{"model":"qwen3","created_at":"2026-05-27T22:54:57.67317Z","message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"weather__now","arguments":{"city":"Oslo"}}}]},"done":false}`,
		done)
}

func TestStreams(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer plugintest.HTTPResponse
		text   string
		calls  string
		stop   model.StopReason
		usage  model.Usage
	}{
		"thinking, text, calls in two lines": {thoughtful(), "Let me see.", `call_x weather__now {"city":"Rome"}; call_1 weather__now {"city":"Oslo"}`, model.StopTools, model.Usage{Input: 169, Output: 15}},
		"unknown fields, empty lines":        {lines("", `{"model":"m","remote_host":"https://x","logprobs":[{"a":1}],"message":{"role":"assistant","content":"hi","tool_calls":null,"new":{}},"done":false}`, "", `{"done":true,"done_reason":"load"}`), "hi", "", model.StopEnd, model.Usage{}},
		"length":                             {lines(`{"message":{"content":"a"}}`, `{"done":true,"done_reason":"length","eval_count":1}`), "a", "", model.StopLength, model.Usage{Output: 1}},
		"no line feed at the end":            {wiretest.Stream("application/x-ndjson", `{"message":{"content":"a"},"done":true}`), "a", "", model.StopEnd, model.Usage{}},
		"in one piece, on many lines":        {wiretest.Plain(200, "{\n \"model\": \"m\",\n \"message\": {\"content\": \"whole\", \"tool_calls\": [{\"function\": {\"name\": \"weather__now\", \"arguments\": null}}]},\n \"done\": true,\n \"prompt_eval_count\": 2\n}\n"), "whole", "call_0 weather__now {}", model.StopTools, model.Usage{Input: 2}},
		"arguments that are no object":       {lines(`{"message":{"tool_calls":[{"function":{"name":"weather__now","arguments":"{\"city\""}}]},"done":true}`), "", `call_0 weather__now "{\"city\""`, model.StopTools, model.Usage{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp, streamed, err := ask(t, wiretest.One(c.answer), nil, wiretest.Weather())
			if err != nil {
				t.Fatal(err)
			}
			if resp.Text != c.text || streamed != c.text || wiretest.Calls(resp) != c.calls || resp.Stop != c.stop || resp.Usage != c.usage {
				t.Errorf("got %q (streamed %q), calls %s, %s, %+v", resp.Text, streamed, wiretest.Calls(resp), resp.Stop, resp.Usage)
			}
		})
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer plugintest.HTTPResponse
		config map[string]string
		code   protocol.Code
		says   string
	}{
		"no such model":       {wiretest.Plain(404, `{"error":"model 'x' not found"}`), nil, protocol.Failed, "model's name"},
		"no tools":            {wiretest.Plain(400, `{"error":"registry.ollama.ai/library/x:latest does not support tools"}`), nil, protocol.Failed, "does not support tools"},
		"too long":            {wiretest.Plain(400, `{"error":"the input length exceeds the context length"}`), nil, protocol.Limit, "too long"},
		"busy":                {wiretest.Plain(503, `{"error":"server busy, please try again.  maximum pending requests exceeded"}`), nil, protocol.Unavailable, "busy"},
		"crashed":             {wiretest.Plain(500, `{"error":"llama runner process has terminated: signal: killed"}`), nil, protocol.Unavailable, "terminated"},
		"a key is wanted":     {wiretest.Plain(401, `{"error":"unauthorized"}`), nil, protocol.Failed, "it wants a key"},
		"a wrong key":         {wiretest.Plain(401, `{"error":"unauthorized"}`), map[string]string{"secret": "OLLAMA_KEY"}, protocol.Failed, "secret set OLLAMA_KEY"},
		"error in the stream": {lines(`{"message":{"content":"a"}}`, `{"error":"an error was encountered while running the model: unexpected EOF"}`), nil, protocol.Failed, "unexpected EOF"},
		"cut stream":          {lines(`{"message":{"content":"a"}}`), nil, protocol.Unavailable, "broke off"},
		"cut within a line":   {wiretest.Stream("application/x-ndjson", `{"message":{"content":"a"}}`+"\n"+`{"message":{"con`), nil, protocol.Unavailable, "broke off"},
		"nothing":             {lines(), nil, protocol.Unavailable, "broke off"},
		"a web page":          {wiretest.Plain(200, `<!doctype html>`), nil, protocol.Failed, "can't be read"},
		"another protocol":    {wiretest.Plain(200, `{"choices":[]}`), nil, protocol.Failed, "Ollama server"},
		"flood":               {lines(`{"message":{"content":"` + strings.Repeat("x", 4<<20+1) + `"}}`), nil, protocol.Limit, "larger than"},
		"no context":          {lines(done), map[string]string{"context": "big"}, protocol.Invalid, "32768"},
		"no such level":       {lines(done), map[string]string{"think": "hard"}, protocol.Invalid, "think"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := ask(t, wiretest.One(c.answer), c.config, wiretest.Hello())
			if err == nil || protocol.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v (%s), want %s: …%s…", err, protocol.CodeOf(err), c.code, c.says)
			}
		})
	}
}

// TestRequest: written after ChatRequest in the server's own api/types.go.
func TestRequest(t *testing.T) {
	t.Parallel()
	s := wiretest.One(lines(done))
	req := wiretest.Shown()
	req.Stream = false
	if _, _, err := ask(t, s, map[string]string{"context": "32768", "think": "off"}, req); err != nil {
		t.Fatal(err)
	}
	sent := s.Got[0]
	if sent.URL != "http://127.0.0.1:11434/api/chat" || sent.Method != "POST" || len(sent.Secrets) != 0 {
		t.Errorf("sent %+v", sent)
	}
	long := wire.ToolName(wiretest.Long)
	type object = map[string]any
	want := object{
		"model": "m", "stream": false, "think": false, "truncate": false, "shift": false,
		"options": object{"num_ctx": 32768.0, "num_predict": 2000.0},
		"tools": []any{
			object{"type": "function", "function": object{"name": "weather__now", "description": "Weather.", "parameters": object{"type": "object", "properties": object{"city": object{"type": "string"}}}}},
			object{"type": "function", "function": object{"name": long, "description": "", "parameters": object{"type": "object"}}},
		},
		"messages": []any{
			object{"role": "system", "content": "You are main.\n\nIt is noon."},
			object{"role": "user", "content": "weather?"},
			object{"role": "assistant", "content": "Let me see.", "tool_calls": []any{
				object{"id": "a", "function": object{"name": "weather__now", "arguments": object{"city": "Rome"}}},
				object{"id": "b", "function": object{"name": long, "arguments": object{}}},
			}},
			object{"role": "tool", "content": "sunny", "tool_name": "weather__now", "tool_call_id": "a"},
			object{"role": "tool", "content": "Error: no JSON", "tool_name": long, "tool_call_id": "b"},
			object{"role": "assistant", "content": "Sunny."},
			object{"role": "user", "content": "[message from the host]\nIt is one.\n\nand now?\n\nwhat is this?", "images": []any{base64.StdEncoding.EncodeToString(wiretest.Look().Images[0].Data)}},
		},
	}
	if got := wiretest.Body(t, sent); !reflect.DeepEqual(got, want) {
		t.Errorf("sent\n%v\nwant\n%v", got, want)
	}
	if _, _, err := ask(t, s, map[string]string{"secret": "OLLAMA_KEY", "base_url": "https://ollama.com"}, req); err != nil {
		t.Fatal(err)
	}
	if got := s.Got[1].Secrets; len(got) != 1 || got[0] != (sdk.Secret{Name: "OLLAMA_KEY", In: "header", As: "Authorization", Prefix: "Bearer "}) {
		t.Errorf("secrets %+v", got)
	}
}

// TestThinking: what the model thought before a call goes back to it, and to no
// other.
func TestThinking(t *testing.T) {
	t.Parallel()
	req := wiretest.Weather()
	resp, _, err := ask(t, wiretest.One(thoughtful()), nil, req)
	if err != nil {
		t.Fatal(err)
	}
	req.Messages = append(req.Messages, model.Message{Role: model.Assistant, Text: resp.Text, Calls: resp.Calls, Keep: resp.Keep})
	for name, want := range map[string]any{"m": "Rome and Oslo.", "another": nil} {
		req.Model = name
		s := wiretest.One(lines(done))
		if _, _, err := ask(t, s, nil, req); err != nil {
			t.Fatal(err)
		}
		if got := wiretest.Body(t, s.Got[0])["messages"].([]any)[1].(map[string]any)["thinking"]; got != want {
			t.Errorf("%s gets thinking %v, want %v", name, got, want)
		}
	}
}

// TestSturdy: a recorded stream means the same however it is written.
func TestSturdy(t *testing.T) {
	t.Parallel()
	wiretest.Sturdy(t, ollama(), nil, thoughtful())
}

// TestGrows: what a provider saw before stays the beginning of what it is sent.
func TestGrows(t *testing.T) {
	t.Parallel()
	wiretest.Grows(t, ollama(), nil, "messages", thoughtful())
}

func TestDuties(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("plugin.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	s := wiretest.One(lines(done))
	plugintest.Run(t, plugintest.Config{
		Manifest: m,
		Open:     func(*testing.T) plugintest.Plugin { return plugintest.Direct(ollama(), nil) },
		Effect:   func() plugintest.Effect { return (&plugintest.World{HTTP: s.HTTP}).Effect },
	})
}
