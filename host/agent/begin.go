package agent

import (
	"context"
	"fmt"
	"unicode/utf8"

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
	a.mu.Lock()
	serving := a.started && !a.closed
	a.mu.Unlock()
	if !serving {
		return "", protocol.Errorf(protocol.Unavailable, "agent %s is not running", a.cfg.Name)
	}
	if o.Kind != KindApproval { // which belongs to the session that asked
		o.Session = a.home(ctx, o.Session)
	}
	now := a.cfg.Now()
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
