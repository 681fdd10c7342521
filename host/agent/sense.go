package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ambithost/ambit/sdk/model"
)

// Chronicle tells what happened to an agent.
type Chronicle interface {
	// Since sums up what happened after an instant, without what the session's
	// own turns did: their history has that. Its text is the host's and quotes
	// nobody.
	Since(ctx context.Context, agent, session string, after time.Time) (Digest, error)
}

// Digest is what happened, in short.
type Digest struct {
	Counts  string      // "12 effects done, 2 denied"; empty: none
	Events  []Happening // what matters, the oldest first
	More    int         // events that are left out
	Partial bool        // there was more than could be looked at
}

// Happening is one event, or several of a kind.
type Happening struct {
	At   time.Time // of the last
	Text string
}

// clock tells the model what time it is and what happened. It stands where the
// turn begins, below everything that earlier turns sent, so that providers can
// cache that.
func (t *turn) clock(ctx context.Context, note string) Entry {
	now, zone := t.Started.In(t.a.cfg.Zone), t.a.cfg.Zone
	name := zone.String()
	if name == "Local" {
		name, _ = now.Zone()
	}
	lines := []string{fmt.Sprintf("It is %s (%s).", now.Format("Monday 2006-01-02 15:04 -07:00"), name)}
	ctx, done := outlive(ctx)
	defer done()
	for _, part := range []string{t.passed(ctx), t.meanwhile(ctx), t.ahead(ctx), note} {
		if part != "" {
			lines = append(lines, part)
		}
	}
	return t.entry(FromClock, model.Message{Role: model.System, Text: strings.Join(lines, "\n")})
}

// passed is how long ago the last turn and the owner's last word were.
func (t *turn) passed(ctx context.Context) string {
	now, zone := t.Started, t.a.cfg.Zone
	text := "This is the first turn of this session."
	if !t.session.Updated.IsZero() {
		text = fmt.Sprintf("The last turn of this session ended %s.", since(now, t.session.Updated, zone))
	}
	word, err := t.a.cfg.Store.OwnerWord(ctx, t.Agent)
	switch {
	case err != nil:
		t.a.log.Error("when the owner last spoke can't be read", "error", err)
	case !word.IsZero():
		before := ""
		if t.kind == KindMessage {
			before = " before this"
		}
		text += fmt.Sprintf(" The owner's last word%s was %s.", before, since(now, word, zone))
	}
	return text
}

// meanwhile is what happened since the session's last turn.
func (t *turn) meanwhile(ctx context.Context) string {
	if t.a.cfg.Chronicle == nil || t.session.Updated.IsZero() {
		return ""
	}
	d, err := t.a.cfg.Chronicle.Since(ctx, t.Agent, t.Session, t.session.Updated)
	if err != nil {
		t.a.log.Error("what happened can't be read", "error", err)
		return "What happened meanwhile can't be told: the record can't be read now."
	}
	return d.text(t.Started, t.a.cfg.Zone)
}

func (d Digest) text(now time.Time, zone *time.Location) string {
	var parts []string
	if d.Counts != "" {
		parts = append(parts, sentence(d.Counts))
	}
	for _, e := range d.Events {
		parts = append(parts, sentence(moment(now, e.At, zone)+" "+e.Text))
	}
	if d.More > 0 {
		parts = append(parts, fmt.Sprintf("And %d more.", d.More))
	}
	if len(parts) == 0 {
		return ""
	}
	if d.Partial {
		parts = append(parts, "There was more before that.")
	}
	return "Meanwhile, outside this session: " + strings.Join(parts, " ")
}

// ahead is what is due next.
func (t *turn) ahead(ctx context.Context) string {
	const most = 3
	list, err := t.a.cfg.Store.Schedules(ctx, t.Agent)
	if err != nil {
		t.a.log.Error("the schedules can't be read", "error", err)
		return ""
	}
	list = slices.DeleteFunc(list, func(s Schedule) bool { return s.Next.IsZero() || s.State == ScheduleDisabled })
	slices.SortStableFunc(list, func(a, b Schedule) int { return a.Next.Compare(b.Next) })
	var parts []string
	for _, s := range list[:min(most, len(list))] {
		what := "schedule " + s.label()
		if s.Heartbeat() {
			what = "heartbeat"
		}
		parts = append(parts, what+" "+until(t.Started, s.Next, t.a.cfg.Zone))
	}
	if len(parts) == 0 {
		return ""
	}
	text := "Next: " + strings.Join(parts, ", ")
	if n := len(list) - most; n > 0 {
		text += fmt.Sprintf(", and %d more", n)
	}
	return text + "."
}

// since tells when something was: "3 h 20 min ago, 14:05".
func since(now, at time.Time, zone *time.Location) string {
	switch d := now.Sub(at); {
	case d < -time.Second:
		return moment(now, at, zone) + ", which is still to come: the clock was set back"
	case d < time.Minute:
		return "less than a minute ago"
	default:
		return length(d) + " ago, " + moment(now, at, zone)
	}
}

// until tells when something will be: "in 25 min, 14:30".
func until(now, at time.Time, zone *time.Location) string {
	if at.Sub(now) < time.Minute {
		return "now"
	}
	return "in " + length(at.Sub(now)) + ", " + moment(now, at, zone)
}

// moment is the time of day, with the weekday within a week and the date beyond.
func moment(now, at time.Time, zone *time.Location) string {
	now, at = now.In(zone), at.In(zone)
	switch {
	case now.YearDay() == at.YearDay() && now.Year() == at.Year():
		return at.Format("15:04")
	case now.Sub(at).Abs() < 6*24*time.Hour:
		return at.Format("Monday 15:04")
	}
	return at.Format("2006-01-02 15:04")
}

// length is a duration in its two largest units.
func length(d time.Duration) string {
	minutes := int(d / time.Minute)
	days, hours, rest := minutes/(24*60), minutes/60%24, minutes%60
	two := func(a int, unitA string, b int, unitB string) string {
		if b == 0 {
			return fmt.Sprintf("%d %s", a, unitA)
		}
		return fmt.Sprintf("%d %s %d %s", a, unitA, b, unitB)
	}
	switch {
	case days > 0:
		return two(days, "d", hours, "h")
	case hours > 0:
		return two(hours, "h", rest, "min")
	}
	return fmt.Sprintf("%d min", rest)
}

// opening puts into the step what a turn begins with: the time and what
// happened, then what was said and by whom.
func (t *turn) opening(ctx context.Context, step *Step) error {
	if t.kind == KindCommand {
		return nil // its end says what was done
	}
	if t.job.task != nil {
		t.takeTask(ctx, step)
		return nil
	}
	if t.job.open != nil || t.kind == KindMessage {
		step.Entries = []Entry{t.clock(ctx, "")}
		if t.job.open == nil { // else it is in the history
			t.hear(step, t.job.trigger)
		}
		return nil
	}
	keep, done := outlive(ctx)
	defer done()
	w, err := t.a.cfg.Store.Wake(keep, t.job.trigger.ID)
	if err != nil {
		return err
	}
	step.Entries = []Entry{t.clock(ctx, w.Note)}
	if t.kind == kindSay {
		t.saying(step, w)
		return nil
	}
	labels := slices.Clone(t.session.Labels)
	for _, p := range w.Parts {
		e := t.entry(FromWake, model.Message{Role: model.User, Text: frame(p.Source.String(), p.Source.Labels, p.Text)})
		e.Source = &p.Source
		step.Entries, labels = append(step.Entries, e), append(labels, p.Source.Labels...)
	}
	slices.Sort(labels)
	if labels = slices.Compact(labels); len(labels) > len(t.session.Labels) {
		step.Labels, t.session.Labels = labels, labels
	}
	return nil
}

// kindOf is what started a turn: a message if there is one.
func kindOf(j job) string {
	kind := j.trigger.Kind
	if j.open != nil {
		for _, tr := range j.open.Triggers {
			if kind == "" || tr.Kind == KindMessage {
				kind = tr.Kind
			}
		}
	}
	if kind == "" {
		return KindMessage
	}
	return kind
}
