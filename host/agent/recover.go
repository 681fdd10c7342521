package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// maxAttempts is how many turns one message gets. A message that brings the
// host down must not do so forever.
const maxAttempts = 3

// takeUp closes a turn that a crash cut off: every call of it gets a result,
// the session says what happened, and its messages are pending again. It
// reports whether a new turn is to begin for them.
func (t *turn) takeUp(ctx context.Context, open *OpenTurn) bool {
	again, err := t.closeOpen(ctx, open)
	if err == nil {
		return again
	}
	t.a.log.Error("a turn that the last run left open could not be closed", "turn", open.ID, "error", err)
	t.a.publish(Event{Type: EventError, Session: open.Session, Turn: open.ID, Code: protocol.CodeOf(err), Text: "an interrupted turn could not be taken up: " + err.Error()})
	return false
}

func (t *turn) closeOpen(ctx context.Context, open *OpenTurn) (again bool, err error) {
	if err := t.load(ctx); err != nil {
		return false, err
	}
	if err := t.list(ctx); err != nil {
		return false, err
	}
	calls, err := t.a.cfg.Store.Calls(ctx, open.Trigger)
	if err != nil {
		return false, err
	}
	fresh := t.Turn // what follows is done in the open turn's name
	t.Turn = open.Turn
	defer func() { t.Turn = fresh }()

	var unanswered []model.ToolCall
	if !t.job.closed {
		unanswered = unansweredCalls(t.history, open.ID)
	}
	var unsure []string
	for _, c := range unanswered {
		u := t.settle(ctx, c, calls)
		if errors.Is(context.Cause(ctx), errClosing) {
			return false, errClosing // the next start takes it up
		}
		t.job.drop = t.job.drop || ctx.Err() != nil
		if err := t.keep(ctx, []*use{u}); err != nil {
			return false, err
		}
		if u.state == CallUnknown {
			unsure = append(unsure, u.tool.Name)
			t.doubt[fingerprint(u.tool.Name, u.call.Args)] = true
		}
	}
	for _, c := range calls {
		if c.State != CallUnknown {
			continue
		}
		t.doubt[fingerprint(c.Tool, c.Args)] = true
		if c.Turn == open.ID { // settled by a host that ended before it said so
			unsure = append(unsure, c.Tool)
		}
	}
	if t.job.closed {
		if t.job.drop {
			return false, t.dropOpen(ctx, open)
		}
		return true, nil
	}
	again = len(open.Triggers) > 0 && !t.job.drop && !gate.IsSub(t.Session)
	for _, tr := range open.Triggers {
		again = again && tr.Attempts < maxAttempts
	}
	return again, t.interrupted(ctx, again, unsure)
}

// dropOpen ends the messages of a turn that was closed before: the owner said
// stop.
func (t *turn) dropOpen(ctx context.Context, open *OpenTurn) error {
	keep, done := outlive(ctx)
	defer done()
	var ids []string
	for _, tr := range open.Triggers {
		ids = append(ids, tr.ID)
	}
	return t.a.cfg.Store.Settle(keep, Dropped, ids...)
}

// settle gives a call that has no result the one it deserves: one that the owner
// was asked about was not made, an idempotent one is made again, one that had begun is
// unknown, any other was not made.
func (t *turn) settle(ctx context.Context, c model.ToolCall, journal []Call) *use {
	u := &use{call: c, tool: t.tools[c.Name]}
	if u.tool.Name == "" {
		u.tool.Name = c.Name
	}
	begun := false
	for _, j := range journal {
		if j.Turn == t.Turn.ID && j.ID == c.ID {
			begun, u.tool.Name = true, j.Tool
		}
	}
	switch {
	case !begun:
		u.outcome = failure(protocol.Unavailable, "The call was not made: the host ended before it.")
	case t.asked(u):
	case u.tool.Idempotent && !t.job.drop && !gate.IsSub(t.Session):
		t.perform(ctx, []*use{u})
	default:
		text := "The host ended while the call was under way. Whether it took effect is unknown. Do not repeat it before you know."
		u.outcome = outcome{state: CallUnknown, code: protocol.Unknown, text: text, short: text}
	}
	return u
}

// asked tells a call about which the owner was being asked: it was not made.
func (t *turn) asked(u *use) bool {
	if t.a.cfg.Asked == nil {
		return false
	}
	id, ok := t.a.cfg.Asked(t.Turn.ID, u.tool.Name)
	if ok {
		u.outcome = notMade(id)
	}
	return ok
}

func (t *turn) interrupted(ctx context.Context, again bool, unsure []string) error {
	notice := "The host ended while this turn ran."
	if len(unsure) > 0 {
		notice += " Whether these calls took effect is unknown: " + strings.Join(unsure, ", ") + "."
	}
	switch {
	case again:
		notice += " What started it is being taken up again."
	case gate.IsSub(t.Session):
		notice += " It was a sub-agent's, and whom it would report to is gone. It is not taken up again."
	case t.job.drop:
		notice += " The owner said stop, so it is not taken up again."
	default:
		notice += fmt.Sprintf(" It was tried %d times and is not taken up again.", maxAttempts)
	}
	t.Reason, t.Detail, t.Ended = Interrupted, notice, t.a.cfg.Clock.Now()
	step := &Step{End: &t.Turn, Retry: again, Entries: []Entry{t.entry(FromHost, model.Message{Role: model.System, Text: notice})}}
	if err := t.record(ctx, step); err != nil {
		return err
	}
	t.publishEntries(step.Entries)
	t.publish(Event{Type: EventTurnFinished, Reason: Interrupted, Text: notice, Steps: t.Steps})
	return nil
}

// unansweredCalls are a turn's calls without a result, in order.
func unansweredCalls(history []Entry, turn string) []model.ToolCall {
	var calls []model.ToolCall
	answered := map[string]bool{}
	for _, e := range history {
		if e.Turn != turn {
			continue
		}
		calls = append(calls, e.Message.Calls...)
		if e.Message.Result != nil {
			answered[e.Message.Result.ID] = true
		}
	}
	var open []model.ToolCall
	for _, c := range calls {
		if !answered[c.ID] {
			if len(c.Args) == 0 {
				c.Args = json.RawMessage("{}")
			}
			open = append(open, c)
		}
	}
	return open
}
