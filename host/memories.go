package host

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/agent/when"
	"github.com/ambithost/ambit/host/effects"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/notebook"
	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/protocol"
)

// MemoryFile says how an agent remembers.
type MemoryFile struct {
	// Consolidate, if set, has the agent note by itself what it learned. It costs
	// tokens, which the budget of heartbeats bounds.
	Consolidate *ConsolidateFile `yaml:"consolidate"`
}

// ConsolidateFile says when an agent looks back on its conversations.
type ConsolidateFile struct {
	// Idle is after how long without a turn that no heartbeat started: "2h", which
	// it is when empty; at least a minute.
	Idle string `yaml:"idle"`
	// AtMost is the least time between two times: "24h", which it is when empty.
	AtMost string `yaml:"at_most"`
}

func (m MemoryFile) check() error {
	_, err := m.times()
	return err
}

// times reads the settings; nil: the agent does not look back by itself.
func (m MemoryFile) times() (*agent.Lookback, error) {
	if m.Consolidate == nil {
		return nil, nil //nolint:nilnil // there is none, and that is no mistake
	}
	l := new(agent.Lookback)
	for _, t := range []struct {
		key, text, def string
		to             *time.Duration
	}{{"idle", m.Consolidate.Idle, "2h", &l.Idle}, {"at_most", m.Consolidate.AtMost, "24h", &l.AtMost}} {
		rule, err := when.Parse(when.Wish{Every: either(t.text, t.def)}, time.Unix(1, 0), time.UTC)
		if err != nil {
			return nil, fmt.Errorf("memory: consolidate: %s: %w", t.key, err)
		}
		*t.to = rule.Every
	}
	return l, nil
}

func (m MemoryFile) lookback() *agent.Lookback {
	l, _ := m.times() // was checked when it was read
	return l
}

// memories note what agents learn, under the grants of a plugin that works with
// the host's notes.
type memories struct{ *Host }

// plugin is the one whose grants count.
func (m memories) plugin(agent string) (string, bool) {
	granted := m.granted(agent)
	for _, name := range m.plugins.usable(manifest.Memory) {
		p, _ := m.plugins.lookup(name)
		asks := func(capability string) bool {
			return granted[name+" "+capability] && slices.ContainsFunc(p.manifest.Requires, func(r manifest.Requirement) bool { return r.Capability == capability })
		}
		if asks("memory.read") && asks("memory.write") {
			return name, true
		}
	}
	return "", false
}

// Ready implements [agent.Memory].
func (m memories) Ready(ctx context.Context, name string) error {
	if _, ok := m.plugin(name); !ok {
		return protocol.Errorf(protocol.Unavailable, "no plugin that works with the host's notes is installed, enabled and granted memory.read and memory.write: ambit plugin install memory")
	}
	if m.halted("agent:" + name) {
		return protocol.Errorf(protocol.Killed, "agent %s is stopped: ambit resume", name)
	}
	spent, err := m.allowances.spent(ctx, name, "")
	if err == nil && spent {
		err = protocol.Errorf(protocol.Limit, "the budget of what agent %s does by itself is used up: ambit budget list", name)
	}
	return err
}

// Learn implements [agent.Memory].
func (m memories) Learn(ctx context.Context, o gate.Origin, l agent.Lesson) error {
	plugin, ok := m.plugin(o.Agent)
	if !ok {
		return protocol.Errorf(protocol.Unavailable, "no plugin holds the grants to keep what was learned")
	}
	return m.effects.Learn(ctx, o, plugin, effects.Learned{
		Name: l.Name, Text: l.Text, Labels: l.Labels,
		Source: notebook.Source{Session: o.Session, Turns: l.Turns, From: l.From, To: l.To},
	})
}
