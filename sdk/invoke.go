package sdk

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Exports lists the functions that the plugin answers, in the protocol's
// words.
func (p *Plugin) Exports() []string {
	list := []string{protocol.ExportDescribe}
	if len(p.Tools) > 0 {
		list = append(list, protocol.ExportCall)
	}
	if p.Complete != nil {
		list = append(list, protocol.ExportComplete)
	}
	if p.Poll != nil && p.Send != nil {
		list = append(list, protocol.ExportPoll, protocol.ExportSend)
	}
	if p.Webhook != nil {
		list = append(list, protocol.ExportWebhook)
	}
	return list
}

// Invoke answers one call of an export. It is what the runtimes (guest,
// native) are made of; tests may call it too. Its errors are
// *[protocol.Error]s, a panic in a handler included.
func (p *Plugin) Invoke(ctx context.Context, r Runtime, export string, input []byte) (out []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			out, err = nil, protocol.Errorf(protocol.Internal, "%s: %s: panic: %v", p.Name, export, v)
		}
	}()
	if len(input) > protocol.MaxInput {
		return nil, protocol.Errorf(protocol.Limit, "%s: input of %d bytes, the limit is %d", export, len(input), protocol.MaxInput)
	}
	out, err = p.answer(ctx, &Host{r: r}, export, input)
	if err != nil {
		return nil, protocol.AsError(err)
	}
	if len(out) > protocol.MaxOutput {
		return nil, protocol.Errorf(protocol.Limit, "%s: output of %d bytes, the limit is %d", export, len(out), protocol.MaxOutput)
	}
	return out, nil
}

func (p *Plugin) answer(ctx context.Context, h *Host, export string, input []byte) ([]byte, error) {
	switch {
	case export == protocol.ExportDescribe:
		return p.describe()
	case export == protocol.ExportCall && len(p.Tools) > 0:
		return p.call(ctx, h, input)
	case export == protocol.ExportComplete && p.Complete != nil:
		return p.complete(ctx, h, input)
	case export == protocol.ExportPoll && p.Poll != nil:
		return handle(ctx, h, export, input, p.Poll)
	case export == protocol.ExportSend && p.Send != nil:
		return handle(ctx, h, export, input, p.Send)
	case export == protocol.ExportWebhook && p.Webhook != nil:
		return handle(ctx, h, export, input, p.Webhook)
	}
	return nil, protocol.Errorf(protocol.NotFound, "%s has no export %q", p.Name, export)
}

func (p *Plugin) describe() ([]byte, error) {
	type tool struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		Input       json.RawMessage `json:"inputSchema"`
	}
	list := make([]tool, 0, len(p.Tools))
	for _, t := range p.Tools {
		list = append(list, tool{t.Name, t.Description, json.RawMessage(t.Input)})
	}
	out, err := json.Marshal(map[string]any{"tools": list})
	if err != nil {
		return nil, protocol.Errorf(protocol.Internal, "describe: a tool's Input is not JSON: %v", err)
	}
	return out, nil
}

func (p *Plugin) call(ctx context.Context, h *Host, input []byte) ([]byte, error) {
	var req struct {
		Method string `json:"method"`
		Params struct {
			Name string          `json:"name"`
			Args json.RawMessage `json:"arguments"`
		} `json:"params"`
	}
	if err := decodeOne(input, &req); err != nil {
		return nil, protocol.Errorf(protocol.Invalid, "call: input is not a tools/call request: %v", err)
	}
	if req.Method != "" && req.Method != "tools/call" {
		return nil, protocol.Errorf(protocol.Invalid, "call: method %q; want tools/call", req.Method)
	}
	if len(req.Params.Args) == 0 || string(req.Params.Args) == "null" {
		req.Params.Args = json.RawMessage("{}")
	}
	for _, t := range p.Tools {
		if t.Name == req.Params.Name {
			c := &Call{Host: h, Tool: t.Name, Args: req.Params.Args, input: t.Input}
			return encodeResult(t.Handle(ctx, c))
		}
	}
	return encodeResult(Result{}, protocol.Errorf(protocol.NotFound, "%s has no tool %q; it has: %s", p.Name, clip(req.Params.Name, 80), p.toolNames()))
}

func (p *Plugin) toolNames() string {
	var names []string
	for _, t := range p.Tools {
		names = append(names, t.Name)
	}
	return strings.Join(names, ", ")
}

// encodeResult writes a result in the shape of an MCP tools/call result. An
// error is told to the model with its code in front: "denied" and "timeout"
// call for different next steps.
func encodeResult(r Result, err error) ([]byte, error) {
	if err != nil {
		r = Result{Text: explain(err), IsError: true}
	}
	type content struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	return json.Marshal(struct {
		Content []content `json:"content"`
		IsError bool      `json:"isError"`
	}{[]content{{"text", r.Text}}, r.IsError})
}

func explain(err error) string {
	code := string(protocol.CodeOf(err))
	if strings.HasPrefix(err.Error(), code+":") {
		return err.Error()
	}
	return fmt.Sprintf("%s: %s", code, err)
}

// clip shortens text for a message.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return s[:limit] + "…"
}

func (p *Plugin) complete(ctx context.Context, h *Host, input []byte) ([]byte, error) {
	return handle(ctx, h, protocol.ExportComplete, input, func(ctx context.Context, h *Host, req model.Request) (model.Response, error) {
		if len(req.Messages) == 0 {
			return model.Response{}, protocol.Errorf(protocol.Invalid, "complete: no messages")
		}
		return p.Complete(ctx, h, req)
	})
}

// handle answers an export whose input and output are one JSON value each.
func handle[In, Out any](ctx context.Context, h *Host, export string, input []byte, fn func(context.Context, *Host, In) (Out, error)) ([]byte, error) {
	var in In
	if err := decodeOne(input, &in); err != nil {
		return nil, protocol.Errorf(protocol.Invalid, "%s: input is not a %T: %v", export, in, err)
	}
	out, err := fn(ctx, h, in)
	if err != nil {
		return nil, err
	}
	return json.Marshal(out)
}
