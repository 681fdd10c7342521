package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ambithost/ambit/host/provenance"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Occasion starts a turn that nobody wrote a message for.
type Occasion struct {
	Kind     string // [KindWebhook], [KindApproval]
	Session  string // of a webhook "main" is where the owner wrote last
	SourceID string // the source's own id, unique within the kind: what comes twice counts once
	Note     string // the host's word: why the turn begins
	Parts    []Part // whose words it begins with
}

// check holds an occasion to the bounds of a message.
func (o Occasion) check() error {
	size := len(o.Note)
	for _, p := range o.Parts {
		if size += len(p.Text); !utf8.ValidString(p.Text) {
			return protocol.Errorf(protocol.Invalid, "what starts a turn is not UTF-8 text")
		}
	}
	switch {
	case o.Kind != KindWebhook && o.Kind != KindApproval, o.SourceID == "":
		return protocol.Errorf(protocol.Internal, "an occasion of kind %q without a source", o.Kind)
	case size > 2*maxText:
		return protocol.Errorf(protocol.Limit, "what starts a turn has %d bytes, the limit is %d", size, 2*maxText)
	}
	return CheckSession(o.Session)
}

// CheckSession says what a session's name must look like.
func CheckSession(name string) error {
	if !sessionName.MatchString(name) {
		return protocol.Errorf(protocol.Invalid, "session %q: want up to 128 letters, digits and -_.:@/", name)
	}
	return nil
}

// Begin stores what starts a turn and returns that turn; it waits for the turn
// that is at work in the session. When Begin returns nil the occasion is on disk. One that
// was stored before returns its turn and changes nothing.
func (a *Agent) Begin(ctx context.Context, o Occasion) (TurnID, error) {
	if err := o.check(); err != nil {
		return "", err
	}
	return a.enter(ctx, o)
}

// Say has the agent say something in a session by itself, once no turn is at work
// there: it stands in the history as the agent's word. id names it; what was said
// under it is not said again. The labels become the session's too.
func (a *Agent) Say(ctx context.Context, session, id, note, text string, labels []string) error {
	o := Occasion{Kind: kindSay, Session: session, SourceID: id, Note: note, Parts: []Part{{Source: provenance.Source{Kind: provenance.Agent, Labels: labels}, Text: text}}}
	if strings.TrimSpace(text) == "" || id == "" || len(text) > maxText || !utf8.ValidString(text) {
		return protocol.Errorf(protocol.Invalid, "what an agent says needs an id and a text of at most %d bytes", maxText)
	}
	if err := CheckSession(session); err != nil {
		return err
	}
	_, err := a.enter(ctx, o)
	return err
}

// saying is the opening, and all, of a turn that says something.
func (t *turn) saying(step *Step, w Wake) {
	labels := slices.Clone(t.session.Labels)
	for _, p := range w.Parts {
		step.Entries = append(step.Entries, t.entry(FromAgent, model.Message{Role: model.Assistant, Text: p.Text}))
		labels = append(labels, p.Source.Labels...)
	}
	slices.Sort(labels)
	if labels = slices.Compact(labels); len(labels) > len(t.session.Labels) {
		step.Labels, t.session.Labels = labels, labels
	}
}

// enter stores an occasion that was checked, and starts its turn.
func (a *Agent) enter(ctx context.Context, o Occasion) (TurnID, error) {
	a.mu.Lock()
	serving := a.started && !a.closed
	a.mu.Unlock()
	if !serving {
		return "", protocol.Errorf(protocol.Unavailable, "agent %s is not running", a.cfg.Name)
	}
	if o.Kind == KindWebhook { // others belong to the session that they name
		o.Session = a.home(ctx, o.Session)
	}
	now := a.cfg.Clock.Now()
	t := Trigger{
		ID: newID("b", now), Agent: a.cfg.Name, Session: o.Session, Channel: "~" + o.Kind, SourceID: o.SourceID, Kind: o.Kind,
		Turn: newID("t", now), State: Pending, Received: now,
	}
	s, err := a.cfg.Store.Session(ctx, t.Session)
	if err == nil && s.Agent != "" && s.Agent != a.cfg.Name {
		return "", protocol.Errorf(protocol.Invalid, "session %s belongs to agent %s", t.Session, s.Agent)
	}
	stored, fresh, err := t, false, err
	if err == nil {
		stored, fresh, err = a.cfg.Store.Occur(ctx, t, Wake{Trigger: t.ID, Note: o.Note, Parts: o.Parts})
	}
	if err != nil {
		return "", protocol.Errorf(protocol.Unavailable, "what starts a turn could not be stored: %v", err)
	}
	if !fresh {
		return TurnID(stored.Turn), nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.lineOf(t.Session)
	l.queue(job{trigger: t, alone: true})
	a.work(l)
	return TurnID(t.Turn), nil
}

// notMade is what a call is answered with that a crash cut off while the owner
// was asked about it.
func notMade(approval int64) outcome {
	return failure(protocol.Unavailable, fmt.Sprintf("The host ended while question %d about this call waited for the owner. The call was not made. When the owner answers, you are told so; to make the same call again waits for the same answer.", approval))
}
