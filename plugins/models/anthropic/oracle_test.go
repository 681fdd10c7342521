package main

import (
	"encoding/base64"
	"reflect"
	"strings"
	"testing"

	sdkanthropic "github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"

	"github.com/ambithost/ambit/plugins/models/wire"
	"github.com/ambithost/ambit/plugins/models/wiretest"
)

// theirs is wiretest.Shown as a user of Anthropic's own library writes
// it.
func theirs() sdkanthropic.MessageNewParams {
	cached := sdkanthropic.NewCacheControlEphemeralParam()
	now, long := "weather__now", wire.ToolName(wiretest.Long)
	look := wiretest.Look()
	last := sdkanthropic.NewTextBlock(look.Text)
	last.OfText.CacheControl = cached
	image := sdkanthropic.NewImageBlockBase64(look.Images[0].MIME, base64.StdEncoding.EncodeToString(look.Images[0].Data))
	return sdkanthropic.MessageNewParams{
		Model: "m", MaxTokens: 2000,
		System: []sdkanthropic.TextBlockParam{{Text: "You are main."}, {Text: "It is noon.", CacheControl: cached}},
		Tools: []sdkanthropic.ToolUnionParam{
			{OfTool: &sdkanthropic.ToolParam{Name: now, Description: sdkanthropic.String("Weather."), InputSchema: sdkanthropic.ToolInputSchemaParam{Properties: map[string]any{"city": map[string]any{"type": "string"}}}}},
			{OfTool: &sdkanthropic.ToolParam{Name: long, InputSchema: sdkanthropic.ToolInputSchemaParam{Type: "object"}}},
		},
		Messages: []sdkanthropic.MessageParam{
			sdkanthropic.NewUserMessage(sdkanthropic.NewTextBlock("weather?")),
			sdkanthropic.NewAssistantMessage(sdkanthropic.NewTextBlock("Let me see."),
				sdkanthropic.NewToolUseBlock("a", map[string]any{"city": "Rome"}, now), sdkanthropic.NewToolUseBlock("b", map[string]any{}, long)),
			sdkanthropic.NewUserMessage(sdkanthropic.NewToolResultBlock("a", "sunny", false), sdkanthropic.NewToolResultBlock("b", "no JSON", true)),
			sdkanthropic.NewAssistantMessage(sdkanthropic.NewTextBlock("Sunny.")),
			sdkanthropic.NewUserMessage(sdkanthropic.NewTextBlock("[message from the host]\nIt is one."), sdkanthropic.NewTextBlock("and now?"), image, last),
		},
	}
}

// TestLikeTheLibrary: the provider's library is the oracle. For the same
// conversation it sends what we send, and of the same stream it reads what we
// read.
func TestLikeTheLibrary(t *testing.T) {
	t.Parallel()
	url, last := wiretest.Recorder(t, wiretest.SSE(thoughtful))
	client := sdkanthropic.NewClient(option.WithBaseURL(url), option.WithAPIKey("k"), option.WithMaxRetries(0))
	stream := client.Messages.NewStreaming(t.Context(), theirs())
	var read sdkanthropic.Message
	for stream.Next() {
		if err := read.Accumulate(stream.Current()); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	s := wiretest.One(wiretest.SSE(thoughtful))
	resp, _, err := ask(t, s, map[string]string{"base_url": url}, wiretest.Shown())
	if err != nil {
		t.Fatal(err)
	}

	sent, heard := s.Got[0], last()
	if sent.URL != url+heard.URL || sent.Method != heard.Method {
		t.Errorf("we send %s %s, the library %s %s", sent.Method, sent.URL, heard.Method, heard.URL)
	}
	for _, name := range []string{"Anthropic-Version", "Content-Type"} {
		if sent.Header.Get(name) != heard.Header.Get(name) {
			t.Errorf("header %s: ours %q, the library's %q", name, sent.Header.Get(name), heard.Header.Get(name))
		}
	}
	if heard.Header.Get(sent.Secrets[0].As) != sent.Secrets[0].Prefix+"k" {
		t.Errorf("the library sends the key in another header than %s: %v", sent.Secrets[0].As, heard.Header)
	}
	if ours, theirs := normal(wiretest.Body(t, sent)), normal(heard.Body); !reflect.DeepEqual(ours, theirs) {
		t.Errorf("we send\n%v\nthe library\n%v", ours, theirs)
	}

	text, calls := "", ""
	for _, b := range read.Content {
		switch b.Type {
		case "text":
			text += b.Text
		case "tool_use":
			if calls != "" {
				calls += "; "
			}
			calls += b.ID + " " + b.Name + " " + strings.ReplaceAll(string(b.Input), ": ", ":") // we write no spaces
		}
	}
	u := read.Usage
	if resp.Text != text || wiretest.Calls(resp) != calls || resp.Model != read.Model ||
		resp.Usage.Input != int(u.InputTokens+u.CacheReadInputTokens+u.CacheCreationInputTokens) || resp.Usage.Output != int(u.OutputTokens) || resp.Usage.Cached != int(u.CacheReadInputTokens) {
		t.Errorf("we read %+v, the library %s, %s, %+v", resp, text, calls, u)
	}
}

// normal takes out what the protocol lets each side write as it likes: the
// text of a result as a list of one block, false written or left out.
func normal(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, value := range v {
			if key == "content" && v["type"] == "tool_result" {
				if text, ok := value.(string); ok {
					value = []any{map[string]any{"type": "text", "text": text}}
				}
			}
			if value != false {
				out[key] = normal(value)
			}
		}
		return out
	case []any:
		for i := range v {
			v[i] = normal(v[i])
		}
	}
	return v
}
