package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ambithost/ambit/host/agent/when"
	"github.com/ambithost/ambit/host/provenance"
	"github.com/ambithost/ambit/sdk/model"
)

// DefaultQuiet is what the model answers to a heartbeat when there is nothing
// to say.
const DefaultQuiet = "ALL_QUIET"

// Heartbeat has the agent look after things by itself.
type Heartbeat struct {
	Every        time.Duration
	Hours        when.Hours // empty: all day
	Session      string     // in which its turns run
	Instructions string     // the owner's words on what to look at; may be empty
	Quiet        string     // the exact answer that is not delivered; empty: [DefaultQuiet]
	// Read returns more instructions, from the workspace, and the labels of what
	// they are made of; empty: there are none. It may be nil.
	Read func(ctx context.Context) (text string, labels []string, err error)
}

// HeartbeatID is the id of an agent's heartbeat among its schedules.
func HeartbeatID(agent string) string { return "heartbeat-" + agent }

func (h *Heartbeat) check() error {
	if h == nil {
		return nil
	}
	if !sessionName.MatchString(h.Session) {
		return fmt.Errorf("agent: heartbeat: session %q is no session's name", h.Session)
	}
	if h.Quiet == "" {
		h.Quiet = DefaultQuiet
	}
	return h.rule(time.Unix(1, 0)).Check()
}

func (h *Heartbeat) rule(from time.Time) when.Rule {
	return when.Rule{Kind: when.Every, Every: h.Every, From: from, Hours: h.Hours}
}

// setHeartbeat makes the heartbeat's schedule what the configuration says.
func (k *timekeeper) setHeartbeat(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	a, id := k.a, HeartbeatID(k.a.cfg.Name)
	list, err := a.cfg.Store.Schedules(ctx, a.cfg.Name)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(s Schedule) bool { return s.ID == id })
	h := a.cfg.Heartbeat
	if h == nil {
		if i < 0 {
			return nil
		}
		return a.cfg.Store.RemoveSchedule(ctx, id)
	}
	now := a.cfg.Clock.Now()
	s := Schedule{ID: id, Agent: a.cfg.Name, By: ByHost, State: ScheduleActive, Created: now}
	if i >= 0 {
		s = list[i]
	}
	s.Session = h.Session
	if rule := h.rule(s.Rule.From); i < 0 || rule != s.Rule {
		s.Rule = h.rule(now)
		s = k.plan(s, now)
	}
	return a.cfg.Store.PutSchedule(ctx, s)
}

// look finds what a heartbeat would be about: instructions of the owner or of
// the workspace, and what happened since the session's last turn. Without any,
// found is false and no model is asked.
func (a *Agent) look(ctx context.Context, in string) (note string, parts []Part, found bool, err error) {
	h := a.cfg.Heartbeat
	if h == nil {
		return "", nil, false, nil // the setting is gone, and the schedule with the next start
	}
	session, err := a.cfg.Store.Session(ctx, in)
	if err != nil {
		return "", nil, false, err
	}
	parts = []Part{{Text: fmt.Sprintf(`[heartbeat] Nobody spoke: this is the host's regular look. Do what the instructions for heartbeats ask for now, look at what happened since the last turn, and do no more than that. If nothing needs the owner's attention, answer with exactly %s and nothing else: the owner is then not disturbed. Else your last answer is what the owner reads.`, h.Quiet)}}
	if text := strings.TrimSpace(h.Instructions); text != "" {
		found = true
		parts = append(parts, Part{Source: provenance.Source{Kind: provenance.Owner}, Text: text})
	}
	if h.Read != nil {
		text, labels, err := h.Read(ctx)
		if err != nil {
			return "", nil, false, err
		}
		if instructs(text) {
			found = true
			parts = append(parts, Part{Source: provenance.Source{Kind: provenance.Memory, Name: "instructions for heartbeats", Labels: labels}, Text: strings.TrimSpace(text)})
		}
	}
	if !found && a.cfg.Chronicle != nil && !session.Updated.IsZero() {
		d, err := a.cfg.Chronicle.Since(ctx, a.cfg.Name, in, session.Updated)
		if err != nil {
			return "", nil, false, err
		}
		found = len(d.Events) > 0
	}
	return "A heartbeat started this turn.", parts, found, nil
}

// instructs tells a text with instructions from one that has only headings,
// comments, empty list items and empty lines.
func instructs(text string) bool {
	comment := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case comment || strings.HasPrefix(line, "<!--"):
			comment = !strings.Contains(line, "-->")
		case strings.Trim(line, "-*+_= [].") == "", strings.HasPrefix(line, "#"):
		default:
			return true
		}
	}
	return false
}

// voice is the kind of an answer of the model. In a heartbeat only the last word
// is for the owner, and the quiet word for nobody.
func (t *turn) voice(resp model.Response) Kind {
	if t.kind != KindHeartbeat {
		return FromAgent
	}
	if len(resp.Calls) > 0 || strings.TrimSpace(resp.Text) == t.a.cfg.Heartbeat.quiet() {
		return FromQuiet
	}
	return FromAgent
}

func (h *Heartbeat) quiet() string {
	if h == nil {
		return DefaultQuiet
	}
	return h.Quiet
}
