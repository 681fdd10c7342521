package main

import (
	"encoding/json"
	"os"
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
	return wiretest.Ask(t, gemini(), s, config, req)
}

func events(list ...string) plugintest.HTTPResponse {
	return wiretest.SSE("data: " + strings.Join(list, "\r\n\r\ndata: ") + "\r\n\r\n")
}

// thoughtful is an answer that thinks, speaks, and calls two tools at once, of
// which the first is signed.
func thoughtful() plugintest.HTTPResponse {
	return events(
		`{"candidates":[{"content":{"parts":[{"text":"**Two cities**","thought":true}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":80,"totalTokenCount":120,"promptTokensDetails":[{"modality":"TEXT","tokenCount":80}],"thoughtsTokenCount":40},"modelVersion":"gemini-x","responseId":"r1"}`,
		`{"candidates":[{"content":{"parts":[{"text":"Let me "}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":80},"modelVersion":"gemini-x"}`,
		`{"candidates":[{"content":{"parts":[{"text":"see.","thoughtSignature":"dGV4dA=="}],"role":"model"},"index":0}]}`,
		`{"candidates":[{"content":{"parts":[{"functionCall":{"name":"weather__now","args":{"city":"Rome"},"id":"fc1"},"thoughtSignature":"Y2FsbA=="},{"functionCall":{"name":"weather__now","args":{"city":"Oslo"},"id":"fc2"}}],"role":"model"},"finishReason":"STOP","index":0,"safetyRatings":[{"category":"X","probability":"LOW"}]}],"usageMetadata":{"promptTokenCount":80,"cachedContentTokenCount":64,"candidatesTokenCount":12,"totalTokenCount":132,"thoughtsTokenCount":40,"serviceTier":"standard"},"modelVersion":"gemini-x","responseId":"r1"}`)
}

const stop = `{"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}]}`

func TestStreams(t *testing.T) {
	t.Parallel()
	finish := func(reason string) plugintest.HTTPResponse {
		return events(`{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}`, `{"candidates":[{"finishReason":"`+reason+`"}]}`)
	}
	for name, c := range map[string]struct {
		answer plugintest.HTTPResponse
		text   string
		calls  string
		stop   model.StopReason
		usage  model.Usage
	}{
		"thinking, text, parallel calls": {thoughtful(), "Let me see.", `fc1 weather__now {"city":"Rome"}; fc2 weather__now {"city":"Oslo"}`, model.StopTools, model.Usage{Input: 80, Output: 52, Cached: 64}},
		"calls without ids and arguments": {events(`{"candidates":[{"content":{"parts":[{"functionCall":{"name":"weather__now"}},{"functionCall":{"name":"weather__now","args":null}}]},"finishReason":"STOP"}]}`),
			"", `call_0 weather__now {}; call_1 weather__now {}`, model.StopTools, model.Usage{}},
		"unknown parts and fields, pings": {wiretest.SSE(": ping\n\ndata: ping\n\ndata: {\"new\":1,\"candidates\":[{\"content\":{\"parts\":[{\"executableCode\":{\"code\":\"x\"}},{\"text\":\"hi\",\"new\":{}},{}]},\"groundingMetadata\":{}},{\"index\":1,\"content\":{\"parts\":[{\"text\":\"other\"}]}}]}\n\ndata: " + stop), "hi", "", model.StopEnd, model.Usage{}},
		"no content at the end":           {events(`{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}`, `{"candidates":[{"content":{},"finishReason":"STOP"}]}`), "a", "", model.StopEnd, model.Usage{}},
		"length":                          {finish("MAX_TOKENS"), "a", "", model.StopLength, model.Usage{}},
		"safety":                          {finish("SAFETY"), "a", "", model.StopFilter, model.Usage{}},
		"recitation":                      {finish("RECITATION"), "a", "", model.StopFilter, model.Usage{}},
		"a reason of tomorrow":            {finish("TOMORROW"), "a", "", model.StopEnd, model.Usage{}},
		"the prompt is blocked":           {events(`{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":5}}`), "", "", model.StopFilter, model.Usage{Input: 5}},
		"in one piece":                    {wiretest.Plain(200, `{"candidates":[{"content":{"parts":[{"text":"whole"}],"role":"model"},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":2}}`), "whole", "", model.StopEnd, model.Usage{Input: 1, Output: 2}},
		"in a list":                       {wiretest.Plain(200, `[{"candidates":[{"content":{"parts":[{"text":"who"}]}}]}`+"\n,\n"+`{"candidates":[{"content":{"parts":[{"text":"le"}]},"finishReason":"STOP"}]}]`), "whole", "", model.StopEnd, model.Usage{}},
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
	failure := func(code int, status, says, details string) plugintest.HTTPResponse {
		b, err := json.Marshal(map[string]any{"error": map[string]any{"code": code, "message": says, "status": status, "details": json.RawMessage("[" + details + "]")}})
		if err != nil {
			t.Fatal(err)
		}
		return wiretest.Plain(code, string(b))
	}
	for name, c := range map[string]struct {
		answer plugintest.HTTPResponse
		code   protocol.Code
		says   string
	}{
		"wrong key":             {failure(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", `{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","domain":"googleapis.com","metadata":{"service":"x"}}`), protocol.Failed, "ambit secret set GEMINI_API_KEY"},
		"not allowed":           {failure(403, "PERMISSION_DENIED", "no", ``), protocol.Failed, "may use this model"},
		"rate":                  {failure(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota", `{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{}]},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"39s"}`), protocol.Unavailable, "wait 39s"},
		"overloaded":            {failure(503, "UNAVAILABLE", "The model is overloaded. Please try again later.", ``), protocol.Unavailable, "overloaded"},
		"too long":              {failure(400, "INVALID_ARGUMENT", "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", ``), protocol.Limit, "too long"},
		"no such model":         {failure(404, "NOT_FOUND", "models/x is not found for API version v1beta", ``), protocol.Failed, "model's name"},
		"bad request":           {failure(400, "INVALID_ARGUMENT", "contents is not specified", ``), protocol.Failed, "not specified"},
		"odd details":           {wiretest.Plain(429, `{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED","details":{"retryDelay":5}}}`), protocol.Unavailable, "slow down"},
		"error in a list":       {wiretest.Plain(503, `[{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}]`), protocol.Unavailable, "503: busy"},
		"error in the stream":   {events(`{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}`, `{"error":{"code":503,"message":"gone","status":"UNAVAILABLE"}}`), protocol.Unavailable, "gone"},
		"cut stream":            {events(`{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}`), protocol.Unavailable, "broke off"},
		"nothing":               {wiretest.SSE(""), protocol.Unavailable, "broke off"},
		"a call that is broken": {events(`{"candidates":[{"content":{},"finishReason":"MALFORMED_FUNCTION_CALL","finishMessage":"Malformed function call: print(\n1)"}]}`), protocol.Unavailable, "print( 1)"},
		"another protocol":      {wiretest.Plain(200, `{"choices":[]}`), protocol.Failed, "no candidate"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := ask(t, wiretest.One(c.answer), nil, wiretest.Hello())
			if err == nil || protocol.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v (%s), want %s: …%s…", err, protocol.CodeOf(err), c.code, c.says)
			}
		})
	}
}

func TestURL(t *testing.T) {
	t.Parallel()
	const base = "https://generativelanguage.googleapis.com/v1beta/"
	for name, want := range map[string]string{
		"gemini-x":      base + "models/gemini-x:streamGenerateContent?alt=sse",
		"tunedModels/x": base + "tunedModels/x:streamGenerateContent?alt=sse",
		"a?key=b#c/d":   base + "a%3Fkey=b%23c/d:streamGenerateContent?alt=sse",
	} {
		s := wiretest.One(events(stop))
		req := wiretest.Hello()
		req.Model = name
		if _, _, err := ask(t, s, nil, req); err != nil {
			t.Fatal(err)
		}
		if got := s.Got[0]; got.URL != want || len(got.Secrets) != 1 || got.Secrets[0] != (sdk.Secret{Name: "GEMINI_API_KEY", In: "header", As: "x-goog-api-key"}) {
			t.Errorf("%s: sent to %s with %+v", name, got.URL, got.Secrets)
		}
	}
}

func TestModelsName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"../secret", "models/..", "models/", "."} {
		s := wiretest.One(events(stop))
		req := wiretest.Hello()
		req.Model = name
		if _, _, err := ask(t, s, nil, req); protocol.CodeOf(err) != protocol.Invalid || len(s.Got) != 0 {
			t.Errorf("%q: %v after %d requests", name, err, len(s.Got))
		}
	}
}

// TestSignatures: an answer's signatures go back with the parts they came with,
// to the model that made them and to no other; a server that wants one where
// there is none is told so, once.
func TestSignatures(t *testing.T) {
	t.Parallel()
	req := wiretest.Weather()
	resp, _, err := ask(t, wiretest.One(thoughtful()), nil, req)
	if err != nil {
		t.Fatal(err)
	}
	req.Messages = append(req.Messages,
		model.Message{Role: model.Assistant, Text: resp.Text, Calls: resp.Calls, Keep: resp.Keep},
		model.Message{Role: model.System, Text: "A note between."},
		model.Message{Role: model.Tool, Result: &model.ToolResult{ID: "fc1", Text: "sunny"}},
		model.Message{Role: model.Tool, Result: &model.ToolResult{ID: "fc2", Text: "rain"}})
	sent := func(s *wiretest.Server, i int) string {
		b, err := json.Marshal(wiretest.Body(t, s.Got[i])["contents"].([]any)[1:])
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	const results = `{"parts":[{"functionResponse":{ID1"name":"weather__now","response":{"output":"sunny"}}},{"functionResponse":{ID2"name":"weather__now","response":{"output":"rain"}}},{"text":"[message from the host]\nA note between."}],"role":"user"}]`
	ids := strings.NewReplacer("ID1", `"id":"fc1",`, "ID2", `"id":"fc2",`)
	none := strings.NewReplacer("ID1", "", "ID2", "")
	s := wiretest.One(events(stop))
	if _, _, err := ask(t, s, nil, req); err != nil {
		t.Fatal(err)
	}
	if got, want := sent(s, 0), `[{"parts":[{"text":"Let me "},{"text":"see.","thoughtSignature":"dGV4dA=="},{"functionCall":{"args":{"city":"Rome"},"id":"fc1","name":"weather__now"},"thoughtSignature":"Y2FsbA=="},{"functionCall":{"args":{"city":"Oslo"},"id":"fc2","name":"weather__now"}}],"role":"model"},`+ids.Replace(results); got != want {
		t.Errorf("sent\n%s\nwant\n%s", got, want)
	}

	req.Model = "another"
	refused := wiretest.Plain(400, `{"error":{"code":400,"message":"Function call is missing a thought_signature in functionCall parts.","status":"INVALID_ARGUMENT"}}`)
	s = &wiretest.Server{Answers: []plugintest.HTTPResponse{refused, events(stop)}}
	if _, _, err := ask(t, s, nil, req); err != nil {
		t.Fatal(err)
	}
	bare := `[{"parts":[{"text":"Let me see."},{"functionCall":{"args":{"city":"Rome"},"name":"weather__now"}},{"functionCall":{"args":{"city":"Oslo"},"name":"weather__now"}}],"role":"model"},` + none.Replace(results)
	vouched := strings.Replace(bare, `"name":"weather__now"}}`, `"name":"weather__now"},"thoughtSignature":"skip_thought_signature_validator"}`, 1)
	if first, second := sent(s, 0), sent(s, 1); first != bare || second != vouched {
		t.Errorf("sent\n%s\nthen\n%s", first, second)
	}
	s = wiretest.One(refused)
	if _, _, err := ask(t, s, nil, req); protocol.CodeOf(err) != protocol.Failed || len(s.Got) != 2 {
		t.Errorf("%v after %d requests", err, len(s.Got))
	}
}

// TestSturdy: a recorded stream means the same however it is written.
func TestSturdy(t *testing.T) {
	t.Parallel()
	wiretest.Sturdy(t, gemini(), nil, thoughtful())
}

// TestGrows: what a provider saw before stays the beginning of what it is sent.
func TestGrows(t *testing.T) {
	t.Parallel()
	wiretest.Grows(t, gemini(), nil, "contents", thoughtful())
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
	s := wiretest.One(events(stop))
	plugintest.Run(t, plugintest.Config{
		Manifest: m,
		Open:     func(*testing.T) plugintest.Plugin { return plugintest.Direct(gemini(), nil) },
		Effect:   func() plugintest.Effect { return (&plugintest.World{HTTP: s.HTTP}).Effect },
	})
}
