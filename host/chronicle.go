package host

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/audit"
)

// chronicle sums up the audit log for an agent's turns. What it tells is made of
// names that the owner or the host gave, and of nothing that a model, a plugin
// or a web page wrote: it stands among the host's words.
type chronicle struct{ *Host }

const (
	chronicleMost  = 4096 // records that are remembered
	chronicleShown = 8    // events that are told
)

// recent remembers the newest records of the audit log that a digest may be made
// of, so that a turn does not read the log once more: with many sessions at work
// much happens between two turns of one of them.
type recent struct {
	mu      sync.Mutex
	log     *audit.Log
	reader  *audit.Reader // nil: nothing was read yet
	records []audit.Record
	floor   time.Time // of the newest record that is not remembered; zero: all are
	closed  bool
}

// catchUp reads what was appended since the last time. The caller holds mu.
func (m *recent) catchUp(ctx context.Context) error {
	if m.closed {
		return audit.ErrClosed
	}
	if m.reader == nil {
		size := m.log.Size()
		from := size - min(size, chronicleMost)
		m.reader = m.log.Reader(from)
		if from > 0 {
			m.floor = time.Now() // until the first record tells
		}
	}
	first := len(m.records) == 0 && !m.floor.IsZero()
	return m.reader.Read(ctx, func(_ uint64, r audit.Record) error {
		if first {
			m.floor, first = r.Time, false
		}
		if r.Kind == audit.Intent {
			return nil // its outcome is told
		}
		if len(m.records) == chronicleMost {
			const many = chronicleMost / 8
			m.floor = m.records[many-1].Time
			m.records = append(m.records[:0], m.records[many:]...)
		}
		m.records = append(m.records, audit.Record{
			Kind: r.Kind, Time: r.Time, Actor: r.Actor, Agent: r.Agent, Session: r.Session, Plugin: r.Plugin, Capability: r.Capability,
			Resource: r.Resource, Status: r.Status, Code: r.Code, Rule: r.Rule, Detail: r.Detail,
		})
		return nil
	})
}

func (m *recent) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	if m.reader == nil {
		return nil
	}
	return m.reader.Close()
}

// Since implements [agent.Chronicle].
func (c chronicle) Since(ctx context.Context, name, session string, after time.Time) (agent.Digest, error) {
	m := &c.recent
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.catchUp(ctx); err != nil {
		return agent.Digest{}, err
	}
	d := digest{agent: name, session: session}
	for _, r := range m.records {
		if r.Time.After(after) {
			d.add(r)
		}
	}
	return d.sum(m.floor.After(after)), nil
}

// digest collects.
type digest struct {
	agent, session               string
	done, denied, failed, unsure int
	events                       []happening
}

type happening struct {
	weight int // what matters more is told first when there is too much
	text   string
	times  int
	at     time.Time
}

// add takes in a record that is the agent's business and not of the session's
// own turns.
func (d *digest) add(r audit.Record) {
	own := r.Agent == d.agent && r.Session == d.session
	deed := r.Plugin + " " + r.Capability
	switch r.Kind {
	case audit.Kill:
		d.note(r, 9, "everything of "+r.Resource+" was stopped by "+plain(r.Actor))
	case audit.Resume:
		d.note(r, 9, "resumed: "+r.Resource)
	case audit.Revoke:
		d.note(r, 7, "revoked: "+deed)
	case audit.GrantK:
		d.note(r, 3, "granted: "+deed)
	case audit.Install, audit.Remove, audit.Enable, audit.Disable:
		d.note(r, 3, string(r.Kind)+" of plugin "+r.Plugin)
	case audit.Policy:
		if r.Status == "done" {
			d.note(r, 3, "the policy changed")
		}
	case audit.Schedule:
		if r.Agent == d.agent {
			d.schedule(r, own)
		}
	default:
		if r.Agent == d.agent && !own {
			d.deed(r, deed)
		}
	}
}

func (d *digest) schedule(r audit.Record, own bool) {
	what := "schedule " + r.Resource
	switch r.Status {
	case string(agent.ScheduleRan):
		if strings.HasPrefix(r.Resource, "heartbeat-") || own {
			return
		}
		text := what + " ran"
		if r.Detail != "" {
			text += " (" + r.Detail + ")"
		}
		d.note(r, 2, text)
	case string(agent.ScheduleStopped):
		d.note(r, 8, what+" was disabled")
	case string(agent.ScheduleCreated), string(agent.ScheduleRemoved):
		if r.Actor == agent.ByOwner {
			d.note(r, 2, "the owner "+r.Status+" "+what)
		}
	}
}

func (d *digest) deed(r audit.Record, deed string) {
	switch r.Kind {
	case audit.Refusal:
		d.denied++
		d.note(r, 6, fmt.Sprintf("%s: %s (rule %s)", either(plain(r.Code), "denied"), deed, either(plain(r.Rule), "none")))
	case audit.Approve:
		d.note(r, 6, "the owner approved: "+deed)
	case audit.Decline:
		d.note(r, 6, "declined, or not answered in time: "+deed)
	case audit.Outcome:
		switch r.Status {
		case "failed":
			d.failed++
		case "unknown":
			d.unsure++
			d.note(r, 8, "whether it happened is unknown: "+deed)
		case "done":
			d.done++
		}
	case audit.Turn:
		if r.Status != string(agent.Active) && r.Status != string(agent.Done) {
			d.note(r, 5, "a turn in session "+plain(r.Session)+" ended: "+plain(r.Status))
		}
	}
}

func (d *digest) note(r audit.Record, weight int, text string) {
	i := slices.IndexFunc(d.events, func(h happening) bool { return h.text == text })
	if i < 0 {
		i, d.events = len(d.events), append(d.events, happening{weight: weight, text: text})
	}
	d.events[i].times++
	d.events[i].at = r.Time
}

// plain keeps a word of the record to what a name may hold.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_.:@/-", r) {
			return r
		}
		return -1
	}, s[:min(len(s), 128)])
}

func (d *digest) sum(partial bool) agent.Digest {
	out := agent.Digest{Partial: partial}
	var counts []string
	for _, c := range []struct {
		n    int
		what string
	}{{d.done, "done"}, {d.denied, "denied"}, {d.failed, "failed"}, {d.unsure, "of unknown outcome"}} {
		if c.n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	if len(counts) > 0 {
		out.Counts = "Effects: " + strings.Join(counts, ", ")
	}
	slices.SortStableFunc(d.events, func(a, b happening) int { return b.weight - a.weight })
	out.More = max(0, len(d.events)-chronicleShown)
	shown := d.events[:len(d.events)-out.More]
	slices.SortStableFunc(shown, func(a, b happening) int { return a.at.Compare(b.at) })
	for _, h := range shown {
		text := h.text
		if h.times > 1 {
			text += fmt.Sprintf(", %d times", h.times)
		}
		out.Events = append(out.Events, agent.Happening{At: h.at, Text: text})
	}
	return out
}
