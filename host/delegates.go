package host

import (
	"context"
	"fmt"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/effects"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/protocol"
)

// SubAgentsFile bounds the sub-agents of an agent. A zero field is its default.
type SubAgentsFile struct {
	Depth  int `yaml:"depth"`   // 1: they have none of their own; 2: one more
	AtOnce int `yaml:"at_once"` // of one turn; 3
}

func (f SubAgentsFile) check() error {
	if f.Depth < 0 || f.Depth > gate.MaxDepth || f.AtOnce < 0 || f.AtOnce > maxSubAgents {
		return fmt.Errorf("subagents: want a depth of at most %d, and at most %d at_once", gate.MaxDepth, maxSubAgents)
	}
	return nil
}

const maxSubAgents = 16

func (f SubAgentsFile) limits() agent.SubAgents {
	return agent.SubAgents{Depth: f.Depth, AtOnce: f.AtOnce}
}

// delegates sets sub-agents to work for the effects.
type delegates struct{ *Host }

// Delegate implements [effects.Delegates].
func (d delegates) Delegate(ctx context.Context, w effects.Delegation) (effects.DelegationReport, error) {
	a, ok := d.agents[w.Origin.Agent]
	if !ok {
		return effects.DelegationReport{}, protocol.Errorf(protocol.NotFound, "there is no agent %q", w.Origin.Agent)
	}
	r, err := a.Delegate(ctx, agent.Task{Origin: w.Origin, Text: w.Task, Tools: w.Tools, Tokens: w.Tokens})
	return effects.DelegationReport{
		Session: r.Session, Text: r.Text, Reason: string(r.Reason), Notice: r.Notice, Labels: r.Labels, Tokens: r.Tokens,
	}, err
}
