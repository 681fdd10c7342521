package main

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/ambithost/ambit/plugins/models/wiretest"
	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/plugintest"
	"github.com/ambithost/ambit/sdk/protocol"
)

func ask(t *testing.T, s *wiretest.Server, config map[string]string, req model.Request) (model.Response, string, error) {
	t.Helper()
	return wiretest.Ask(t, anthropic(), s, config, req)
}

// events writes a stream as the server does, each event with its name.
func events(list ...string) string {
	var b strings.Builder
	for _, e := range list {
		var typed struct{ Type string }
		_ = json.Unmarshal([]byte(e), &typed) // what is no JSON has no name
		b.WriteString("event: " + typed.Type + "\ndata: " + e + "\n\n")
	}
	return b.String()
}

const (
	begin = `{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":25,"cache_creation_input_tokens":100,"cache_read_input_tokens":300,"cache_creation":{"ephemeral_5m_input_tokens":100},"output_tokens":1,"service_tier":"standard"}}}`
	ping  = `{"type":"ping"}`
	end   = `{"type":"message_stop"}`
)

// thoughtful is an answer that thinks, speaks, and calls two tools at once.
var thoughtful = events(begin,
	`{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}`, ping,
	`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Rome and "}}`,
	`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Oslo."}}`,
	`{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}`,
	`{"type":"content_block_stop","index":0}`,
	`{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"aGlkZGVu"}}`,
	`{"type":"content_block_stop","index":1}`,
	`{"type":"content_block_start","index":2,"content_block":{"type":"text","text":"","citations":null}}`,
	`{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"Let me "}}`,
	`{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":""}}`,
	`{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"see."}}`,
	`{"type":"content_block_stop","index":2}`,
	`{"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"toolu_1","name":"weather__now","input":{},"caller":{"type":"direct"}}}`,
	`{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":""}}`,
	`{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{\"city\": \"Ro"}}`,
	`{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"me\"}"}}`,
	`{"type":"content_block_stop","index":3}`,
	`{"type":"content_block_start","index":4,"content_block":{"type":"tool_use","id":"toolu_2","name":"weather__now","input":{}}}`,
	`{"type":"content_block_delta","index":4,"delta":{"type":"input_json_delta","partial_json":"{\"city\": \"Oslo\"}"}}`,
	`{"type":"content_block_stop","index":4}`,
	`{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":89,"output_tokens_details":{"thinking_tokens":40}}}`, end)

// TestStreams reads streams in the shapes the documentation shows, and in
// those it warns of.
func TestStreams(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body  string
		text  string
		calls string
		stop  model.StopReason
		usage model.Usage
	}{
		"thinking, text, parallel calls": {thoughtful, "Let me see.", `toolu_1 weather__now {"city":"Rome"}; toolu_2 weather__now {"city":"Oslo"}`, model.StopTools, model.Usage{Input: 425, Output: 89, Cached: 300}},
		"unknown events, blocks, deltas and fields": {": hi\n\n" + events(begin, `{"type":"tomorrow","index":{"a":1}}`,
			`{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s","name":7,"input":{}}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"q\":1}"}}`,
			`{"type":"content_block_start","index":1,"content_block":{"type":"text","text":"He"},"new":true}`,
			`{"type":"content_block_delta","index":1,"delta":{"type":"citations_delta","citation":{"type":"x"}}}`,
			`{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"llo","extra":[]}}`,
			`{"type":"content_block_delta","index":9,"delta":{"type":"text_delta","text":"lost"}}`,
			`{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null,"container":null},"usage":{"input_tokens":30,"cache_read_input_tokens":null,"output_tokens":4,"server_tool_use":null}}`, end),
			"Hello", "", model.StopEnd, model.Usage{Input: 430, Output: 4, Cached: 300}},
		"a call without arguments":      {events(begin, `{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"weather__now","input":{}}}`, `{"type":"message_delta","delta":{"stop_reason":"tool_use"}}`, end), "", "t weather__now {}", model.StopTools, model.Usage{Input: 425, Output: 1, Cached: 300}},
		"arguments in one piece":        {events(`{"type":"message_start","message":{}}`, `{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"weather__now","input":{"city":"Rome"}}}`, end), "", `t weather__now {"city":"Rome"}`, model.StopTools, model.Usage{}},
		"cut arguments at the limit":    {events(`{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"weather__now","input":{}}}`, `{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"ci"}}`, `{"type":"message_delta","delta":{"stop_reason":"max_tokens"},"usage":{}}`, end), "", `t weather__now "{\"ci"`, model.StopTools, model.Usage{}},
		"length":                        {events(`{"type":"message_delta","delta":{"stop_reason":"max_tokens"}}`, end), "", "", model.StopLength, model.Usage{}},
		"context full":                  {events(`{"type":"message_delta","delta":{"stop_reason":"model_context_window_exceeded"}}`, end), "", "", model.StopLength, model.Usage{}},
		"refusal":                       {events(`{"type":"message_delta","delta":{"stop_reason":"refusal","stop_details":{"type":"refusal"}}}`, end), "", "", model.StopFilter, model.Usage{}},
		"no message_stop, no last line": {strings.TrimSpace(events(`{"type":"message_delta","delta":{"stop_reason":"stop_sequence","stop_sequence":"x"}}`)), "", "", model.StopEnd, model.Usage{}},
		"JSON although a stream was asked": {`{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[{"type":"text","text":"whole"},{"type":"tool_use","id":"t","name":"weather__now","input":{"city":"Ü"}}],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":2}}`,
			"whole", `t weather__now {"city":"Ü"}`, model.StopTools, model.Usage{Input: 1, Output: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp, streamed, err := ask(t, wiretest.One(wiretest.SSE(c.body)), nil, wiretest.Weather())
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
	failure := func(kind, says string) string {
		return `{"type":"error","error":{"type":"` + kind + `","message":"` + says + `"},"request_id":"req_1"}`
	}
	limited := wiretest.Plain(429, failure("rate_limit_error", "slow down"))
	limited.Header["Retry-After"] = []string{"20"}
	for name, c := range map[string]struct {
		answer plugintest.HTTPResponse
		config map[string]string
		code   protocol.Code
		says   string
	}{
		"wrong key":            {wiretest.Plain(401, failure("authentication_error", "invalid x-api-key")), nil, protocol.Failed, "ambit secret set ANTHROPIC_API_KEY"},
		"not allowed":          {wiretest.Plain(403, failure("permission_error", "no")), nil, protocol.Failed, "may use this model"},
		"rate":                 {limited, nil, protocol.Unavailable, "wait 20s"},
		"overloaded":           {wiretest.Plain(529, failure("overloaded_error", "Overloaded")), nil, protocol.Unavailable, "529: Overloaded"},
		"no credit":            {wiretest.Plain(400, failure("invalid_request_error", "Your credit balance is too low")), nil, protocol.Failed, "no credit"},
		"too long":             {wiretest.Plain(400, failure("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum")), nil, protocol.Limit, "too long"},
		"too long with answer": {wiretest.Plain(400, failure("invalid_request_error", "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000")), nil, protocol.Limit, "too long"},
		"too large":            {wiretest.Plain(413, failure("request_too_large", "Request exceeds the maximum size")), nil, protocol.Limit, "too long"},
		"refused content":      {wiretest.Plain(400, failure("invalid_request_error", "Output blocked by content filtering policy")), nil, protocol.Failed, "refuses this content"},
		"no such model":        {wiretest.Plain(404, failure("not_found_error", "model: x")), nil, protocol.Failed, "model's name"},
		"bad request":          {wiretest.Plain(400, failure("invalid_request_error", "messages: at least one")), nil, protocol.Failed, "at least one"},
		"error in the stream":  {wiretest.SSE(events(begin, failure("overloaded_error", "Overloaded"))), nil, protocol.Unavailable, "Overloaded"},
		"unknown error":        {wiretest.SSE(events(begin, failure("tomorrow_error", "hm"))), nil, protocol.Failed, "hm"},
		"cut stream":           {wiretest.SSE(events(begin, ping)), nil, protocol.Unavailable, "broke off"},
		"cut within an event":  {wiretest.SSE(events(begin) + `data: {"type":"content_bl`), nil, protocol.Unavailable, "broke off"},
		"nothing":              {wiretest.SSE(""), nil, protocol.Unavailable, "broke off"},
		"another protocol":     {wiretest.Plain(200, `{"choices":[]}`), nil, protocol.Failed, "no message"},
		"thinking, no number":  {wiretest.Plain(200, ``), map[string]string{"thinking": "hard"}, protocol.Invalid, "thinking"},
		"thinking, too little": {wiretest.Plain(200, ``), map[string]string{"thinking": "100"}, protocol.Invalid, "1024"},
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

func TestRequest(t *testing.T) {
	t.Parallel()
	s := wiretest.One(wiretest.Plain(200, `{"type":"message","content":[],"stop_reason":"end_turn"}`))
	if _, _, err := ask(t, s, map[string]string{"secret": "KEY"}, wiretest.Conversation()); err != nil {
		t.Fatal(err)
	}
	sent := s.Got[0]
	if sent.URL != "https://api.anthropic.com/v1/messages" || sent.Method != "POST" || sent.Header.Get("anthropic-version") != "2023-06-01" ||
		len(sent.Secrets) != 1 || sent.Secrets[0] != (sdk.Secret{Name: "KEY", In: "header", As: "x-api-key"}) {
		t.Errorf("sent %+v", sent)
	}
	if _, ok := wiretest.Body(t, sent)["thinking"]; ok {
		t.Error("asked for thinking, though it is off")
	}
}

// TestThinking: an answer's thinking goes back as it came and where it stood,
// to the model that signed it and to no other.
func TestThinking(t *testing.T) {
	t.Parallel()
	req := wiretest.Weather()
	resp, _, err := ask(t, wiretest.One(wiretest.SSE(thoughtful)), nil, req)
	if err != nil || len(resp.Keep) == 0 {
		t.Fatalf("%+v, %v", resp, err)
	}
	said := model.Message{Role: model.Assistant, Text: resp.Text, Calls: resp.Calls, Keep: resp.Keep}
	types := func(m model.Message, name string) string {
		next := req
		next.Model = name
		next.Messages = append(next.Messages, m,
			model.Message{Role: model.System, Text: "A note between."},
			model.Message{Role: model.Tool, Result: &model.ToolResult{ID: "toolu_1", Text: "sunny"}},
			model.Message{Role: model.Tool, Result: &model.ToolResult{ID: "toolu_2", Text: "rain"}})
		s := wiretest.One(wiretest.Plain(200, `{"type":"message"}`))
		if _, _, err := ask(t, s, map[string]string{"thinking": "5000"}, next); err != nil {
			t.Fatal(err)
		}
		var body struct {
			Messages []struct{ Content []map[string]any }
			Thinking map[string]any
		}
		if err := json.Unmarshal(s.Got[0].Body, &body); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(body.Thinking, map[string]any{"type": "enabled", "budget_tokens": 5000.0}) {
			t.Errorf("thinking %v", body.Thinking)
		}
		var list []string
		for _, m := range body.Messages[1:] {
			for _, b := range m.Content {
				list = append(list, b["type"].(string))
				if b["type"] == "thinking" && (b["thinking"] != "Rome and Oslo." || b["signature"] != "c2ln") || b["type"] == "redacted_thinking" && b["data"] != "aGlkZGVu" {
					t.Errorf("block %v", b)
				}
			}
		}
		return strings.Join(list, " ")
	}
	const results = " tool_result tool_result text"
	if got := types(said, "m"); got != "thinking redacted_thinking text tool_use tool_use"+results {
		t.Errorf("the same model gets %s", got)
	}
	if got := types(said, "another"); got != "text tool_use tool_use"+results {
		t.Errorf("another model gets %s", got)
	}
	changed := said
	changed.Text = ""
	if got := types(changed, "m"); got != "thinking redacted_thinking tool_use tool_use"+results {
		t.Errorf("a changed answer is sent as %s", got)
	}
	changed.Keep = json.RawMessage(`{"by":"gemini","order":[{"type":"thinking"}]}`)
	if got := types(changed, "m"); got != "tool_use tool_use"+results {
		t.Errorf("what another plugin kept is sent as %s", got)
	}
}

// TestSturdy: a recorded stream means the same however it is written.
func TestSturdy(t *testing.T) {
	t.Parallel()
	wiretest.Sturdy(t, anthropic(), nil, wiretest.SSE(thoughtful))
}

// TestGrows: what a provider saw before stays the beginning of what it is sent.
func TestGrows(t *testing.T) {
	t.Parallel()
	wiretest.Grows(t, anthropic(), nil, "messages", wiretest.SSE(thoughtful))
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
	s := wiretest.One(wiretest.SSE(events(begin, `{"type":"message_delta","delta":{"stop_reason":"end_turn"}}`, end)))
	plugintest.Run(t, plugintest.Config{
		Manifest: m,
		Open:     func(*testing.T) plugintest.Plugin { return plugintest.Direct(anthropic(), nil) },
		Effect:   func() plugintest.Effect { return (&plugintest.World{HTTP: s.HTTP}).Effect },
	})
}
