package effects

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/ambithost/ambit/host/budget"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

const (
	maxAnswer    = 4 << 20 // bytes of text, and of all deltas together
	maxToolCalls = 128     // in one answer
)

// Complete has a model plugin continue a conversation for an actor, through
// the gate, under that plugin's grant. onDelta, if set, hears pieces of the
// answer while it comes, one at a time and never after Complete returned.
func (e *Effects) Complete(ctx context.Context, actor policy.Entity, origin gate.Origin, plugin string, req model.Request, onDelta func(model.Delta)) (model.Response, error) {
	return e.complete(ctx, actor, origin, plugin, req, onDelta, 0)
}

func (e *Effects) complete(ctx context.Context, actor policy.Entity, origin gate.Origin, plugin string, req model.Request, onDelta func(model.Delta), depth int) (model.Response, error) {
	if depth > e.cfg.Limits.Depth {
		return model.Response{}, protocol.Errorf(protocol.Limit, "plugins call each other more than %d deep", e.cfg.Limits.Depth)
	}
	if err := e.checkModel(plugin); err != nil {
		return model.Response{}, err
	}
	attrs, err := modelAttributes(req)
	if err != nil {
		return model.Response{}, err
	}
	input, err := encode(req)
	if err != nil {
		return model.Response{}, err
	}
	e.priced(attrs, plugin, req, len(input))
	var resp model.Response
	err = e.cfg.Gate.Do(ctx, gate.Effect{
		Capability: "model.complete", Actor: actor, Plugin: plugin, Resource: plugin + "/" + oneLine(req.Model, 200), Attributes: attrs, Args: input, Origin: origin,
		Perform: func(ctx context.Context, f *gate.Flight) error {
			inner := origin
			inner.Parent = f.ID()
			inner.Bounds = origin.Bounds.Answering()
			inner.Material = nil // the model's server gets the conversation; that is what model.complete is
			call := e.nested(Caller{Plugin: plugin, Origin: inner}, depth)
			defer call.Close()
			var err error
			resp, err = e.invokeModel(ctx, call, input, onDelta)
			if used := resp.Usage; used.Input > 0 || used.Output > 0 { // else the guess stands
				f.Used(budget.Tokens, int64(used.Input)+int64(used.Output))
				e.paid(f, plugin, req.Model, used)
			}
			return err
		},
	})
	return resp, err
}

func (e *Effects) checkModel(plugin string) error {
	if e.cfg.Cells == nil {
		return protocol.Errorf(protocol.Unavailable, "this host runs no plugins")
	}
	m, ok := e.cfg.Plugins.Manifest(plugin)
	if !ok {
		return protocol.Errorf(protocol.NotFound, "no model plugin %q is installed and enabled", oneLine(plugin, 80))
	}
	if !m.Is(manifest.Model) {
		return protocol.Errorf(protocol.Invalid, "plugin %s is not a model", plugin)
	}
	return nil
}

func modelAttributes(req model.Request) (capability.Attributes, error) {
	if req.MaxTokens < 0 || len(req.Model) > 200 || badName(req.Model) {
		return nil, protocol.Errorf(protocol.Invalid, "model.complete: want a model's name of at most 200 characters and max_tokens of at least 0")
	}
	attrs := capability.Attributes{"model": req.Model}
	if req.MaxTokens > 0 {
		attrs["max_tokens"] = int64(req.MaxTokens)
	}
	return attrs, nil
}

// invokeModel runs the export "complete" and passes deltas on.
func (e *Effects) invokeModel(ctx context.Context, call *Call, input []byte, onDelta func(model.Delta)) (model.Response, error) {
	var (
		mu   sync.Mutex
		room = maxAnswer
	)
	emit := func(b []byte) {
		var d model.Delta
		if checkJSON(b, maxAnswer, maxDepth) != nil || json.Unmarshal(b, &d) != nil {
			return // a broken piece is only missing from the preview
		}
		d.Text = clean(d.Text)
		mu.Lock()
		defer mu.Unlock()
		if onDelta != nil && d.Text != "" && len(d.Text) <= room {
			room -= len(d.Text)
			onDelta(d)
		}
	}
	out, err := e.cfg.Cells.Invoke(ctx, call.caller.Plugin, protocol.ExportComplete, input, call.caller.Origin.Agent, call.Do, emit)
	mu.Lock()
	onDelta = nil
	mu.Unlock()
	if err != nil {
		return model.Response{}, err
	}
	return parseResponse(call.caller.Plugin, out)
}

// parseResponse takes a model plugin's answer. Text is cleaned; calls with
// arguments that are no JSON object are kept, as the caller answers them with
// an error that the model can read.
func parseResponse(plugin string, out []byte) (model.Response, error) {
	bad := func(why string) (model.Response, error) {
		return model.Response{}, protocol.Errorf(protocol.Failed, "%s gave no usable answer: %s", plugin, why)
	}
	if err := checkJSON(out, protocol.MaxOutput, 64); err != nil {
		return bad(err.Error())
	}
	var r model.Response
	if err := json.Unmarshal(out, &r); err != nil {
		return bad("it does not have the form of a response")
	}
	if len(r.Text) > maxAnswer || len(r.Calls) > maxToolCalls {
		return bad("it is too long")
	}
	if !slices.Contains([]model.StopReason{model.StopEnd, model.StopTools, model.StopLength, model.StopFilter}, r.Stop) {
		return bad("its stop reason is unknown")
	}
	seen := map[string]bool{}
	for i := range r.Calls {
		c := &r.Calls[i]
		if c.ID == "" || len(c.ID) > 256 || badName(c.ID) || seen[c.ID] {
			return bad("a tool call without an id of its own")
		}
		seen[c.ID] = true
		c.Name = oneLine(c.Name, 256)
	}
	r.Text, r.Model = clean(r.Text), oneLine(r.Model, 200)
	r.Usage = model.Usage{Input: max(0, r.Usage.Input), Output: max(0, r.Usage.Output), Cached: max(0, r.Usage.Cached)}
	if len(r.Keep) > model.MaxKeep {
		r.Keep = nil
	}
	return r, nil
}

// modelComplete performs model.complete for a plugin: its own grant first,
// then that of the model plugin.
func (c *Call) modelComplete(ctx context.Context, args []byte) ([]byte, error) {
	var a struct {
		Model   string        `json:"model"` // "plugin" or "plugin/model"; empty: the agent's own
		Request model.Request `json:"request"`
	}
	if err := decode("model.complete", args, &a); err != nil {
		return nil, err
	}
	plugin, name, err := c.chooseModel(a.Model)
	if err != nil {
		return nil, err
	}
	if name != "" && (a.Model != "" || a.Request.Model == "") {
		a.Request.Model = name
	}
	a.Request.Stream = false
	if err := c.e.checkModel(plugin); err != nil {
		return nil, err
	}
	attrs, err := modelAttributes(a.Request)
	if err != nil {
		return nil, err
	}
	var resp model.Response
	err = c.gated(ctx, "model.complete", plugin+"/"+a.Request.Model, attrs, args, func(ctx context.Context, f *gate.Flight) error {
		origin := c.origin()
		origin.Parent = f.ID()
		var err error
		resp, err = c.e.complete(ctx, c.actor(), origin, plugin, a.Request, nil, c.depth+1)
		return err
	})
	if err != nil {
		return nil, err
	}
	return encode(resp)
}

func (c *Call) chooseModel(wish string) (plugin, name string, err error) {
	if wish != "" {
		plugin, name, _ = strings.Cut(wish, "/")
		return plugin, name, nil
	}
	if c.e.cfg.DefaultModel != nil {
		if plugin, name, ok := c.e.cfg.DefaultModel(c.caller.Origin.Agent); ok {
			return plugin, name, nil
		}
	}
	return "", "", protocol.Errorf(protocol.NotFound, "model.complete: the agent has no model; name one as plugin/model")
}
