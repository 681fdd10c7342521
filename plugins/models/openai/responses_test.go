package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	oai "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"

	"github.com/ambithost/ambit/plugins/models/wire"
	"github.com/ambithost/ambit/plugins/models/wiretest"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/plugintest"
	"github.com/ambithost/ambit/sdk/protocol"
)

func events(list ...string) plugintest.HTTPResponse {
	var b strings.Builder
	for _, e := range list {
		var head struct{ Type string }
		_ = json.Unmarshal([]byte(e), &head)
		b.WriteString("event: " + head.Type + "\ndata: " + e + "\n\n")
	}
	return wiretest.SSE(b.String())
}

const (
	created   = `{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","created_at":1,"status":"in_progress","model":"gpt-x-2026","output":[],"usage":null,"error":null,"incomplete_details":null}}`
	completed = `{"type":"response.completed","sequence_number":99,"response":{"id":"resp_1","object":"response","status":"completed","model":"gpt-x-2026","error":null,"incomplete_details":null,"output":[],"usage":{"input_tokens":90,"input_tokens_details":{"cached_tokens":64},"output_tokens":30,"output_tokens_details":{"reasoning_tokens":20},"total_tokens":120}}}`
)

// reasoned is an answer that reasons, speaks, and calls two tools at once.
func reasoned() plugintest.HTTPResponse {
	return events(created, `{"type":"response.in_progress","response":{"id":"resp_1"}}`,
		`{"type":"response.output_item.added","output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[],"encrypted_content":"par"}}`,
		`{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":0,"delta":"Two cities"}`,
		`{"type":"response.output_item.done","output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"Two cities"}],"encrypted_content":"c2VjcmV0"}}`,
		`{"type":"response.output_item.added","output_index":1,"item":{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","content":[]}}`,
		`{"type":"response.content_part.added","item_id":"msg_1","output_index":1,"content_index":0,"part":{"type":"output_text","text":"","annotations":[]}}`,
		`{"type":"response.output_text.delta","item_id":"msg_1","output_index":1,"content_index":0,"delta":"Let me ","logprobs":[],"obfuscation":"x"}`,
		`{"type":"response.output_text.delta","item_id":"msg_1","output_index":1,"content_index":0,"delta":"see."}`,
		`{"type":"response.output_text.done","item_id":"msg_1","output_index":1,"content_index":0,"text":"Let me see."}`,
		`{"type":"response.output_item.done","output_index":1,"item":{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Let me see.","annotations":[]}]}}`,
		`{"type":"response.output_item.added","output_index":2,"item":{"id":"fc_1","type":"function_call","status":"in_progress","call_id":"call_1","name":"weather__now","arguments":""}}`,
		`{"type":"response.function_call_arguments.delta","item_id":"fc_1","output_index":2,"delta":"{\"city\":"}`,
		`{"type":"response.function_call_arguments.delta","item_id":"fc_1","output_index":2,"delta":"\"Rome\"}"}`,
		`{"type":"response.function_call_arguments.done","item_id":"fc_1","output_index":2,"arguments":"{\"city\":\"Rome\"}"}`,
		`{"type":"response.output_item.done","output_index":2,"item":{"id":"fc_1","type":"function_call","status":"completed","call_id":"call_1","name":"weather__now","arguments":"{\"city\":\"Rome\"}"}}`,
		`{"type":"response.output_item.done","output_index":3,"item":{"id":"fc_2","type":"function_call","status":"completed","call_id":"call_2","name":"weather__now","arguments":"{\"city\":\"Oslo\"}"}}`,
		completed)
}

const bothCities = `call_1 weather__now {"city":"Rome"}; call_2 weather__now {"city":"Oslo"}`

func TestResponses(t *testing.T) {
	t.Parallel()
	delta := func(s string) string {
		return `{"type":"response.output_text.delta","output_index":0,"delta":"` + s + `"}`
	}
	incomplete := func(why string) string {
		return `{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"` + why + `"}}}`
	}
	whole := `{"id":"resp_1","object":"response","status":"completed","model":"m","output":[{"type":"reasoning","id":"rs","summary":[]},{"type":"web_search_call","id":7,"content":"odd"},{"type":"message","content":[{"type":"output_text","text":"whole"}]}],"usage":{"input_tokens":1,"output_tokens":2}}`
	for name, c := range map[string]struct {
		answer plugintest.HTTPResponse
		text   string
		calls  string
		stop   model.StopReason
		usage  model.Usage
	}{
		"reasoning, text, parallel calls":       {reasoned(), "Let me see.", bothCities, model.StopTools, model.Usage{Input: 90, Output: 30, Cached: 64}},
		"in one piece":                          {wiretest.Plain(200, whole), "whole", "", model.StopEnd, model.Usage{Input: 1, Output: 2}},
		"the last event alone":                  {wiretest.SSE(`data: {"type":"response.completed","response":` + whole + "}\n\n"), "whole", "", model.StopEnd, model.Usage{Input: 1, Output: 2}},
		"length":                                {events(created, delta("a"), incomplete("max_output_tokens")), "a", "", model.StopLength, model.Usage{}},
		"filter":                                {events(created, delta("a"), incomplete("content_filter")), "a", "", model.StopFilter, model.Usage{}},
		"refusal":                               {events(created, `{"type":"response.refusal.delta","output_index":0,"delta":"I can't."}`, `{"type":"response.completed","response":{"status":"completed"}}`), "I can't.", "", model.StopFilter, model.Usage{}},
		"unknown events, fields of any form":    {events(created, `{"type":"response.tomorrow","delta":{"a":1},"item":7,"response":"x"}`, `{"type":"keepalive"}`, delta("hi"), `{"type":"response.output_item.added","output_index":5,"item":{"type":"image_generation_call","content":"x","id":[]}}`, completed), "hi", "", model.StopEnd, model.Usage{Input: 90, Output: 30, Cached: 64}},
		"CRLF, comments, pings, split UTF-8":    {wiretest.SSE(": hello\r\n\r\ndata: ping\r\n\r\n" + strings.ReplaceAll("data: "+delta(`\u00fc€`)+"\n\ndata: "+delta("")+"\n\ndata: "+completed, "\n", "\r\n")), "ü€", "", model.StopEnd, model.Usage{Input: 90, Output: 30, Cached: 64}},
		"cut arguments":                         {events(`{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","call_id":"c","name":"weather__now"}}`, `{"type":"response.function_call_arguments.delta","output_index":0,"delta":"{\"ci"}`, incomplete("max_output_tokens")), "", `c weather__now "{\"ci"`, model.StopTools, model.Usage{}},
		"arguments for nothing":                 {events(`{"type":"response.function_call_arguments.delta","output_index":3,"delta":"{}"}`, completed), "", "", model.StopEnd, model.Usage{Input: 90, Output: 30, Cached: 64}},
		"[DONE] after the end, as others do it": {wiretest.SSE("data: " + delta("a") + "\n\ndata: " + completed + "\n\ndata: [DONE]\n\n"), "a", "", model.StopEnd, model.Usage{Input: 90, Output: 30, Cached: 64}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp, streamed, err := wiretest.Ask(t, openai(), wiretest.One(c.answer), nil, wiretest.Weather())
			if err != nil {
				t.Fatal(err)
			}
			if resp.Text != c.text || streamed != c.text || wiretest.Calls(resp) != c.calls || resp.Stop != c.stop || resp.Usage != c.usage {
				t.Errorf("got %q (streamed %q), calls %s, %s, %+v", resp.Text, streamed, wiretest.Calls(resp), resp.Stop, resp.Usage)
			}
		})
	}
}

// TestResponsesAreSturdy: a recorded stream means the same however it is written.
func TestResponsesAreSturdy(t *testing.T) {
	t.Parallel()
	wiretest.Sturdy(t, openai(), map[string]string{"api": "responses"}, reasoned())
}

func TestResponsesFail(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer plugintest.HTTPResponse
		config map[string]string
		code   protocol.Code
		says   string
	}{
		"failed":                   {events(created, `{"type":"response.failed","response":{"status":"failed","error":{"code":"server_error","message":"The model crashed"}}}`), nil, protocol.Unavailable, "crashed"},
		"error event":              {events(created, `{"type":"error","code":"rate_limit_exceeded","message":"slow down","param":null,"sequence_number":3}`), nil, protocol.Unavailable, "slow down"},
		"error event, nested":      {events(created, `{"type":"error","error":{"type":"invalid_request_error","code":"context_length_exceeded","message":"Your input exceeds the context window of this model."}}`), nil, protocol.Limit, "too long"},
		"an error without a type":  {wiretest.SSE("data: {\"error\":{\"message\":\"model crashed\"}}\n\n"), nil, protocol.Failed, "model crashed"},
		"failed, in one piece":     {wiretest.Plain(200, `{"object":"response","status":"failed","error":{"code":"server_error","message":"gone"},"output":[]}`), nil, protocol.Unavailable, "gone"},
		"cut stream":               {events(created, `{"type":"response.output_text.delta","output_index":0,"delta":"a"}`), nil, protocol.Unavailable, "broke off"},
		"cut within an event":      {wiretest.SSE(`data: {"type":"response.outp`), nil, protocol.Unavailable, "broke off"},
		"nothing":                  {wiretest.SSE(""), nil, protocol.Unavailable, "broke off"},
		"another protocol":         {wiretest.Plain(200, `{"choices":[{"message":{"content":"hi"}}]}`), nil, protocol.Failed, "api=chat"},
		"a server that has no API": {wiretest.Plain(404, `404 page not found`), nil, protocol.Failed, "base_url"},
		"no such API":              {wiretest.Plain(200, ``), map[string]string{"api": "assistants"}, protocol.Invalid, "responses or chat"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := wiretest.Ask(t, openai(), wiretest.One(c.answer), c.config, wiretest.Hello())
			if err == nil || protocol.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v (%s), want %s: …%s…", err, protocol.CodeOf(err), c.code, c.says)
			}
		})
	}
}

// TestReasoningGoesBack: to the model that made it, where it stood, and to no
// other; a model without any is asked without it.
func TestReasoningGoesBack(t *testing.T) {
	t.Parallel()
	req := wiretest.Weather()
	resp, _, err := wiretest.Ask(t, openai(), wiretest.One(reasoned()), nil, req)
	if err != nil {
		t.Fatal(err)
	}
	said := model.Message{Role: model.Assistant, Text: resp.Text, Calls: resp.Calls, Keep: resp.Keep}
	types := func(m model.Message, name string) string {
		next := req
		next.Model, next.Messages = name, append(next.Messages, m, model.Message{Role: model.Tool, Result: &model.ToolResult{ID: "call_1", Text: ""}})
		s := wiretest.One(events(completed))
		if _, _, err := wiretest.Ask(t, openai(), s, nil, next); err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, i := range wiretest.Body(t, s.Got[0])["input"].([]any) {
			switch i := i.(map[string]any); {
			case i["type"] == nil:
				list = append(list, i["role"].(string))
			case i["type"] == "reasoning" && (i["id"] != "rs_1" || i["encrypted_content"] != "c2VjcmV0" || len(i["summary"].([]any)) != 1):
				t.Errorf("reasoning %v", i)
			case i["type"] == "function_call_output" && i["output"] != "":
				t.Errorf("result %v", i)
			default:
				list = append(list, i["type"].(string))
			}
		}
		return strings.Join(list, " ")
	}
	if got := types(said, "m"); got != "user reasoning assistant function_call function_call function_call_output" {
		t.Errorf("the same model gets %s", got)
	}
	if got := types(said, "another"); got != "user assistant function_call function_call function_call_output" {
		t.Errorf("another model gets %s", got)
	}
	said.Text = "changed, and longer than it was"
	if got := types(said, "m"); got != "user assistant function_call function_call function_call_output" {
		t.Errorf("a changed answer is sent as %s", got)
	}
	s := &wiretest.Server{Answers: []plugintest.HTTPResponse{wiretest.Plain(400, `{"error":{"message":"Encrypted content is not supported with this model.","type":"invalid_request_error","param":"include"}}`), events(completed)}}
	if _, _, err := wiretest.Ask(t, openai(), s, nil, req); err != nil {
		t.Fatal(err)
	}
	if first, second := wiretest.Body(t, s.Got[0])["include"], wiretest.Body(t, s.Got[1])["include"]; first == nil || second != nil {
		t.Errorf("include %v, then %v", first, second)
	}
}

// TestResponsesLikeTheLibrary: the provider's library is the oracle. For the
// same conversation it sends what we send, and of the same stream it reads what
// we read.
func TestResponsesLikeTheLibrary(t *testing.T) {
	t.Parallel()
	url, last := wiretest.Recorder(t, reasoned())
	client := oai.NewClient(option.WithBaseURL(url+"/v1"), option.WithAPIKey("k"), option.WithMaxRetries(0))
	stream := client.Responses.NewStreaming(t.Context(), theirs())
	text, calls := "", ""
	var whole responses.Response
	for stream.Next() {
		switch e := stream.Current().AsAny().(type) {
		case responses.ResponseTextDeltaEvent:
			text += e.Delta
		case responses.ResponseOutputItemDoneEvent:
			if e.Item.Type == "function_call" {
				c := e.Item.AsFunctionCall()
				calls += "; " + c.CallID + " " + c.Name + " " + c.Arguments
			}
		case responses.ResponseCompletedEvent:
			whole = e.Response
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	s := wiretest.One(reasoned())
	resp, _, err := wiretest.Ask(t, openai(), s, map[string]string{"base_url": url + "/v1", "api": "responses"}, wiretest.Shown())
	if err != nil {
		t.Fatal(err)
	}
	if sent, heard := s.Got[0], last(); sent.URL != url+heard.URL || sent.Method != heard.Method || heard.Header.Get(sent.Secrets[0].As) != sent.Secrets[0].Prefix+"k" {
		t.Errorf("we send %s %s, the library %s %s", sent.Method, sent.URL, heard.Method, heard.URL)
	}
	if ours, theirs := wiretest.Body(t, s.Got[0]), last().Body; !reflect.DeepEqual(ours, theirs) {
		t.Errorf("we send\n%v\nthe library\n%v", ours, theirs)
	}
	u := whole.Usage
	if resp.Text != text || "; "+wiretest.Calls(resp) != calls || resp.Model != whole.Model ||
		resp.Usage != (model.Usage{Input: int(u.InputTokens), Output: int(u.OutputTokens), Cached: int(u.InputTokensDetails.CachedTokens)}) {
		t.Errorf("we read %+v, the library %s, %s, %+v", resp, text, calls, u)
	}
}

// theirs is wiretest.Shown as a user of OpenAI's own
// library writes it.
func theirs() responses.ResponseNewParams {
	now, long := "weather__now", wire.ToolName(wiretest.Long)
	msg := func(role responses.EasyInputMessageRole, text string) responses.ResponseInputItemUnionParam {
		return responses.ResponseInputItemUnionParam{OfMessage: &responses.EasyInputMessageParam{Role: role, Content: responses.EasyInputMessageContentUnionParam{OfString: oai.String(text)}}}
	}
	result := func(id, text string) responses.ResponseInputItemUnionParam {
		r := responses.ResponseInputItemParamOfFunctionCallOutput(text)
		r.OfFunctionCallOutput.CallID = oai.String(id)
		return r
	}
	look := responses.ResponseInputMessageContentListParam{
		{OfInputImage: &responses.ResponseInputImageParam{Detail: "auto", ImageURL: oai.String(wire.DataURL(wiretest.Look().Images[0]))}},
		{OfInputText: &responses.ResponseInputTextParam{Text: wiretest.Look().Text}},
	}
	return responses.ResponseNewParams{
		Model: "m", MaxOutputTokens: oai.Int(2000), Store: oai.Bool(false), Instructions: oai.String("You are main.\n\nIt is noon."),
		Include: []responses.ResponseIncludable{"reasoning.encrypted_content"},
		Tools: []responses.ToolUnionParam{
			{OfFunction: &responses.FunctionToolParam{Name: now, Description: oai.String("Weather."), Strict: oai.Bool(false), Parameters: map[string]any{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}}}},
			{OfFunction: &responses.FunctionToolParam{Name: long, Strict: oai.Bool(false), Parameters: map[string]any{"type": "object"}}},
		},
		Input: responses.ResponseNewParamsInputUnion{OfInputItemList: responses.ResponseInputParam{
			msg("user", "weather?"), msg("assistant", "Let me see."),
			responses.ResponseInputItemParamOfFunctionCall(`{"city":"Rome"}`, "a", now), responses.ResponseInputItemParamOfFunctionCall(`{}`, "b", long),
			result("a", "sunny"), result("b", "Error: no JSON"),
			msg("assistant", "Sunny."), msg("developer", "It is one."), msg("user", "and now?"),
			{OfMessage: &responses.EasyInputMessageParam{Role: "user", Content: responses.EasyInputMessageContentUnionParam{OfInputItemContentList: look}}},
		}},
	}
}
