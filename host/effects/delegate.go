package effects

import (
	"context"
	"slices"
	"strings"

	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/provenance"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/protocol"
)

const (
	maxTask      = 32 << 10 // bytes
	maxDelegated = 64       // tools, and capabilities
	maxReport    = 64 << 10 // bytes
)

// Delegates sets sub-agents to work.
type Delegates interface {
	// Delegate runs a sub-agent to its end. It must not outlive ctx.
	Delegate(ctx context.Context, d Delegation) (DelegationReport, error)
}

// Delegation is what a sub-agent is to do and with what.
type Delegation struct {
	// Origin names the turn that asks. Its bounds are the sub-agent's, its labels
	// and material are all that has reached the turn and the plugin's call.
	Origin gate.Origin
	Task   string
	Tools  []string
	Tokens int // at most, of what the turn has left; 0: a share of it
}

// DelegationReport is how it went.
type DelegationReport struct {
	Session string
	Text    string // the sub-agent's last message
	Reason  string // "done", or why it ended otherwise
	Notice  string // the host's word on that
	Labels  []string
	Tokens  int
}

// agentRun sets a sub-agent to work and waits for it. What it may use at most is
// in the attributes that grant and policy see, and in the bounds of its turn.
func (c *Call) agentRun(ctx context.Context, args []byte) ([]byte, error) {
	const what = "agent.run"
	var a struct {
		Task         string    `json:"task"`
		Tools        []string  `json:"tools"`
		Capabilities *[]string `json:"capabilities"`
		Tokens       int       `json:"tokens"`
	}
	if err := decode(what, args, &a); err != nil {
		return nil, err
	}
	if len(a.Task) > maxTask || len(a.Tools) > maxDelegated || a.Capabilities != nil && len(*a.Capabilities) > maxDelegated {
		return nil, protocol.Errorf(protocol.Limit, "%s: at most %d bytes of task and %d tools", what, maxTask, maxDelegated)
	}
	a.Task = strings.TrimSpace(clean(a.Task))
	if a.Task == "" || a.Tokens < 0 {
		return nil, protocol.Errorf(protocol.Invalid, "%s: want a task, and tokens of at least 0", what)
	}
	if c.e.cfg.Delegates == nil {
		return nil, protocol.Errorf(protocol.Unavailable, "%s: this host has no sub-agents", what)
	}
	own := c.caller.Origin.Bounds
	capabilities, err := c.delegated(a.Tools, a.Capabilities, own)
	if err != nil {
		return nil, err
	}
	attrs := capability.Attributes{
		"tools": sorted(a.Tools), "capabilities": capabilities, "depth": int64(own.Depth() + 1),
	}
	if a.Tokens > 0 {
		attrs["tokens"] = int64(a.Tokens)
	}
	var report DelegationReport
	err = c.gated(ctx, what, resourceOf(sorted(a.Tools)), attrs, args, func(ctx context.Context, f *gate.Flight) (err error) {
		origin := c.heritage()
		origin.Parent, origin.Tool = f.ID(), ""
		origin.Bounds = gate.Within(own, origin.Turn, a.Tools, capabilities)
		report, err = c.e.cfg.Delegates.Delegate(ctx, Delegation{Origin: origin, Task: a.Task, Tools: sorted(a.Tools), Tokens: a.Tokens})
		return err
	})
	if err != nil {
		return nil, err
	}
	report.Text, _ = cutText(clean(report.Text), maxReport)
	c.reported(report)
	return encode(map[string]any{"text": report.Text, "reason": report.Reason, "notice": clean(report.Notice), "session": report.Session, "tokens": report.Tokens})
}

// resourceOf names a sub-agent on the record by its tools. The task is not in it: it
// is kept apart with the arguments, and can be erased.
func resourceOf(tools []string) string {
	if len(tools) == 0 {
		return "a sub-agent without tools"
	}
	return "a sub-agent with " + oneLine(strings.Join(tools, ", "), 200)
}

func sorted(list []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(append([]string{}, list...))))
}

// delegated are the capabilities of a sub-agent: those that are named, or else
// what its tools and their plugins ask for, as far as the turn has it itself.
func (c *Call) delegated(tools []string, named *[]string, own *gate.Bounds) ([]string, error) {
	var all []string
	for _, tool := range tools {
		m, spec, err := c.e.tool(tool)
		if err != nil {
			return nil, err
		}
		all = append(all, c.e.powersOf(m.Name, spec)...)
	}
	if named == nil {
		return slices.DeleteFunc(sorted(all), func(s string) bool { return !own.HasCapability(s) }), nil
	}
	for _, name := range *named {
		if _, ok := capability.Lookup(name); !ok {
			return nil, protocol.Errorf(protocol.Invalid, "agent.run: there is no capability %q", oneLine(name, 80))
		}
	}
	return sorted(*named), nil
}

// powersOf is what a call of a tool needs: its own power, and what its plugin's
// manifest requires.
func (e *Effects) powersOf(plugin string, spec *manifest.ToolSpec) []string {
	out := []string{spec.Power()}
	if m, ok := e.cfg.Plugins.Manifest(plugin); ok {
		for _, r := range m.Requires {
			out = append(out, r.Capability)
		}
	}
	return out
}

// onlyDelegates tells a tool whose plugin can do nothing with its arguments but
// hand them to a sub-agent: its manifest asks for nothing else, and the gate holds
// it to that.
func (e *Effects) onlyDelegates(plugin string, spec *manifest.ToolSpec) bool {
	return spec.Power() == "tool.call" && e.asksOnly(plugin, "agent.run")
}

// asksOnly tells a plugin whose manifest requires one capability, and beside it the
// time and the log at most.
func (e *Effects) asksOnly(plugin, name string) bool {
	m, ok := e.cfg.Plugins.Manifest(plugin)
	if !ok {
		return false
	}
	found := false
	for _, r := range m.Requires {
		switch r.Capability {
		case name:
			found = true
		case "clock.read", "log.write":
		default:
			return false
		}
	}
	return found
}

// heritage is an origin for work that goes on from here: with all that the session
// has read, also where the call's own arguments were judged before, and with the
// labels of what the plugin's tools give.
func (c *Call) heritage() gate.Origin {
	o := c.origin()
	c.mu.Lock()
	o.Material = c.reading
	c.mu.Unlock()
	if _, spec, err := c.e.tool(c.caller.Origin.Tool); err == nil {
		o.Labels = sorted(append(append([]string{}, o.Labels...), spec.Labels...))
	}
	return o
}

// reported notes what a sub-agent gave this call: a model's words, with the labels
// of all that it has read.
func (c *Call) reported(r DelegationReport) {
	c.label(r.Labels)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.delegates = true
	c.reads(provenance.Text{Source: provenance.Source{Kind: provenance.Agent, Name: r.Session, Labels: r.Labels}, Body: r.Text})
}

// reads adds to what has reached the call. The caller holds mu.
func (c *Call) reads(t provenance.Text) {
	c.material = c.material.With(t)
	if c.reading != nil { // else what the session has read is not known, and stays so
		c.reading = c.reading.With(t)
	}
}
