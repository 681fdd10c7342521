package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/cell/confine"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/host/store"
	"github.com/ambithost/ambit/sdk/protocol"
)

// backend is the host as the control API sees it.
type backend struct{ *Host }

var _ control.Backend = backend{}

// owner is who speaks through the control API: the socket lets no one else in.
var owner = policy.Entity{Type: "owner", ID: "owner"}

// Status looks at the whole host.
func (b backend) Status(ctx context.Context) (*control.Status, error) {
	policyNow, err := b.PolicyStatus(ctx)
	if err != nil {
		return nil, err
	}
	s := &control.Status{
		Version: b.cfg.Version, Home: b.cfg.Home, PID: os.Getpid(), Started: b.started,
		Halted: halts(b.gate.Halted()), Policy: *policyNow, Notices: b.notices.all(), Confinement: b.confinement(ctx),
		Audit: control.AuditStatus{Entries: int64(b.audit.Size())}, //nolint:gosec // far below 2^63
	}
	if us := b.verified.Load(); us != 0 {
		s.Audit.Verified = time.UnixMicro(us)
	}
	if err := b.audit.Err(); err != nil {
		s.Audit.Error = err.Error()
	}
	running := len(b.cells.Running())
	for _, p := range *b.plugins.plugins.Load() {
		s.Plugins.Installed++
		if !p.usable() {
			s.Plugins.Disabled++
		}
		if h := p.entry.Held; h != nil {
			s.Plugins.Held = append(s.Plugins.Held, control.HeldPlugin{Name: p.entry.Name, Held: control.Held{Version: h.Version, More: h.More, Since: h.Since}})
		}
	}
	slices.SortFunc(s.Plugins.Held, func(a, b control.HeldPlugin) int { return strings.Compare(a.Name, b.Name) })
	s.Plugins.Running = running
	for _, a := range b.gate.Approvals() {
		s.Waiting = append(s.Waiting, b.approval(a))
	}
	for _, name := range slices.Sorted(maps.Keys(b.agents)) {
		s.Agents = append(s.Agents, b.agentStatus(ctx, name))
	}
	s.Asking = b.asking(ctx)
	return s, nil
}

func (b backend) agentStatus(ctx context.Context, name string) control.AgentStatus {
	st := control.AgentStatus{Name: name}
	if plugin, m, ok := b.modelFor(name); ok {
		st.Model = strings.TrimSuffix(plugin+"/"+m, "/")
	}
	sessions, err := b.agents[name].Sessions(ctx)
	if err != nil {
		return st // the state's trouble shows elsewhere; a status must still come
	}
	for _, v := range sessions {
		st.Busy = st.Busy || b.agents[name].Running(v.ID) != ""
	}
	st.LastTurn, st.LastTrigger, _ = b.state.LastTurn(ctx, name)
	b.clockStatus(ctx, name, &st)
	b.memoryStatus(name, &st)
	midnight := midnightOf(b.now().In(b.zone))
	st.TurnsToday, _ = b.state.TurnsSince(ctx, name, midnight)
	st.Budgets = b.allowances.status(ctx, name)
	st.Fallback = b.file.Agents[name].Fallback
	if today, err := b.state.SpentSince(ctx, name, midnight); err == nil {
		st.Today = b.spent(today)
	}
	return st
}

func (b backend) spent(v store.Spent) control.Spent {
	s := control.Spent{Tokens: v.Input + v.Output, CostMicros: v.Cost, Unpriced: v.Unpriced}
	if s.CostMicros > 0 {
		s.Currency = b.currency()
	}
	return s
}

func midnightOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
}

func (b backend) confinement(ctx context.Context) control.Confinement {
	measures := b.cells.probe(ctx)
	c := control.Confinement{Level: confine.Isolation(measures)}
	c.Measures, c.Missing = describe(measures)
	return c
}

func describe(measures []confine.Measure) (inForce, missing []string) {
	for _, m := range measures {
		line := m.Name
		if m.Detail != "" {
			line += " (" + m.Detail + ")"
		}
		if m.Enforced {
			inForce = append(inForce, line)
		} else {
			missing = append(missing, line)
		}
	}
	return inForce, missing
}

func halts(list []gate.Halt) []control.Halt {
	var out []control.Halt
	for _, h := range list {
		out = append(out, control.Halt{Target: h.Target, Since: h.Since, By: h.By, Reason: h.Reason})
	}
	return out
}

// Kill sets the latch, ends the cells, and then the turns.
func (b backend) Kill(ctx context.Context, target, reason string) (*control.KillReport, error) {
	b.touch()
	k, err := b.gate.Kill(ctx, owner, target, reason)
	report := &control.KillReport{Target: k.Target, Cells: k.Cells, Micros: k.Took.Microseconds(), Halted: halts(b.gate.Halted())}
	for _, e := range k.Cancelled {
		report.Effects = append(report.Effects, control.EndedEffect(e))
	}
	for name, a := range b.agents {
		if target != gate.All && target != "agent:"+name {
			continue
		}
		n, stopErr := a.StopAll(ctx)
		report.Turns += n
		err = errors.Join(err, stopErr)
	}
	return report, err
}

// Resume clears the latch for exactly that target.
func (b backend) Resume(ctx context.Context, target string) (*control.ResumeReport, error) {
	b.touch()
	cleared, err := b.gate.Resume(ctx, target)
	if err != nil {
		return nil, err
	}
	b.channels.Refresh()
	b.poke()
	return &control.ResumeReport{Target: target, Was: len(cleared) > 0, Halted: halts(b.gate.Halted())}, nil
}

// Call calls a tool as the owner.
func (b backend) Call(ctx context.Context, req control.CallRequest) (*control.CallResult, error) {
	b.touch()
	start := time.Now()
	args := req.Args
	if len(args) == 0 {
		args = json.RawMessage("{}")
	}
	r, err := b.effects.CallTool(ctx, owner, gate.Origin{Trigger: "call"}, req.Tool, args)
	if err != nil {
		return nil, err
	}
	return &control.CallResult{Text: r.Text, IsError: r.IsError, Labels: r.Labels, Effect: r.Effect, Micros: time.Since(start).Microseconds()}, nil
}

// Secrets lists names, never values.
func (b backend) Secrets(ctx context.Context) ([]control.Secret, error) {
	names, err := b.secrets.List(ctx)
	if err != nil {
		return nil, err
	}
	out := []control.Secret{}
	for _, n := range names {
		s := control.Secret{Name: n, Store: b.secrets.Backend()}
		for _, g := range b.gate.Grants("") {
			if g.Capability == "secret.use" && slices.Contains(g.Scope.Allow["names"], n) {
				s.UsedBy = append(s.UsedBy, g.Plugin)
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// SetSecret stores a value.
func (b backend) SetSecret(ctx context.Context, name string, value []byte) error {
	b.touch()
	if err := b.secrets.Set(ctx, name, value); err != nil {
		return err
	}
	return b.recordSecret(ctx, "set", name)
}

// RemoveSecret forgets a value.
func (b backend) RemoveSecret(ctx context.Context, name string) error {
	b.touch()
	if err := b.secrets.Remove(ctx, name); err != nil {
		return err
	}
	return b.recordSecret(ctx, "removed", name)
}

// agentFor finds the agent that a request means.
func (b backend) agentFor(name string) (*agent.Agent, error) {
	if name == "" {
		name = DefaultAgent
		if len(b.agents) == 1 {
			for only := range b.agents {
				name = only
			}
		}
	}
	a, ok := b.agents[name]
	if !ok {
		return nil, protocol.Errorf(protocol.NotFound, "there is no agent %q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(b.agents)), ", "))
	}
	return a, nil
}

func (h *Host) recordSecret(ctx context.Context, what, name string) error {
	r := audit.Record{Kind: audit.Secret, Actor: "owner", Resource: name, Detail: what}
	if _, err := h.audit.Append(ctx, r, nil, true); err != nil {
		return fmt.Errorf("secret %s was %s, but that can't be recorded: %w", name, what, err)
	}
	return nil
}
