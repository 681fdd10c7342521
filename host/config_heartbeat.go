package host

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/agent/when"
	"github.com/ambithost/ambit/host/budget"
)

// HeartbeatFile has an agent look after things by itself.
type HeartbeatFile struct {
	// Every is how often: "30m", "2h", "1d"; at least a minute.
	Every string `yaml:"every"`
	// Hours are when, in the owner's zone: "08:00-22:00"; empty: all day.
	Hours string `yaml:"hours"`
	// Session is where its turns run; empty: main.
	Session string `yaml:"session"`
	// Instructions are the owner's words on what to look at.
	Instructions string `yaml:"instructions"`
	// File in the agent's workspace has more of them; empty: HEARTBEAT.md.
	// That it is missing is no mistake.
	File string `yaml:"file"`
	// Quiet is the exact answer that is not delivered; empty: ALL_QUIET.
	Quiet string `yaml:"quiet"`
	// Budget bounds what heartbeats use, as limits of a grant are written;
	// without one of tokens: 200000tokens/day.
	Budget []string `yaml:"budget"`
}

const (
	defaultHeartbeatFile   = "HEARTBEAT.md"
	defaultHeartbeatTokens = "200000tokens/day"
	// leastTokens is the smallest useful budget: one answer is reserved whole.
	leastTokens = 20_000
)

// check says what is wrong with the settings of an agent's clock and budgets.
func (a AgentFile) check() error {
	if a.Context != 0 && a.Context < leastContext {
		return fmt.Errorf("context: want at least %d tokens", leastContext)
	}
	if _, err := a.allowances(""); err != nil {
		return err
	}
	h := a.Heartbeat
	if h == nil {
		return nil
	}
	rule, err := when.Parse(when.Wish{Every: h.Every}, time.Unix(1, 0), time.UTC)
	if err != nil {
		return fmt.Errorf("heartbeat: every: %w", err)
	}
	rule.Hours = when.Hours(h.Hours)
	if err := rule.Check(); err != nil {
		return fmt.Errorf("heartbeat: %w", err)
	}
	if file := h.file(); !filepath.IsLocal(file) || path.Clean(file) != file {
		return fmt.Errorf("heartbeat: file %q: want a path within the agent's workspace", file)
	}
	if strings.ContainsAny(h.Quiet, "\r\n") || len(h.Quiet) > 100 {
		return fmt.Errorf("heartbeat: quiet: want one line of at most 100 bytes")
	}
	return nil
}

func (h *HeartbeatFile) file() string { return either(h.File, defaultHeartbeatFile) }

// allowances are the budgets of an agent that its settings name.
func (a AgentFile) allowances(name string) ([]allowance, error) {
	out, err := parseAllowances(name, "agent", a.Budget)
	if err != nil || a.Heartbeat == nil && a.Memory.Consolidate == nil {
		return out, err
	}
	var limits []string
	if a.Heartbeat != nil {
		limits = a.Heartbeat.Budget
	}
	beats, err := parseAllowances(name, agent.KindHeartbeat, limits)
	if err != nil {
		return nil, fmt.Errorf("heartbeat: %w", err)
	}
	if !slices.ContainsFunc(beats, func(b allowance) bool { return b.budget.Unit == budget.Tokens }) {
		def, err := parseAllowances(name, agent.KindHeartbeat, []string{defaultHeartbeatTokens})
		if err != nil {
			return nil, err
		}
		beats = append(beats, def...)
	}
	return append(out, beats...), nil
}

func parseAllowances(name, of string, limits []string) (out []allowance, err error) {
	for _, text := range limits {
		l, err := budget.ParseLimit(text)
		switch {
		case err != nil:
			return nil, fmt.Errorf("budget: %w", err)
		case l.Window == "":
			return nil, fmt.Errorf("budget: %q: want a window, as in 200000tokens/day or 5usd/week", text)
		case l.Unit != budget.Tokens && !l.Unit.Money():
			return nil, fmt.Errorf("budget: %q: want tokens or money", text)
		case l.Unit == budget.Tokens && l.Amount < leastTokens:
			return nil, fmt.Errorf("budget: %q: want at least %d tokens, since a whole answer is reserved before it is asked for", text, leastTokens)
		}
		out = append(out, allowance{agent: name, of: of, budget: budget.Budget{Limit: l.Amount, Unit: l.Unit, Window: l.Window, By: budget.Keys{budget.ByAgent}, Name: of}})
	}
	return out, nil
}
