package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/provenance"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// turn is one run of the loop. Its fields belong to the line's worker, except
// for those that say otherwise.
type turn struct {
	Turn
	a    *Agent
	line *line
	job  job

	cancel    context.CancelCauseFunc
	over      chan struct{} // closed when the turn is recorded and gone
	steerable bool          // messages join this turn; guarded by a.mu

	begun   bool
	kind    string // what started it; a message that is taken in makes it one
	session Session
	floor   int64 // moved since the last record
	history []Entry
	// material is what the session has read, also what the model no longer sees.
	material *provenance.Material
	tools    map[string]Tool // by the name the model knows
	offer    []model.Tooldef
	callIDs  map[string]bool
	doubt    map[string]bool // calls whose outcome a crash left unknown
	resumed  string          // the turn that this one takes up
	denied   tally
	path     path // which models it may ask
	limits   Limits
	below    below // what sub-agents do for it; guarded by a.mu
}

// ending is how a turn ended, and what the owner and the model read about it.
// A nil *ending means that the turn goes on.
type ending struct {
	reason Reason
	notice string
}

func newTurn(a *Agent, l *line, j job, cancel context.CancelCauseFunc) *turn {
	t := &turn{a: a, line: l, job: j, cancel: cancel, over: make(chan struct{}), callIDs: map[string]bool{}, doubt: map[string]bool{}, denied: tally{}}
	t.kind, t.limits = kindOf(j), a.cfg.Limits
	t.Turn = Turn{ID: j.trigger.Turn, Agent: a.cfg.Name, Session: l.session, Trigger: j.trigger.ID, Reason: Active}
	t.steerable = j.open == nil
	if j.open != nil {
		t.Turn.ID, t.Trigger, t.resumed = newID("t", a.cfg.Clock.Now()), j.open.Trigger, j.open.ID
	}
	return t
}

func (t *turn) run(ctx context.Context) {
	if t.job.trigger.Channel == clockChannel || t.job.open != nil {
		defer t.a.Poke() // its schedule waits for the end
	}
	ctx, done := context.WithTimeoutCause(ctx, t.limits.Wall, errWall)
	defer done()
	take := []string{t.job.trigger.ID}
	if open := t.job.open; open != nil {
		if !t.takeUp(ctx, open) {
			return
		}
		take = nil
		for _, tr := range open.Triggers {
			take = append(take, tr.ID)
		}
	}
	leave := t.occupy(ctx)
	end := t.begin(ctx, take)
	leave()
	if end == nil && t.kind == KindCommand {
		end = t.command(ctx)
	}
	if end == nil && t.kind == kindSay {
		end = &ending{reason: Done}
	}
	for end == nil {
		end = t.step(ctx)
	}
	t.finish(ctx, end)
}

// occupy waits for a place among the turns at work, and returns what gives it
// free again, which may be called twice. A cancelled turn does not wait: it has
// little left to do.
func (t *turn) occupy(ctx context.Context) (leave func()) {
	select {
	case t.a.places <- struct{}{}:
		return sync.OnceFunc(func() { <-t.a.places })
	case <-ctx.Done():
		return func() {}
	}
}

// begin loads the session and puts the turn on disk and on the audit log.
func (t *turn) begin(ctx context.Context, take []string) *ending {
	if err := t.load(ctx); err != nil {
		return t.failed(ctx, "the session could not be read", err)
	}
	t.Started = t.a.cfg.Clock.Now()
	step := &Step{Begin: &t.Turn, Take: take}
	if err := t.opening(ctx, step); err != nil {
		return t.failed(ctx, "what started the turn could not be read", err)
	}
	if err := t.record(ctx, step); err != nil {
		return t.failed(ctx, "the turn could not be recorded", err)
	}
	t.begun = true
	t.a.mu.Lock()
	t.steerable = true
	t.a.mu.Unlock()
	t.publish(Event{Type: EventTurnStarted})
	t.publishEntries(step.Entries)
	if t.a.cfg.Recorder != nil {
		if err := t.a.cfg.Recorder.Turn(ctx, t.Turn); err != nil {
			return t.failed(ctx, "the audit log does not take the turn", err)
		}
	}
	if err := t.list(ctx); err != nil {
		return t.failed(ctx, "the tools could not be listed", err)
	}
	if err := t.tellSkills(ctx); err != nil {
		return t.failed(ctx, "what skills there are could not be recorded", err)
	}
	if err := t.route(ctx); err != nil {
		return t.failed(ctx, "the choice of a model could not be recorded", err)
	}
	return nil
}

// load reads the session even when the turn was cancelled already: it then
// begins, to end with a word to the owner.
func (t *turn) load(ctx context.Context) (err error) {
	ctx, done := outlive(ctx)
	defer done()
	if t.session, err = t.a.cfg.Store.Session(ctx, t.Session); err != nil {
		return err
	}
	known := t.a.recalled(t.Session)
	all, err := t.a.cfg.Store.Entries(ctx, t.Session, min(t.session.Floor, known.upto+1), 0)
	if err != nil {
		return err
	}
	fresh := slices.DeleteFunc(slices.Clone(all), func(e Entry) bool { return e.Seq <= known.upto })
	if task := t.job.task; task != nil {
		t.session.Labels, t.material, t.session.Model = task.Origin.Labels, task.Origin.Material, t.below.model
		return nil
	}
	t.material = known.material.With(textsOf(fresh, t.session.Labels)...)
	t.history = slices.DeleteFunc(all, func(e Entry) bool { return e.Seq < t.session.Floor })
	return nil
}

// step is one round: take in what the owner said meanwhile, ask the model, use
// the tools it wants.
func (t *turn) step(ctx context.Context) *ending {
	leave := t.occupy(ctx)
	defer leave()
	if err := t.steer(ctx); err != nil {
		return t.failed(ctx, "a message could not be recorded", err)
	}
	if t.Steps >= t.limits.Steps {
		return t.limited("%d steps, the limit for one turn", t.Steps)
	}
	resp, end := t.complete(ctx)
	if end != nil {
		return end
	}
	t.Steps++
	t.nameCalls(resp.Calls)
	if resp.Text != "" || len(resp.Calls) > 0 {
		m := model.Message{Role: model.Assistant, Text: resp.Text, Calls: resp.Calls, Keep: resp.Keep}
		if err := t.append(ctx, t.entry(t.voice(resp), m)); err != nil {
			return t.failed(ctx, "the model's answer could not be recorded", err)
		}
	}
	if used := t.used(); used >= t.limits.Tokens && (len(resp.Calls) > 0 || t.waits()) {
		return t.skip(ctx, resp.Calls, t.limited("%d tokens, the limit for one turn is %d", used, t.limits.Tokens), tooLate)
	}
	if len(resp.Calls) > 0 {
		leave() // a tool may wait for the owner, or for another turn
		return t.act(ctx, resp.Calls)
	}
	if !t.lastWord() {
		return nil
	}
	return &ending{Done, remark(resp)}
}

// limited is the end of a turn that reached a limit.
func (t *turn) limited(format string, args ...any) *ending {
	text := "The turn ended after " + fmt.Sprintf(format, args...) + "."
	if !gate.IsSub(t.Session) {
		text += " Any message lets it go on."
	}
	return &ending{Limited, text}
}

// remark is what the owner must know about a last answer.
func remark(resp model.Response) string {
	switch {
	case resp.Stop == model.StopFilter:
		return "The model's provider withheld the answer, or a part of it."
	case resp.Stop == model.StopLength:
		return "The answer was cut off at the model's length limit."
	case resp.Text == "":
		return "The model ended its turn without a word."
	}
	return ""
}

// lastWord closes the turn for further messages, unless one waits already.
func (t *turn) lastWord() bool {
	t.a.mu.Lock()
	defer t.a.mu.Unlock()
	t.steerable = slices.ContainsFunc(t.line.jobs, t.isFor)
	return !t.steerable
}

func (t *turn) waits() bool {
	t.a.mu.Lock()
	defer t.a.mu.Unlock()
	return slices.ContainsFunc(t.line.jobs, t.isFor)
}

func (t *turn) isFor(j job) bool { return j.steers == t.Turn.ID }

// steer takes in the messages that arrived since the last step.
func (t *turn) steer(ctx context.Context) error {
	t.a.mu.Lock()
	var mine []job
	t.line.jobs = slices.DeleteFunc(t.line.jobs, func(j job) bool {
		if t.isFor(j) {
			mine = append(mine, j)
		}
		return t.isFor(j)
	})
	t.a.mu.Unlock()
	if len(mine) == 0 {
		return nil
	}
	t.kind = KindMessage
	step := &Step{}
	for _, j := range mine {
		step.Take = append(step.Take, j.trigger.ID)
		t.hear(step, j.trigger)
	}
	if err := t.record(ctx, step); err != nil {
		t.a.mu.Lock()
		t.line.jobs = append(mine, t.line.jobs...)
		t.a.mu.Unlock()
		return err
	}
	t.publishEntries(step.Entries)
	return nil
}

// modelFailed keeps what the owner already read of the answer and ends the
// turn.
func (t *turn) modelFailed(ctx context.Context, partial string, err error) *ending {
	if partial != "" {
		m := model.Message{Role: model.Assistant, Text: partial}
		if recordErr := t.append(ctx, t.entry(FromAgent, m)); recordErr != nil {
			return t.failed(ctx, "the model's answer could not be recorded", recordErr)
		}
	}
	what := "the model did not answer"
	if len(t.path.routes) > 1 && !canHelp(err) {
		what = "the model was refused, and no other is asked instead"
	}
	return t.failed(ctx, what, err)
}

// failed ends the turn for an error: for the reason its context ended, if it
// did, else for the error's own.
func (t *turn) failed(ctx context.Context, what string, err error) *ending {
	if ctx.Err() != nil {
		switch cause := context.Cause(ctx); {
		case errors.Is(cause, errStopped):
			return &ending{Stopped, "The owner said stop. The turn ended at once."}
		case errors.Is(cause, errInterrupted):
			return &ending{Cancelled, "The owner interrupted the turn."}
		case errors.Is(cause, errClosing):
			return &ending{Interrupted, ""}
		case errors.Is(cause, errWall):
			return t.limited("%v, the limit for one turn", t.limits.Wall)
		}
	}
	if protocol.CodeOf(err) == protocol.Killed {
		return &ending{Killed, "The turn was killed: " + sentence(err.Error())}
	}
	return &ending{Failed, "The turn ended: " + what + ": " + sentence(err.Error())}
}

func (t *turn) origin() gate.Origin {
	o := gate.Origin{Agent: t.Agent, Session: t.Session, Turn: t.Turn.ID, Trigger: t.kind, Labels: t.session.Labels, Material: t.material}
	if task := t.job.task; task != nil { // what started the agent's turn started this one, for policy and budgets
		o.Trigger, o.Parent, o.Bounds = task.Origin.Trigger, task.Origin.Parent, task.Origin.Bounds
	}
	return o
}

// finish puts the end on disk. A turn that the host's own end cut off stays
// open: the next start takes it up, as after a crash.
func (t *turn) finish(ctx context.Context, end *ending) {
	t.a.mu.Lock()
	t.steerable = false
	t.a.mu.Unlock()
	t.Reason, t.Detail, t.Ended = end.reason, end.notice, t.a.cfg.Clock.Now()
	if t.begun && end.reason != Interrupted {
		step := &Step{End: &t.Turn}
		if end.notice != "" {
			step.Entries = []Entry{t.entry(FromHost, model.Message{Role: model.System, Text: end.notice})}
		}
		if err := t.record(ctx, step); err != nil {
			t.a.log.Error("the end of a turn could not be recorded", "turn", t.Turn.ID, "reason", end.reason, "error", err)
			t.publish(Event{Type: EventError, Code: protocol.Unavailable, Text: "the end of the turn could not be recorded: " + err.Error()})
		}
		t.publishEntries(step.Entries)
	}
	if t.begun && t.a.cfg.Recorder != nil {
		keep, done := outlive(ctx)
		if err := t.a.cfg.Recorder.Turn(keep, t.Turn); err != nil {
			t.a.log.Error("the audit log did not take the end of a turn", "turn", t.Turn.ID, "error", err)
		}
		done()
	}
	t.leave()
	t.publish(Event{Type: EventTurnFinished, Reason: end.reason, Text: end.notice, Usage: t.Usage, Steps: t.Steps, Cost: t.Cost, Unpriced: t.Unpriced})
}

// leave makes room for the session's next turn. The end is published after it:
// whoever finds the turn running will hear of its end.
func (t *turn) leave() {
	t.a.mu.Lock()
	defer t.a.mu.Unlock()
	t.line.current = nil
	if t.job.task == nil { // a sub-agent's conversation is not gone on with
		t.a.remember(t)
	}
}
