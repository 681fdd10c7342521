package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ambithost/ambit/host/control"
)

const (
	rounds = "rounds"         // the session of the heartbeats
	beat   = "heartbeat-main" // the schedule of an agent's
)

// pass lets the time go on to the next time that a clock shows that hour. What is
// due on the way happens at its time: heartbeats run, and questions that nobody
// answers expire.
func (d *day) pass(ctx context.Context, hour string) error {
	now := d.clock.Now()
	of, err := time.Parse("15:04", hour)
	if err != nil {
		return err
	}
	to := time.Date(now.Year(), now.Month(), now.Day(), of.Hour(), of.Minute(), 0, 0, now.Location())
	if !to.After(now) {
		to = to.AddDate(0, 0, 1)
	}
	for {
		if err := d.rest(ctx); err != nil {
			return err
		}
		next := to
		for _, at := range d.clock.Waiting() {
			if at.After(d.clock.Now()) && at.Before(next) {
				next = at
			}
		}
		d.clock.Set(next)
		if next.Equal(to) {
			return d.rest(ctx)
		}
	}
}

// rest waits until neither host does anything but wait, for a time or for its
// owner, and tells meanwhile what they do.
func (d *day) rest(ctx context.Context) error {
	for {
		busy := false
		for _, s := range []*story{d.ada, d.bob} {
			if s.client == nil || s.stop == nil {
				continue
			}
			at, err := s.busy(ctx)
			if err != nil {
				return err
			}
			busy = busy || at
		}
		if !busy {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: it does not come to rest: %w", errStory, context.Cause(ctx))
		case <-time.After(40 * time.Millisecond):
		}
	}
}

// busy tells what was done since it was last asked, and whether more is to come
// before the clock goes on.
func (s *story) busy(ctx context.Context) (bool, error) {
	now := s.clock.Now()
	schedules, err := s.client.Schedules(ctx)
	if err != nil {
		return false, err
	}
	st, err := s.client.Status(ctx)
	if err != nil {
		return false, err
	}
	if err := s.tell(ctx); err != nil {
		return false, err
	}
	waits := false
	for i := range st.Waiting {
		a := &st.Waiting[i]
		if !slices.Contains(s.told.questions, a.ID) {
			s.told.questions = append(s.told.questions, a.ID)
			if s.answer != nil {
				return true, s.decide(ctx, a)
			}
			s.asks(a)
			s.line("owner", "sleeps")
		}
		waits = waits || a.Expires.After(now)
	}
	if len(st.Halted) > 0 { // what is due is held
		return false, nil
	}
	for _, v := range schedules {
		if v.State == "active" && !v.Next.IsZero() && !v.Next.After(now) || v.State == "running" && !waits {
			return true, nil
		}
	}
	return slices.ContainsFunc(st.Agents, func(a control.AgentStatus) bool { return a.Busy }) && !waits, nil
}

// tell tells what was said and done in the heartbeats since it last did.
func (s *story) tell(ctx context.Context) error {
	list, err := s.client.SessionEntries(ctx, rounds, 1000)
	if err != nil {
		if strings.Contains(err.Error(), "no conversation") {
			return nil
		}
		return err
	}
	for _, e := range list {
		if e.Seq <= s.told.entry {
			continue
		}
		s.told.entry = e.Seq
		switch {
		case e.Kind == "quiet" && e.Text == quiet:
			s.line("agent", "%s", s.paint("dim", "looks around, and keeps quiet"))
		case e.Kind == "agent" || e.Kind == "quiet":
			if e.Text != "" {
				s.line("agent", "“%s”", e.Text)
			}
		case e.Kind == "result" && e.Failed:
			code, why, _ := strings.Cut(strings.TrimSpace(content(e.Text)), ": ")
			s.line("gate", "%s %s", s.paint("bad", code+":"), short(why))
		case e.Kind == "result":
			s.line("agent", "%s %s", s.paint("good", "done:"), s.paint("dim", short(content(e.Text))))
		}
		for _, c := range e.Calls {
			s.line("agent", "%s %s", c.Tool, short(string(c.Args)))
		}
	}
	return nil
}

// content is a tool's result without the marks of text that others wrote.
func content(text string) string {
	lines := slices.DeleteFunc(strings.Split(text, "\n"), func(l string) bool {
		return strings.HasPrefix(l, "[untrusted ") || strings.HasPrefix(l, "[end untrusted ")
	})
	return strings.Join(lines, " ")
}

// refusals are what was decided against, in order.
func (s *story) refusals(ctx context.Context) ([]control.AuditEntry, error) {
	page, err := s.client.AuditEntries(ctx, control.AuditQuery{Kind: "refusal", Last: 100})
	if err != nil {
		return nil, err
	}
	return page.Entries, nil
}

// called counts the calls of a tool.
func called(list []control.SessionEntry, tool string) (n int) {
	for _, e := range list {
		for _, c := range e.Calls {
			if c.Tool == tool {
				n++
			}
		}
	}
	return n
}

// timeline tells what agents did and were refused, from the logs alone: that of the
// tools, without what they were made of.
func (d *day) timeline(ctx context.Context) error {
	type act struct {
		at   time.Time
		text string
	}
	var acts []act
	for _, s := range []*story{d.ada, d.bob} {
		page, err := s.client.AuditEntries(ctx, control.AuditQuery{Last: 1000})
		if err != nil {
			return err
		}
		within := map[string]bool{} // effects of which a part was refused
		for _, e := range page.Entries {
			how := ""
			switch {
			case e.Kind == "outcome" && strings.HasPrefix(e.Actor, "agent:") && e.Capability != "model.complete" && !within[e.Effect]:
				how = s.paint("good", e.Status)
			case e.Kind == "refusal" && e.Verdict == "ask":
				what, why, _ := strings.Cut(e.Detail, " (asked because ")
				how = s.paint("bad", "asked") + ", and " + strings.TrimSuffix(what, ".") + ": " + short(strings.TrimSuffix(why, ")"))
			case e.Kind == "refusal":
				how = s.paint("bad", e.Code) + ": " + e.Rule
			default:
				continue
			}
			within[e.Parent] = e.Kind == "refusal"
			acts = append(acts, act{e.Time, fmt.Sprintf("%s  %-4s %-14s %-42s %s", e.Time.UTC().Format("15:04"), s.name, e.Capability, e.Resource, how)})
		}
	}
	slices.SortStableFunc(acts, func(a, b act) int { return a.at.Compare(b.at) })
	for _, a := range acts {
		fmt.Fprintf(d.out, "  %s\n", a.text)
	}
	return nil
}
