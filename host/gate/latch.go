package gate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Halt is one set position of the latch.
type Halt struct {
	Target string    `json:"target"` // "all", "agent:NAME", "plugin:NAME"
	Since  time.Time `json:"since"`
	By     string    `json:"by"` // "owner", "plugin:NAME", "host"
	Reason string    `json:"reason"`
}

// String says it in words.
func (h Halt) String() string {
	what := strings.Replace(h.Target, ":", " ", 1)
	if h.Target == All {
		what = "everything"
	}
	s := what + " was halted by " + h.By
	if h.Reason != "" {
		s += ": " + h.Reason
	}
	return s
}

func (h Halt) command() string {
	_, name, _ := strings.Cut(h.Target, ":")
	return strings.TrimSpace("ambit resume " + name)
}

// LatchStore keeps the latch.
type LatchStore interface {
	LoadLatch(context.Context) ([]Halt, error)
	SetLatch(context.Context, Halt) error
	// ClearLatch removes exactly these halts: one that was set again since
	// stays.
	ClearLatch(context.Context, []Halt) error
}

// All is the target that stops everything.
const All = "all"

// haltFor finds the halt that stands against an effect. g.mu is held.
func (g *Gate) haltFor(e *Effect) (Halt, bool) {
	if len(g.halted) == 0 {
		return Halt{}, false
	}
	for _, t := range e.targets() {
		if h, ok := g.halted[t]; ok {
			return h, true
		}
	}
	return Halt{}, false
}

// targets lists the latch positions that stop an effect.
func (e *Effect) targets() []string {
	t := []string{All, "plugin:" + e.Plugin, "agent:" + e.Origin.Agent}
	if e.Actor.Type == "plugin" {
		t = append(t, "plugin:"+e.Actor.ID)
	}
	if e.Actor.Type == "agent" {
		t = append(t, "agent:"+e.Actor.ID)
	}
	return t
}

// Killed says what a kill did.
type Killed struct {
	Target    string        `json:"target"`
	Cells     int           `json:"cells"` // processes ended
	Cancelled []CutOff      `json:"cancelled"`
	Took      time.Duration `json:"took"` // until the last cell was reaped, ns
}

// CheckTarget says what a target must look like.
func CheckTarget(target string) error {
	kind, name, ok := strings.Cut(target, ":")
	if target == All || ok && name != "" && (kind == "agent" || kind == "plugin") {
		return nil
	}
	return protocol.Errorf(protocol.Invalid, `target %q: want "all", "agent:NAME" or "plugin:NAME"`, target)
}

// Kill sets the latch for a target, cancels its effects and ends its cells,
// all before anything is written. An error means that the kill holds now but
// may not survive a restart.
func (g *Gate) Kill(ctx context.Context, actor policy.Entity, target, reason string) (Killed, error) {
	if err := CheckTarget(target); err != nil {
		return Killed{}, err
	}
	start := time.Now()
	halt := Halt{Target: target, Since: g.cfg.Clock.Now(), By: actorName(actor), Reason: reason}
	killed := Killed{Target: target}
	cause := protocol.Errorf(protocol.Killed, "%s was killed", target)
	g.mu.Lock()
	g.halted[target] = halt
	clear(g.allowances)
	questions, yeses := g.dropLeft(target)
	killed.Cancelled = g.cancelFlights(cause, func(f *Flight) bool { return slices.Contains(f.effect.targets(), target) })
	g.mu.Unlock()
	killed.Cells = g.forbid(target)
	killed.Took = time.Since(start)
	g.endDropped(questions, yeses)
	ctx = context.WithoutCancel(ctx)
	_, logErr := g.cfg.Audit.Append(ctx, audit.Record{Kind: audit.Kill, Time: halt.Since, Actor: actorName(actor), Resource: target, Detail: halt.Reason}, nil, true)
	if err := errors.Join(logErr, g.cfg.Store.SetLatch(ctx, halt)); err != nil {
		return killed, fmt.Errorf("kill: in force now, but it may not survive a restart: %w", err)
	}
	return killed, nil
}

// Resume clears one position of the latch; a plugin or agent that was killed by
// itself stays so when "all" is resumed. Only the owner can: there is no
// capability for it and no plugin reaches this method.
func (g *Gate) Resume(ctx context.Context, target string) ([]Halt, error) {
	if err := CheckTarget(target); err != nil {
		return nil, err
	}
	cleared := []Halt{}
	for _, h := range g.Halted() {
		if h.Target == target {
			cleared = append(cleared, h)
		}
	}
	if len(cleared) == 0 {
		return cleared, nil
	}
	r := audit.Record{Kind: audit.Resume, Time: g.cfg.Clock.Now(), Actor: "owner", Resource: targetsOf(cleared)}
	if _, err := g.cfg.Audit.Append(ctx, r, nil, true); err != nil {
		return nil, fmt.Errorf("resume: the audit log can't be written, still halted: %w", err)
	}
	if err := g.cfg.Store.ClearLatch(ctx, cleared); err != nil {
		return nil, fmt.Errorf("resume: still halted: %w", err)
	}
	g.mu.Lock()
	for _, h := range cleared {
		if g.halted[h.Target] == h { // not killed again meanwhile
			delete(g.halted, h.Target)
		}
	}
	g.mu.Unlock()
	g.allow(cleared)
	return cleared, nil
}

func targetsOf(halts []Halt) string {
	list := make([]string, len(halts))
	for i, h := range halts {
		list[i] = h.Target
	}
	return strings.Join(list, " ")
}

// forbid and allow hold cellsMu, so that a resume can't undo a kill that came
// after it.
func (g *Gate) forbid(target string) int {
	if g.cfg.Cells == nil {
		return 0
	}
	g.cellsMu.Lock()
	defer g.cellsMu.Unlock()
	return g.cfg.Cells.Forbid(target)
}

func (g *Gate) allow(cleared []Halt) {
	if g.cfg.Cells == nil {
		return
	}
	g.cellsMu.Lock()
	defer g.cellsMu.Unlock()
	for _, h := range cleared {
		g.mu.Lock()
		_, again := g.halted[h.Target]
		g.mu.Unlock()
		if !again {
			g.cfg.Cells.Allow(h.Target)
		}
	}
}

// Halted lists the set positions of the latch, oldest first.
func (g *Gate) Halted() []Halt {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([]Halt, 0, len(g.halted))
	for _, h := range g.halted {
		out = append(out, h)
	}
	slices.SortFunc(out, func(a, b Halt) int { return a.Since.Compare(b.Since) })
	return out
}
