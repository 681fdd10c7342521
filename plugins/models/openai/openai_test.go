package main

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"strings"
	"testing"

	oai "github.com/openai/openai-go/v3"

	"github.com/ambithost/ambit/plugins/models/wire"
	"github.com/ambithost/ambit/plugins/models/wiretest"
	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/plugintest"
	"github.com/ambithost/ambit/sdk/protocol"
)

// ask runs one complete against a server that speaks Chat Completions.
func ask(t *testing.T, s *wiretest.Server, config map[string]string, req model.Request) (resp model.Response, streamed string, err error) {
	t.Helper()
	chat := map[string]string{"api": "chat"}
	maps.Copy(chat, config)
	return wiretest.Ask(t, openai(), s, chat, req)
}

// TestStreams reads streams in the shapes that servers send. Written by hand
// after the API reference and the servers' own documentation.
func TestStreams(t *testing.T) {
	t.Parallel()
	long := wire.ToolName(wiretest.Long)
	for name, c := range map[string]struct {
		body  string
		text  string
		calls string
		stop  model.StopReason
		usage model.Usage
	}{
		"OpenAI text": {`data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"gpt-x","service_tier":"default","system_fingerprint":"fp","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"ab"}

data: {"id":"c1","choices":[{"index":0,"delta":{"content":"Hel"},"finish_reason":null}]}

data: {"id":"c1","choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":null}]}

data: {"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

data: {"id":"c1","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11,"prompt_tokens_details":{"cached_tokens":6}}}

data: [DONE]

`, "Hello", "", model.StopEnd, model.Usage{Input: 9, Output: 2, Cached: 6}},
		"OpenAI parallel calls in fragments": {`data: {"choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_a","type":"function","function":{"name":"weather__now","arguments":""}}]}}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":"}}]}}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"call_b","type":"function","function":{"name":"` + long + `","arguments":""}}]}}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"Rome\"}"}},{"index":1,"function":{"arguments":"{}"}}]}}]}

data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

data: [DONE]

`, "", `call_a weather__now {"city":"Rome"}; call_b an-extremely-long-plugin-name-of-forty-chr__and_a_tool_with_a_long_name_too {}`, model.StopTools, model.Usage{}},
		"Ollama: whole calls, finish stop, object arguments": {`data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"","tool_calls":[{"id":"call_1","index":0,"type":"function","function":{"name":"weather__now","arguments":"{\"city\":\"Rome\"}"}}]},"finish_reason":null}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"id":"call_2","type":"function","function":{"name":"weather__now","arguments":{"city":"Oslo"}}}]},"finish_reason":"stop"}]}

data: [DONE]
`, "", `call_1 weather__now {"city":"Rome"}; call_2 weather__now {"city":"Oslo"}`, model.StopTools, model.Usage{}},
		"llama.cpp: timings, no blank line at the end": {"data: {\"choices\":[{\"finish_reason\":null,\"index\":0,\"delta\":{\"content\":\"hi\"}}],\"timings\":{\"prompt_n\":1}}\n\ndata: {\"choices\":[{\"finish_reason\":\"length\",\"index\":0,\"delta\":{}}],\"usage\":{\"completion_tokens\":1,\"prompt_tokens\":4}}", "hi", "", model.StopLength, model.Usage{Input: 4, Output: 1}},
		"vLLM: reasoning, usage with every chunk": {`data: {"choices":[{"index":0,"delta":{"role":"assistant","reasoning_content":"hmm"}}],"usage":{"prompt_tokens":5,"completion_tokens":1}}

data: {"choices":[{"index":0,"delta":{"content":"ok"},"stop_reason":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":3}}

data: [DONE]

`, "ok", "", model.StopEnd, model.Usage{Input: 5, Output: 3}},
		"pings, comments, names, CRLF, BOM, two data lines": {"\ufeff: OPENROUTER PROCESSING\r\n\r\nevent: ping\r\ndata: ping\r\n\r\nid: 7\r\nretry: 10\r\ndata: {\"choices\":[{\"index\":0,\r\ndata: \"delta\":{\"content\":\"a\"}}]}\r\n\r\ndata:{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"other\"}}]}\r\n\r\nunknown\r\ndata: {\"choices\":[{\"index\":0,\"delta\":null,\"finish_reason\":\"stop\"}]}\r\n\r\ndata: [DONE]\r\n\r\n", "a", "", model.StopEnd, model.Usage{}},
		"refusal":                          {"data: {\"choices\":[{\"index\":0,\"delta\":{\"refusal\":\"I can't.\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n", "I can't.", "", model.StopFilter, model.Usage{}},
		"filter":                           {"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"content_filter\"}]}\n\n", "a", "", model.StopFilter, model.Usage{}},
		"content in parts":                 {"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]},\"finish_reason\":\"stop\"}]}\n\n", "ab", "", model.StopEnd, model.Usage{}},
		"cut arguments, ids left out":      {"data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"function\":{\"name\":\"weather__now\",\"arguments\":\"{\\\"ci\"}}]},\"finish_reason\":\"length\"}]}\n\n", "", `call_0 weather__now "{\"ci"`, model.StopTools, model.Usage{}},
		"the same id twice":                {"data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"x\",\"function\":{\"name\":\"weather__now\"}},{\"index\":1,\"id\":\"x\",\"function\":{\"name\":\"weather__now\"}}]},\"finish_reason\":\"stop\"}]}\n\n", "", "x weather__now {}; call_1 weather__now {}", model.StopTools, model.Usage{}},
		"JSON although a stream was asked": {`{"id":"1","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"whole"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}`, "whole", "", model.StopEnd, model.Usage{Input: 1, Output: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp, streamed, err := ask(t, &wiretest.Server{Answers: []plugintest.HTTPResponse{wiretest.SSE(c.body)}}, nil, wiretest.Weather())
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
	limited := wiretest.Plain(429, `{"error":{"message":"slow down","type":"requests","code":"rate_limit_exceeded"}}`)
	limited.Header["Retry-After"] = []string{"20"}
	for name, c := range map[string]struct {
		answer plugintest.HTTPResponse
		config map[string]string
		code   protocol.Code
		says   string
	}{
		"wrong key":           {wiretest.Plain(401, `{"error":{"message":"Incorrect API key","code":"invalid_api_key"}}`), nil, protocol.Failed, "ambit secret set OPENAI_API_KEY"},
		"no key at a server":  {wiretest.Plain(401, `nope`), map[string]string{"secret": "none"}, protocol.Failed, "it wants a key"},
		"rate":                {limited, nil, protocol.Unavailable, "wait 20s"},
		"no credit":           {wiretest.Plain(429, `{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}`), nil, protocol.Failed, "no credit"},
		"too long":            {wiretest.Plain(400, `{"error":{"message":"This model's maximum context length is 8192 tokens.","code":"context_length_exceeded"}}`), nil, protocol.Limit, "too long"},
		"too long, llama.cpp": {wiretest.Plain(400, `{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}`), nil, protocol.Limit, "too long"},
		"no such model":       {wiretest.Plain(404, `{"error":"model 'x' not found"}`), nil, protocol.Failed, "model's name"},
		"server":              {wiretest.Plain(503, "<html>\x1b[31mbusy</html>"), nil, protocol.Unavailable, "503: <html> [31mbusy"},
		"redirect":            {wiretest.Plain(307, ``), nil, protocol.Failed, "base_url"},
		"bad request":         {wiretest.Plain(400, `{"error":{"message":"tools is not supported"}}`), nil, protocol.Failed, "not supported"},
		"error in the stream": {wiretest.SSE("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\ndata: {\"error\":{\"message\":\"The server had an error\",\"type\":\"server_error\"}}\n\n"), nil, protocol.Unavailable, "had an error"},
		"error text":          {wiretest.SSE("data: {\"error\":\"model crashed\"}\n\n"), nil, protocol.Failed, "model crashed"},
		"cut stream":          {wiretest.SSE("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n"), nil, protocol.Unavailable, "broke off"},
		"nothing":             {wiretest.SSE(""), nil, protocol.Unavailable, "broke off"},
		"broken JSON":         {wiretest.SSE("data: {\"choices\": [\n\n"), nil, protocol.Failed, "can't be read"},
		"another protocol":    {wiretest.Plain(200, `{"hello":"world"}`), nil, protocol.Failed, "no choice"},
		"a web page":          {wiretest.Plain(200, `<!doctype html><p>Welcome`), nil, protocol.Unavailable, "broke off"},
		"flood":               {wiretest.SSE("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" + strings.Repeat("x", 4<<20+1) + "\"}}]}\n\n"), nil, protocol.Limit, "more than"},
		"no base_url":         {wiretest.Plain(200, ``), map[string]string{"base_url": "ftp://x"}, protocol.Invalid, "base_url"},
		"key in base_url":     {wiretest.Plain(200, ``), map[string]string{"base_url": "https://user:key@x/v1"}, protocol.Invalid, "secret"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := ask(t, &wiretest.Server{Answers: []plugintest.HTTPResponse{c.answer}}, c.config, wiretest.Hello())
			if err == nil || protocol.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v (%s), want %s: …%s…", err, protocol.CodeOf(err), c.code, c.says)
			}
			if err != nil && strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Errorf("control characters in %q", err)
			}
		})
	}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	req := wiretest.Weather()
	req.MaxTokens = 100
	req.Messages = []model.Message{
		{Role: model.System, Text: "You are main."}, {Role: model.System, Text: "It is noon."},
		{Role: model.User, Text: "weather?"},
		{Role: model.Assistant, Calls: []model.ToolCall{{ID: "a", Name: "weather__now", Args: json.RawMessage(`{"city":"Rome"}`)}, {ID: "b", Name: req.Tools[1].Name, Args: json.RawMessage(`"{cut"`)}}},
		{Role: model.Tool, Result: &model.ToolResult{ID: "a", Text: "sunny"}},
		{Role: model.Tool, Result: &model.ToolResult{ID: "b", Text: "no JSON", Error: true}},
		{Role: model.Assistant, Text: "Sunny."},
		{Role: model.System, Text: "It is one."}, {Role: model.User, Text: "and now?"},
	}
	req.Messages = append(req.Messages, wiretest.Look())
	s := &wiretest.Server{Answers: []plugintest.HTTPResponse{wiretest.Plain(200, `{"choices":[{"message":{"content":"ok"}}]}`)}}
	if _, _, err := ask(t, s, map[string]string{"secret": "KEY"}, req); err != nil {
		t.Fatal(err)
	}
	sent := s.Got[0]
	if sent.URL != "https://api.openai.com/v1/chat/completions" || sent.Method != "POST" || len(sent.Secrets) != 1 ||
		sent.Secrets[0] != (sdk.Secret{Name: "KEY", In: "header", As: "Authorization", Prefix: "Bearer "}) {
		t.Errorf("sent %+v", sent)
	}
	// OpenAI's own library is the oracle for the form.
	var p oai.ChatCompletionNewParams
	if err := json.Unmarshal(sent.Body, &p); err != nil {
		t.Fatal(err)
	}
	var roles []string
	for _, m := range p.Messages {
		roles = append(roles, *m.GetRole())
	}
	if got := strings.Join(roles, " "); got != "system user assistant tool tool assistant user" {
		t.Errorf("roles %s", got)
	}
	if p.Model != "m" || p.MaxCompletionTokens.Value != 100 || !p.StreamOptions.IncludeUsage.Value || len(p.Tools) != 2 {
		t.Errorf("decoded as %+v", p)
	}
	made := p.Messages[2].OfAssistant.ToolCalls
	if made[0].OfFunction.ID != "a" || made[0].OfFunction.Function.Arguments != `{"city":"Rome"}` || made[1].OfFunction.Function.Arguments != "{}" {
		t.Errorf("calls %+v", made)
	}
	fn := p.Tools[1].OfFunction.Function
	if len(fn.Name) > 64 || fn.Name != made[1].OfFunction.Function.Name || fn.Parameters["type"] != "object" {
		t.Errorf("tool %+v", fn)
	}
	if got := p.Messages[4].OfTool.Content.OfString.Value; got != "Error: no JSON" || p.Messages[4].OfTool.ToolCallID != "b" {
		t.Errorf("result %q", got)
	}
	parts := p.Messages[6].OfUser.Content.OfArrayOfContentParts
	if len(parts) != 2 || parts[0].OfImageURL.ImageURL.URL != wire.DataURL(wiretest.Look().Images[0]) || parts[1].OfText.Text != "[message from the host]\nIt is one.\n\nand now?\n\nwhat is this?" {
		t.Errorf("last message %+v", parts)
	}
}

// TestLikeTheLibrary reads what OpenAI's library would: its accumulated stream
// and ours are the same.
func TestLikeTheLibrary(t *testing.T) {
	t.Parallel()
	chunks := []string{
		`{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"Let me "},"finish_reason":null}]}`,
		`{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"see."},"finish_reason":null}]}`,
		`{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"x","type":"function","function":{"name":"weather__now","arguments":"{\"ci"}}]},"finish_reason":null}]}`,
		`{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"ty\":\"Ü\"}"}}]},"finish_reason":null}]}`,
		`{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}`,
		`{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}`,
	}
	var acc oai.ChatCompletionAccumulator
	body := ""
	for _, c := range chunks {
		var theirs oai.ChatCompletionChunk
		if err := json.Unmarshal([]byte(c), &theirs); err != nil {
			t.Fatal(err)
		}
		if !acc.AddChunk(theirs) {
			t.Fatalf("the library refuses %s", c)
		}
		body += "data: " + c + "\n\n"
	}
	resp := wiretest.Sturdy(t, openai(), map[string]string{"api": "chat"}, wiretest.SSE(body+"data: [DONE]\n\n"))
	theirs := acc.Choices[0].Message
	if resp.Text != theirs.Content || string(resp.Calls[0].Args) != theirs.ToolCalls[0].Function.Arguments || resp.Calls[0].ID != theirs.ToolCalls[0].ID ||
		resp.Usage.Input != int(acc.Usage.PromptTokens) || resp.Usage.Output != int(acc.Usage.CompletionTokens) {
		t.Errorf("ours %+v, the library's %+v %+v", resp, theirs, acc.Usage)
	}
}

func TestLocalServers(t *testing.T) {
	t.Parallel()
	s := &wiretest.Server{Answers: []plugintest.HTTPResponse{
		wiretest.Plain(400, `{"error":{"message":"Unrecognized request argument: stream_options"}}`),
		wiretest.SSE("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\n"),
	}}
	req := wiretest.Hello()
	req.Model, req.MaxTokens = "", 7
	config := map[string]string{"base_url": "http://127.0.0.1:11434/v1/", "secret": "none", "model": "llama"}
	resp, _, err := ask(t, s, config, req)
	if err != nil || resp.Text != "hi" {
		t.Fatalf("%+v, %v", resp, err)
	}
	var first, second map[string]any
	if json.Unmarshal(s.Got[0].Body, &first) != nil || json.Unmarshal(s.Got[1].Body, &second) != nil {
		t.Fatal("a body is not JSON")
	}
	if first["stream_options"] == nil || second["stream_options"] != nil || second["max_tokens"] != 7.0 || second["model"] != "llama" {
		t.Errorf("sent %v, then %v", first, second)
	}
	if s.Got[1].URL != "http://127.0.0.1:11434/v1/chat/completions" || len(s.Got[1].Secrets) != 0 {
		t.Errorf("sent %+v", s.Got[1])
	}
	delete(config, "model")
	if _, _, err := ask(t, s, config, req); protocol.CodeOf(err) != protocol.Invalid {
		t.Errorf("without a model: %v", err)
	}
}

func TestDenialKeepsItsCode(t *testing.T) {
	t.Parallel()
	in, _ := json.Marshal(wiretest.Hello())
	_, err := plugintest.Direct(openai(), nil).Call(t.Context(), protocol.ExportComplete, in, func(context.Context, string, []byte) ([]byte, error) {
		return nil, protocol.Errorf(protocol.Denied, "no grant")
	}, func([]byte) {})
	if protocol.CodeOf(err) != protocol.Denied {
		t.Errorf("got %v", err)
	}
}

// TestGrows: what a provider saw before stays the beginning of what it is sent.
func TestGrows(t *testing.T) {
	t.Parallel()
	wiretest.Grows(t, openai(), map[string]string{"api": "responses"}, "input", reasoned())
	wiretest.Grows(t, openai(), map[string]string{"api": "chat"}, "messages", wiretest.Plain(200, `{"choices":[{"message":{"content":"ok"},"finish_reason":"stop"}]}`))
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
	s := &wiretest.Server{Answers: []plugintest.HTTPResponse{wiretest.SSE("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\n")}}
	plugintest.Run(t, plugintest.Config{
		Manifest: m,
		Open: func(*testing.T) plugintest.Plugin {
			return plugintest.Direct(openai(), map[string]string{"api": "chat"})
		},
		Effect: func() plugintest.Effect { return (&plugintest.World{HTTP: s.HTTP}).Effect },
	})
}
