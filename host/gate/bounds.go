package gate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

// MaxDepth is how deep sub-agents may set others to work, whatever the settings
// say.
const MaxDepth = 2

// SubSession begins the names of sub-agents' conversations, and of no others. An
// effect of such a conversation whose bounds were lost on the way is denied.
const SubSession = "sub:"

// IsSub tells a sub-agent's conversation by its name.
func IsSub(session string) bool { return strings.HasPrefix(session, SubSession) }

// Bounds are what a sub-agent may use at most, beside grants and policy. They
// are made by [Within] alone, which only narrows; the zero Bounds admit nothing.
// Of an effect that is no sub-agent's they are nil.
type Bounds struct {
	tools        []string // plugin/tool, sorted
	capabilities []string // sorted
	depth        int
	turn         string // that set it to work
	answering    bool   // a model plugin is
}

// Within are the bounds of a sub-agent that a turn sets to work: what is named,
// as far as it lies within the turn's own bounds.
func Within(own *Bounds, turn string, tools, capabilities []string) *Bounds {
	return &Bounds{
		depth: own.Depth() + 1, turn: turn, answering: own != nil && own.answering,
		tools: those(tools, own.HasTool), capabilities: those(capabilities, own.HasCapability),
	}
}

// those are the names that may be had, sorted and each once.
func those(names []string, may func(string) bool) []string {
	out := append([]string{}, names...)
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(s string) bool { return !may(s) })
}

// Depth is how many agents stand above: 0 for the agent itself.
func (b *Bounds) Depth() int {
	if b == nil {
		return 0
	}
	return b.depth
}

// HasTool tells whether a tool is within the bounds.
func (b *Bounds) HasTool(tool string) bool { return b == nil || slices.Contains(b.tools, tool) }

// HasCapability tells whether a capability is within the bounds.
func (b *Bounds) HasCapability(name string) bool {
	return b == nil || slices.Contains(b.capabilities, name)
}

// adapters are what a model plugin needs to ask its provider.
var adapters = []string{"http.request", "secret.use", "kv.read", "kv.write", "clock.read", "log.write"}

// Answering are the bounds of what a model plugin does in order to answer: it
// asks its provider under its own grants, and calls no tool.
func (b *Bounds) Answering() *Bounds {
	if b == nil {
		return nil
	}
	narrowed := *b
	narrowed.answering = true
	return &narrowed
}

// forPolicy is what rules see of the bounds.
func (b *Bounds) forPolicy() *policy.Delegation {
	if b == nil {
		return nil
	}
	return &policy.Delegation{Depth: int64(b.depth), Turn: b.turn, Tools: b.tools, Capabilities: b.capabilities}
}

// bound holds an effect to the bounds of its conversation. It looks at nothing
// but the effect, so neither a grant nor a policy can widen it.
func (e *Effect) bound() error {
	b := e.Origin.Bounds
	if IsSub(e.Origin.Session) != (b != nil) {
		return e.denyBounds("it comes from a sub-agent's conversation, and what that may use is not known", "")
	}
	if e.Capability == "agent.run" {
		if e.Origin.Turn == "" || e.Origin.Session == "" {
			return e.denyBounds("only a turn of an agent can set a sub-agent to work", "")
		}
		if b.Depth() >= MaxDepth {
			return e.denyBounds(fmt.Sprintf("sub-agents stand at most %d deep", MaxDepth), "")
		}
	}
	if b == nil {
		return nil
	}
	return e.within(b)
}

func (e *Effect) within(b *Bounds) error {
	const change = "the agent that set it to work can do it itself, or name more for it"
	switch {
	case b.answering:
		if e.Tool != "" || !slices.Contains(adapters, e.Capability) {
			return e.denyBounds("a model plugin that answers a sub-agent may only ask its provider", "")
		}
		return nil
	case e.Tool != "" && !b.HasTool(e.Tool):
		return e.denyBounds(fmt.Sprintf("the sub-agent was not given the tool %s", e.Tool), change)
	case e.Capability == "model.complete" && e.Actor.Type == "agent":
		return nil // without it there is no sub-agent; its turn's limits and the agent's budgets bound it
	case !b.HasCapability(e.Capability):
		return e.denyBounds(fmt.Sprintf("the sub-agent was not given the capability %s", e.Capability), change)
	case e.Capability == "tool.call" || e.Capability == "agent.run":
		return e.named(b, change)
	}
	return nil
}

// named holds what an effect hands on to the bounds: the tool that is called by
// name, and all that a further sub-agent would get.
func (e *Effect) named(b *Bounds, change string) error {
	for _, name := range named(e.Attributes, "tool", "tools") {
		if !b.HasTool(name) {
			return e.denyBounds(fmt.Sprintf("the sub-agent was not given the tool %s", name), change)
		}
	}
	for _, name := range named(e.Attributes, "capabilities") {
		if !b.HasCapability(name) {
			return e.denyBounds(fmt.Sprintf("the sub-agent was not given the capability %s", name), change)
		}
	}
	return nil
}

func named(attrs capability.Attributes, keys ...string) (names []string) {
	for _, k := range keys {
		switch v := attrs[k].(type) {
		case string:
			names = append(names, v)
		case []string:
			names = append(names, v...)
		}
	}
	return names
}

func (e *Effect) denyBounds(message, change string) *Denial {
	return e.deny(protocol.Denied, "bounds", message, change)
}
