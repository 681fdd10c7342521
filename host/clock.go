package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/agent/when"
	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/plainfile"
)

// halted tells whether everything is stopped, or one target.
func (h *Host) halted(target string) bool {
	return slices.ContainsFunc(h.gate.Halted(), func(halt gate.Halt) bool { return halt.Target == gate.All || halt.Target == target })
}

// warden is the host's say in what the clock starts.
type warden struct{ *Host }

// MayWake implements [agent.Warden].
func (w warden) MayWake(ctx context.Context, s agent.Schedule) error {
	plugin, made := strings.CutPrefix(s.By, "plugin:")
	if w.halted("agent:"+s.Agent) || made && w.halted(s.By) {
		return agent.ErrHeld
	}
	switch {
	case s.Heartbeat():
		spent, err := w.allowances.spent(ctx, s.Agent, s.Session)
		if err == nil && spent {
			err = agent.ErrSpent
		}
		return err
	case made:
		p, ok := w.plugins.lookup(plugin)
		if ok && !p.usable() {
			return agent.ErrHeld // until it is enabled again
		}
		if !ok || !slices.ContainsFunc(w.gate.Grants(plugin), func(g gate.Grant) bool { return g.Capability == "schedule.create" && g.Serves(s.Agent) }) {
			return fmt.Errorf("%w: plugin %s holds no grant of schedule.create", agent.ErrBarred, plugin)
		}
	}
	return nil
}

// Scheduled implements [agent.Warden].
func (w warden) Scheduled(ctx context.Context, s agent.Schedule, what agent.ScheduleEvent, detail string) error {
	r := audit.Record{Kind: audit.Schedule, Actor: s.By, Agent: s.Agent, Session: s.Session, Resource: s.ID, Status: string(what), Detail: detail}
	if _, err := w.audit.Append(ctx, r, nil, what != agent.ScheduleRan); err != nil {
		return err
	}
	topic := "schedule " + s.ID
	w.notices.clear(topic)
	if what == agent.ScheduleStopped {
		w.notices.set(topic, control.Notice{Message: fmt.Sprintf("Schedule %s of agent %s is disabled: %s.", s.ID, s.Agent, detail), Hint: "ambit schedule run " + s.ID})
	}
	return nil
}

// heartbeat is an agent's, as its settings have it; nil: none.
func (h *Host) heartbeat(name string) *agent.Heartbeat {
	f := h.file.Agents[name].Heartbeat
	if f == nil {
		return nil
	}
	rule, _ := when.Parse(when.Wish{Every: f.Every}, time.Unix(1, 0), time.UTC) // was checked when it was read
	return &agent.Heartbeat{
		Every: rule.Every, Hours: when.Hours(f.Hours), Session: either(f.Session, defaultSession),
		Instructions: f.Instructions, Quiet: f.Quiet,
		Read: func(ctx context.Context) (string, []string, error) { return h.readInstructions(ctx, name, f.file()) },
	}
}

const maxInstructions = 32 << 10

// readInstructions reads a file of an agent's workspace, and the labels of what
// the agent wrote it from.
func (h *Host) readInstructions(ctx context.Context, name, file string) (string, []string, error) {
	dir, err := h.workspace(name)
	if err != nil {
		return "", nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", nil, err
	}
	defer root.Close()
	labels, err := h.fileLabels(ctx, name, file)
	if err != nil {
		return "", nil, err
	}
	f, _, err := plainfile.Open(root, file)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil, nil
	}
	if err != nil {
		return "", nil, fmt.Errorf("instructions for heartbeats: %s: %w", file, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxInstructions))
	if err != nil {
		return "", nil, err
	}
	after, err := h.fileLabels(ctx, name, file) // it may have been written meanwhile
	return strings.ToValidUTF8(string(text), "\uFFFD"), slices.Concat(labels, after), err
}

// fileLabels are those of an agent's file. The default agent's workspace is also
// where the owner's own calls write.
func (h *Host) fileLabels(ctx context.Context, name, file string) ([]string, error) {
	labels, err := h.effects.FileLabels(ctx, name, file)
	if err == nil && name == DefaultAgent {
		var direct []string
		direct, err = h.effects.FileLabels(ctx, "", file)
		labels = append(labels, direct...)
	}
	return labels, err
}

// poke has the agents look at their schedules: what held them may be gone.
func (h *Host) poke() {
	for _, a := range h.agents {
		a.Poke()
	}
}

// The owner's presence is kept over restarts, to the minute: a policy that asks
// for it must not be widened by a restart, nor narrowed.
const (
	seenKey   = "owner_seen"
	seenEvery = time.Minute
)

func (h *Host) loadSeen(ctx context.Context) error {
	h.onClose(func() error {
		if us := h.ownerSeen.Load(); us != h.seenKept.Load() {
			return h.keepSeen(us)
		}
		return nil
	})
	text, err := h.state.Value(ctx, seenKey)
	if err != nil || text == "" {
		return err
	}
	us, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return fmt.Errorf("state: %s: %w", seenKey, err)
	}
	h.ownerSeen.Store(us)
	h.seenKept.Store(us)
	return nil
}

// touch notes that the owner is present.
func (h *Host) touch() {
	us := h.now().UnixMicro()
	h.ownerSeen.Store(us)
	if kept := h.seenKept.Load(); us-kept < seenEvery.Microseconds() && us >= kept || !h.seenKept.CompareAndSwap(kept, us) {
		return
	}
	if err := h.keepSeen(us); err != nil {
		h.log.Error("that the owner was here can't be kept", "error", err)
	}
}

func (h *Host) keepSeen(us int64) error {
	return h.state.SetValue(context.Background(), seenKey, strconv.FormatInt(us, 10))
}
