package effects

import (
	"context"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/protocol"
)

// invokeTool calls a tool's function in the shapes of its plugin's interface.
// The arguments are what the gate saw.
func (e *Effects) invokeTool(ctx context.Context, call *Call, m *manifest.Manifest, spec *manifest.ToolSpec, args []byte, values map[string]any) (ToolResult, error) {
	if e.cfg.Cells == nil {
		return ToolResult{}, protocol.Errorf(protocol.Unavailable, "this host runs no plugins")
	}
	export, input, err := toolInput(m.Interface, spec, args, values, call.caller.Origin.Parent)
	if err != nil {
		return ToolResult{}, err
	}
	// Output pieces of a tool have no reader yet; the result holds all.
	out, err := e.cfg.Cells.Invoke(ctx, m.Name, export, input, call.caller.Origin.Agent, call.Do, func([]byte) {})
	if err != nil {
		return ToolResult{}, err
	}
	if m.Interface == manifest.Functions {
		return textResult(m.Name, out)
	}
	return parseToolResult(m.Name, out)
}

// toolInput is the function to call and what it gets. The shapes of hyper-mcp are
// those of its xtp-plugin-schema.json (https://github.com/hyper-mcp-rs/hyper-mcp).
func toolInput(i manifest.Interface, spec *manifest.ToolSpec, args []byte, values map[string]any, id string) (export string, input []byte, err error) {
	request := map[string]any{"name": spec.Called(), "arguments": json.RawMessage(args)}
	switch i {
	case manifest.HyperMCP2:
		export = protocol.ExportCallTool
		input, err = encode(map[string]any{"request": request, "context": map[string]any{"id": id, "_meta": map[string]any{}}})
	case manifest.Functions:
		export, input = spec.Called(), args
		if text, ok := values[manifest.InputArgument].(string); ok && spec.TakesText() {
			input = []byte(text)
		}
	default:
		export = protocol.ExportCall
		input, err = encode(map[string]any{"method": "tools/call", "params": request})
	}
	return export, input, err
}

// textResult is what a plain function returned.
func textResult(plugin string, out []byte) (ToolResult, error) {
	if !utf8.Valid(out) {
		return ToolResult{}, protocol.Errorf(protocol.Failed, "%s answered with %d bytes that are no text", plugin, len(out))
	}
	if len(out) > protocol.MaxOutput {
		return ToolResult{}, protocol.Errorf(protocol.Failed, "%s answered with %d bytes, the limit is %d", plugin, len(out), protocol.MaxOutput)
	}
	text, cut := cutText(clean(string(out)), maxResultText)
	if cut {
		text += "\n[cut: the result was longer than 1 MiB]"
	}
	return ToolResult{Text: text}, nil
}

// content is one part of a tool's result.
type content struct {
	Type     string  `json:"type"`
	Text     *string `json:"text"`
	Resource struct {
		Text *string `json:"text"`
	} `json:"resource"`
}

func (c *content) text() string {
	switch {
	case c.Type == "text" && c.Text != nil:
		return clean(*c.Text)
	case c.Type == "resource" && c.Resource.Text != nil:
		return clean(*c.Resource.Text)
	}
	return "[content of type " + oneLine(c.Type, 40) + " left out]"
}

// parseToolResult reads a tool's answer leniently in form, as the plugins of
// other hosts add fields of their own, and strictly in size.
func parseToolResult(plugin string, out []byte) (ToolResult, error) {
	if len(out) > protocol.MaxOutput {
		return ToolResult{}, protocol.Errorf(protocol.Failed, "%s answered with %d bytes, the limit is %d", plugin, len(out), protocol.MaxOutput)
	}
	var r struct {
		Content    []content       `json:"content"`
		Structured json.RawMessage `json:"structuredContent"`
		IsError    *bool           `json:"isError"`
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return ToolResult{}, protocol.Errorf(protocol.Failed, "%s answered with what is no tool result: %v", plugin, err)
	}
	if structured := string(r.Structured); len(r.Content) == 0 && structured != "" && structured != "null" {
		r.Content = []content{{Type: "text", Text: &structured}}
	}
	var text strings.Builder
	cut := false
	for i, c := range r.Content {
		if i > 0 {
			text.WriteByte('\n')
		}
		part := c.text()
		room := max(0, maxResultText-text.Len())
		part, cut = cutText(part, room)
		text.WriteString(part)
		if cut {
			text.WriteString("\n[cut: the result was longer than 1 MiB]")
			break
		}
	}
	return ToolResult{Text: text.String(), IsError: r.IsError != nil && *r.IsError}, nil
}
