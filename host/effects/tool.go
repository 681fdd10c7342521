package effects

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/host/provenance"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/protocol"
)

const (
	maxToolArgs   = 1 << 20
	maxResultText = 1 << 20
)

// ToolResult is what a tool answered: text fit for a model, and the labels of
// what is in it.
type ToolResult struct {
	Text    string
	IsError bool
	// Code is why, for an error: that of an effect which the tool asked for and
	// was refused, else failed. A tool may hide a refusal by answering well.
	Code   protocol.Code
	Labels []string // sorted
	Effect string   // id in the audit log
	// Delegated: a sub-agent's words are in it, which are a model's.
	Delegated bool
	Skill     string // whose text it is, and nothing else: "mail-helper by ACME"
}

// CallTool calls a tool ("plugin/tool") for an actor, through the gate, under
// the grant of the plugin that provides it. Arguments are checked against the
// manifest's schema before the gate sees them, and the plugin gets exactly
// what the gate saw.
func (e *Effects) CallTool(ctx context.Context, actor policy.Entity, origin gate.Origin, tool string, args json.RawMessage) (ToolResult, error) {
	return e.callTool(ctx, actor, origin, tool, args, 0)
}

func (e *Effects) callTool(ctx context.Context, actor policy.Entity, origin gate.Origin, tool string, args json.RawMessage, depth int) (ToolResult, error) {
	if depth > e.cfg.Limits.Depth {
		return ToolResult{}, protocol.Errorf(protocol.Limit, "plugins call each other more than %d deep", e.cfg.Limits.Depth)
	}
	m, spec, err := e.tool(tool)
	if err != nil {
		return ToolResult{}, err
	}
	plugin := m.Name
	exact, values, err := e.toolArgs(spec, args)
	if err != nil {
		return ToolResult{}, protocol.Errorf(protocol.CodeOf(err), "arguments of %s: %v", tool, err)
	}
	attrs, err := toolAttributes(spec, tool, values)
	if err != nil {
		return ToolResult{}, protocol.Errorf(protocol.CodeOf(err), "arguments of %s: %v", tool, err)
	}
	record, err := encode(map[string]any{"tool": tool, "args": json.RawMessage(exact)})
	if err != nil {
		return ToolResult{}, err
	}
	traced := traceTool(origin.Material, spec, values)
	if e.onlyDelegates(plugin, spec) {
		traced = nil // judged where the sub-agent does something with it
	}
	var result ToolResult
	err = e.cfg.Gate.Do(ctx, gate.Effect{
		Capability: spec.Power(), Risk: spec.Level(), Actor: actor, Plugin: plugin, Tool: tool, Resource: tool, Attributes: attrs, Args: record,
		Origin: origin, Arguments: traced, AskedFor: askedFor(origin.Material, spec),
		Perform: func(ctx context.Context, f *gate.Flight) error {
			inner := origin
			inner.Tool, inner.Parent = tool, f.ID()
			if len(traced) > 0 {
				inner.Material = nil // what the call gave the plugin was judged here
			}
			call := e.nested(Caller{Plugin: plugin, Origin: inner}, depth)
			defer call.Close()
			call.reading, call.direct = origin.Material, depth == 0
			call.traced, call.owned, call.given = len(traced) > 0, allOwned(traced), labelsOf(traced)
			out, err := e.invokeTool(ctx, call, m, spec, exact, values)
			if (err != nil || out.IsError) && !call.hasActed() {
				f.Untouched()
			}
			if err != nil {
				return err
			}
			result = out
			if result.IsError {
				result.Code = cmp.Or(call.refused(), protocol.Failed)
			}
			result.Labels, result.Effect, result.Delegated = call.labelled(spec.Labels), f.ID(), call.hasDelegated()
			result.Skill = call.skill()
			return nil
		},
	})
	return result, err
}

// tool finds a tool by its full name.
func (e *Effects) tool(full string) (*manifest.Manifest, *manifest.ToolSpec, error) {
	plugin, name, ok := strings.Cut(full, "/")
	if !ok || manifest.CheckName(plugin) != nil {
		return nil, nil, protocol.Errorf(protocol.Invalid, "tool %q: want plugin/tool", oneLine(full, 120))
	}
	m, ok := e.cfg.Plugins.Manifest(plugin)
	if !ok {
		return nil, nil, protocol.Errorf(protocol.NotFound, "no plugin %q is installed and enabled", plugin)
	}
	spec, ok := m.Tool(name)
	if !ok {
		return nil, nil, protocol.Errorf(protocol.NotFound, "plugin %s has no tool %q", plugin, oneLine(name, 80))
	}
	return m, spec, nil
}

// toolArgs checks arguments and returns them in one exact form: what policy
// judges, the record binds and the plugin gets are the same bytes.
func (e *Effects) toolArgs(spec *manifest.ToolSpec, args json.RawMessage) ([]byte, map[string]any, error) {
	if len(bytes.TrimSpace(args)) == 0 {
		args = json.RawMessage("{}")
	}
	if err := checkJSON(args, maxToolArgs, maxDepth); err != nil {
		return nil, nil, err
	}
	d := json.NewDecoder(bytes.NewReader(args))
	d.UseNumber()
	var values map[string]any
	if err := d.Decode(&values); err != nil || values == nil {
		return nil, nil, protocol.Errorf(protocol.Invalid, "want a JSON object")
	}
	sch, err := e.schemas.get(spec.Input)
	if err != nil {
		return nil, nil, protocol.Errorf(protocol.Invalid, "the tool's own schema is wrong: %s", oneLine(err.Error(), 300))
	}
	if err := validate(sch, values); err != nil {
		return nil, nil, err
	}
	exact, err := encode(values)
	return exact, values, err
}

// toolAttributes takes from the arguments what the vocabulary says about the
// tool's power, in the vocabulary's types. A key that differs from an
// attribute only in case is refused: policy would not see it and a plugin
// might.
func toolAttributes(spec *manifest.ToolSpec, tool string, values map[string]any) (capability.Attributes, error) {
	if spec.Power() == "tool.call" {
		return capability.Attributes{"tool": tool}, nil
	}
	c, ok := capability.Lookup(spec.Power())
	if !ok {
		return nil, protocol.Errorf(protocol.Invalid, "the manifest names a power %q that is not in the vocabulary", spec.Capability)
	}
	attrs := capability.Attributes{}
	for _, a := range c.Attributes {
		for key := range values {
			if key != a.Name && fold(key) == fold(a.Name) {
				return nil, protocol.Errorf(protocol.Invalid, "%q: write %q", oneLine(key, 80), a.Name)
			}
		}
		v, present := values[a.Name]
		if !present {
			if a.Required {
				return nil, protocol.Errorf(protocol.Invalid, "%q is missing", a.Name)
			}
			continue
		}
		typed, ok := attribute(a.Type, v)
		if !ok {
			return nil, protocol.Errorf(protocol.Invalid, "%q: want a value of type %s", a.Name, a.Type)
		}
		attrs[a.Name] = typed
	}
	return attrs, nil
}

// attribute converts a JSON value to an attribute's type. An integer must be
// written as one: readers differ about 1e2 and 100.0.
func attribute(typ string, v any) (any, bool) {
	switch typ {
	case "string":
		s, ok := v.(string)
		return s, ok
	case "boolean":
		b, ok := v.(bool)
		return b, ok
	case "integer":
		n, ok := v.(json.Number)
		if !ok {
			return nil, false
		}
		i, err := n.Int64()
		return i, err == nil
	case "strings":
		list, ok := v.([]any)
		if !ok {
			return nil, false
		}
		out := make([]string, len(list))
		for i, x := range list {
			if out[i], ok = x.(string); !ok {
				return nil, false
			}
		}
		return out, true
	}
	return nil, false
}

// toolCall performs tool.call for a plugin: its own grant first, then the
// power of the tool under the grant of the plugin that provides it.
func (c *Call) toolCall(ctx context.Context, args []byte) ([]byte, error) {
	var a struct {
		Tool string          `json:"tool"`
		Args json.RawMessage `json:"args"`
	}
	if err := decode("tool.call", args, &a); err != nil {
		return nil, err
	}
	if _, _, err := c.e.tool(a.Tool); err != nil {
		return nil, err
	}
	var result ToolResult
	err := c.gated(ctx, "tool.call", a.Tool, capability.Attributes{"tool": a.Tool}, args, func(ctx context.Context, f *gate.Flight) error {
		origin := c.origin()
		origin.Parent = f.ID()
		var err error
		result, err = c.e.callTool(ctx, c.actor(), origin, a.Tool, a.Args, c.depth+1)
		return err
	})
	if err != nil {
		return nil, err
	}
	c.read(a.Tool, result)
	return encode(struct {
		Text    string `json:"text"`
		IsError bool   `json:"is_error"`
	}{result.Text, result.IsError})
}

// label notes what kinds of information have reached this call: they are in
// its result too, whatever its own manifest says.
func (c *Call) label(labels []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range labels {
		c.labels[l] = true
	}
}

// read notes what another tool gave this call: its labels, and its text for the
// effects that follow.
func (c *Call) read(tool string, r ToolResult) {
	c.label(r.Labels)
	c.mu.Lock()
	defer c.mu.Unlock()
	source := provenance.Source{Kind: provenance.Tool, Name: tool, Labels: r.Labels}
	if r.Delegated {
		source.Kind, c.delegates = provenance.Agent, true
	}
	c.reads(provenance.Text{Source: source, Body: r.Text})
}

func (c *Call) hasDelegated() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.delegates
}

// origin is where the call's next effect comes from: with what has reached the
// call since it began.
func (c *Call) origin() gate.Origin {
	o := c.caller.Origin
	c.mu.Lock()
	defer c.mu.Unlock()
	o.Material = c.material
	if len(c.labels) > 0 {
		o.Labels = slices.Concat(o.Labels, slices.Collect(maps.Keys(c.labels)))
		slices.Sort(o.Labels)
		o.Labels = slices.Compact(o.Labels)
	}
	return o
}

func (c *Call) labelled(own []string) []string {
	c.label(own)
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.labels))
}
