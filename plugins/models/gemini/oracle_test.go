package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/genai"

	"github.com/ambithost/ambit/plugins/models/wire"
	"github.com/ambithost/ambit/plugins/models/wiretest"
)

// theirs is wiretest.Shown as a user of Google's own library writes it.
func theirs() ([]*genai.Content, *genai.GenerateContentConfig) {
	now, long := "weather__now", wire.ToolName(wiretest.Long)
	text := func(s string) *genai.Part { return &genai.Part{Text: s} }
	contents := []*genai.Content{
		{Role: "user", Parts: []*genai.Part{text("weather?")}},
		{Role: "model", Parts: []*genai.Part{text("Let me see."), {FunctionCall: &genai.FunctionCall{Name: now, Args: map[string]any{"city": "Rome"}}}, {FunctionCall: &genai.FunctionCall{Name: long, Args: map[string]any{}}}}},
		{Role: "user", Parts: []*genai.Part{{FunctionResponse: &genai.FunctionResponse{Name: now, Response: map[string]any{"output": "sunny"}}}, {FunctionResponse: &genai.FunctionResponse{Name: long, Response: map[string]any{"error": "no JSON"}}}}},
		{Role: "model", Parts: []*genai.Part{text("Sunny.")}},
		{Role: "user", Parts: []*genai.Part{text("[message from the host]\nIt is one."), text("and now?"), {InlineData: &genai.Blob{MIMEType: "image/png", Data: wiretest.Look().Images[0].Data}}, text("what is this?")}},
	}
	return contents, &genai.GenerateContentConfig{
		SystemInstruction: &genai.Content{Parts: []*genai.Part{text("You are main."), text("It is noon.")}},
		MaxOutputTokens:   2000,
		Tools: []*genai.Tool{{FunctionDeclarations: []*genai.FunctionDeclaration{
			{Name: now, Description: "Weather.", ParametersJsonSchema: map[string]any{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}}},
			{Name: long, ParametersJsonSchema: map[string]any{"type": "object"}},
		}}},
	}
}

// TestLikeTheLibrary: the provider's library is the oracle. For the same
// conversation it sends what we send, and of the same stream it reads what we
// read.
func TestLikeTheLibrary(t *testing.T) {
	t.Parallel()
	url, last := wiretest.Recorder(t, thoughtful())
	client, err := genai.NewClient(t.Context(), &genai.ClientConfig{APIKey: "k", Backend: genai.BackendGeminiAPI, HTTPOptions: genai.HTTPOptions{BaseURL: url}})
	if err != nil {
		t.Fatal(err)
	}
	contents, config := theirs()
	text, calls, version := "", []string(nil), ""
	var usage *genai.GenerateContentResponseUsageMetadata
	for chunk, err := range client.Models.GenerateContentStream(t.Context(), "m", contents, config) {
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range chunk.Candidates[0].Content.Parts {
			if !p.Thought {
				text += p.Text
			}
			if c := p.FunctionCall; c != nil {
				args, err := json.Marshal(c.Args)
				if err != nil {
					t.Fatal(err)
				}
				calls = append(calls, c.ID+" "+c.Name+" "+string(args))
			}
		}
		if chunk.UsageMetadata != nil {
			usage, version = chunk.UsageMetadata, chunk.ModelVersion
		}
	}
	s := wiretest.One(thoughtful())
	resp, _, err := ask(t, s, map[string]string{"base_url": url}, wiretest.Shown())
	if err != nil {
		t.Fatal(err)
	}

	sent, heard := s.Got[0], last()
	if sent.URL != url+heard.URL || sent.Method != heard.Method {
		t.Errorf("we send %s %s, the library %s %s", sent.Method, sent.URL, heard.Method, heard.URL)
	}
	if heard.Header.Get(sent.Secrets[0].As) != sent.Secrets[0].Prefix+"k" {
		t.Errorf("the library sends the key in another header than %s: %v", sent.Secrets[0].As, heard.Header)
	}
	ours, library := normal(wiretest.Body(t, sent)), normal(heard.Body)
	if !reflect.DeepEqual(ours, library) {
		t.Errorf("we send\n%v\nthe library\n%v", ours, library)
	}
	if usage == nil || resp.Text != text || wiretest.Calls(resp) != strings.Join(calls, "; ") || resp.Model != version ||
		resp.Usage.Input != int(usage.PromptTokenCount) || resp.Usage.Output != int(usage.CandidatesTokenCount+usage.ThoughtsTokenCount) || resp.Usage.Cached != int(usage.CachedContentTokenCount) {
		t.Errorf("we read %+v, the library %q, %v, %+v", resp, text, calls, usage)
	}
}

// normal takes out what the protocol lets each side write as it likes: an empty
// object written or left out, and the role of the system instruction.
func normal(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, value := range v {
			if o, ok := value.(map[string]any); ok && len(o) == 0 {
				continue
			}
			if key == "systemInstruction" {
				delete(value.(map[string]any), "role")
			}
			out[key] = normal(value)
		}
		return out
	case []any:
		for i := range v {
			v[i] = normal(v[i])
		}
	}
	return v
}
