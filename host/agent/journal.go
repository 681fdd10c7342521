package agent

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/ambithost/ambit/host/provenance"
	"github.com/ambithost/ambit/sdk/model"
)

// outlive gives a record the time to be written although the turn was
// cancelled: what happened must be known.
func outlive(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
}

// record writes one step and adds its entries to the history.
func (t *turn) record(ctx context.Context, s *Step) error {
	keep, done := outlive(ctx)
	defer done()
	s.Turn, s.Session, s.Floor = t.Turn.ID, t.Session, t.floor
	if err := t.a.cfg.Store.Record(keep, s); err != nil {
		return err
	}
	t.floor = 0
	if s.Labels != nil {
		t.session.Labels = s.Labels
	}
	t.history = append(t.history, s.Entries...)
	t.material = t.material.With(textsOf(s.Entries, t.session.Labels)...)
	return nil
}

func (t *turn) append(ctx context.Context, entries ...Entry) error {
	if err := t.record(ctx, &Step{Entries: entries}); err != nil {
		return err
	}
	t.publishEntries(entries)
	return nil
}

// hear adds to a step what somebody said, and the label that the words of others
// bring into the session.
func (t *turn) hear(s *Step, tr Trigger) {
	if tr.From == "" {
		e := t.entry(FromOwner, model.Message{Role: model.User, Text: tr.Text})
		e.Images = tr.Images
		s.Entries = append(s.Entries, e)
		return
	}
	labels := []string{untrusted}
	e := t.entry(FromContact, model.Message{Role: model.User, Text: frame(tr.From, labels, tr.Text)})
	e.Source = &provenance.Source{Kind: provenance.Contact, Name: tr.From, Labels: labels}
	e.Images = tr.Images
	s.Entries = append(s.Entries, e)
	if !slices.Contains(t.session.Labels, untrusted) {
		s.Labels = slices.Sorted(slices.Values(append(labels, t.session.Labels...)))
	}
}

func (t *turn) entry(k Kind, m model.Message) Entry {
	return Entry{Turn: t.Turn.ID, Kind: k, Message: m, At: t.a.cfg.Clock.Now()}
}

func (t *turn) publish(e Event) {
	e.Session, e.Turn = t.Session, t.Turn.ID
	t.a.publish(e)
	t.publishAbove(e)
}

// publishEntries tells subscribers what people read: not tool results, which
// have events of their own, and not the time, what the clock said, what was said
// to nobody, and summaries.
func (t *turn) publishEntries(entries []Entry) {
	for _, e := range entries {
		if !slices.Contains([]Kind{FromTool, FromClock, FromWake, FromQuiet, FromSummary, FromSkills}, e.Kind) && e.Message.Text != "" {
			t.publish(Event{Type: EventMessage, Kind: e.Kind, Text: e.Message.Text})
		}
	}
}

func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || strings.ContainsRune(".!?", rune(s[len(s)-1])) {
		return s
	}
	return s + "."
}
