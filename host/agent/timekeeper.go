package agent

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/ambithost/ambit/host/agent/when"
	"github.com/ambithost/ambit/host/provenance"
)

// ErrHeld keeps schedules waiting: the agent is halted. See [Agent.Poke].
var ErrHeld = errors.New("the agent is halted")

// ErrSpent keeps a heartbeat from beginning a turn: its budget is used up.
var ErrSpent = errors.New("the budget of heartbeats is used up")

// ErrBarred disables a schedule: whoever made it may not wake the agent.
var ErrBarred = errors.New("its maker may not wake the agent any more")

const (
	// spread is over how much time those are spread that the calendar puts on
	// the same minute.
	spread = 30 * time.Second
	// late is when a run says that it is.
	late = 2 * time.Minute
	// maxFails in a row disable a schedule.
	maxFails = 5
	// maxMissed bounds how far missed times are counted.
	maxMissed = 1000
	// again is after how long is tried what the state or the log kept from
	// being done.
	again = time.Minute
	// turned is how far in the future the last run must lie to tell that the
	// clock was set back.
	turned = time.Minute
)

// clockChannel is where the triggers of the clock come from. No plugin can have
// the name.
const clockChannel = "~clock"

// backoff is how long a schedule waits after failures in a row.
func backoff(fails int) time.Duration {
	steps := []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}
	return steps[max(0, min(fails, len(steps))-1)]
}

// timekeeper starts what is due. One timer waits for the next due thing of the
// agent; without one it waits for a change.
type timekeeper struct {
	a     *Agent
	mu    sync.Mutex    // one change of the timetable at a time; held over I/O
	poked chan struct{} // holds one token: look again
}

// Poke has the agent look at its schedules again: something that held them may
// be gone. It does not wait.
func (a *Agent) Poke() {
	select {
	case a.time.poked <- struct{}{}:
	default:
	}
}

func (k *timekeeper) run(ctx context.Context) {
	for {
		next := k.tick(ctx)
		var woken <-chan time.Time
		stop := func() {}
		if !next.IsZero() {
			woken, stop = k.a.cfg.Clock.Wake(next)
		}
		select {
		case <-ctx.Done():
			stop()
			return
		case <-k.poked:
		case <-woken:
		}
		stop()
	}
}

// tick runs what is due and tells when to look again; zero: when poked.
func (k *timekeeper) tick(ctx context.Context) (next time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.a.cfg.Clock.Now()
	list, err := k.a.cfg.Store.Schedules(ctx, k.a.cfg.Name)
	if err != nil {
		if ctx.Err() == nil {
			k.a.log.Error("the schedules can't be read", "error", err)
		}
		return now.Add(again)
	}
	for _, s := range list {
		at, err := k.attend(ctx, s, now)
		if err != nil && ctx.Err() == nil {
			k.a.log.Error("a schedule can't be served; it is tried again", "schedule", s.ID, "error", err)
			at = now.Add(again)
		}
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

// attend brings one schedule up to date and tells when it is to be looked at
// again.
func (k *timekeeper) attend(ctx context.Context, s Schedule, now time.Time) (time.Time, error) {
	if s.State == ScheduleRunning {
		var err error
		if s, err = k.conclude(ctx, s, now); err != nil {
			return time.Time{}, err
		}
	}
	if s.State != ScheduleActive {
		return time.Time{}, nil
	}
	if s.Last.After(now.Add(turned)) {
		s = k.mend(s, now)
		if err := k.a.cfg.Store.PutSchedule(ctx, s); err != nil {
			return time.Time{}, err
		}
	}
	if s.Next.IsZero() || s.Next.After(now) {
		return s.Next, nil
	}
	if !s.Rule.Holds(now, k.a.cfg.Zone) { // it was late
		s = k.plan(s, now)
		return s.Next, k.a.cfg.Store.PutSchedule(ctx, s)
	}
	s, _, err := k.start(ctx, s, now, false)
	if errors.Is(err, ErrHeld) {
		return time.Time{}, nil // until poked
	}
	if s.State != ScheduleActive {
		return time.Time{}, err
	}
	return s.Next, err
}

// mend: the clock was set back behind the last run, and the next must not wait
// until it has caught up. What was run already is not run again: its trigger is
// stored.
func (k *timekeeper) mend(s Schedule, now time.Time) Schedule {
	if s.Rule.From.After(now) {
		s.Rule.From = now
	}
	s.Last = now
	return k.plan(s, now)
}

// plan sets what comes after an instant.
func (k *timekeeper) plan(s Schedule, after time.Time) Schedule {
	s.Due = s.Rule.Next(after, k.a.cfg.Zone)
	s.Next = s.Due
	if s.Rule.Kind == when.Cron && !s.Due.IsZero() {
		h := fnv.New32a()
		_, _ = h.Write([]byte(s.ID)) // never fails
		s.Next = s.Due.Add(time.Duration(h.Sum32()) * time.Second % spread)
	}
	return s
}

// start runs a schedule now: what starts its turn and the schedule as it is from
// now on are stored in one step. byHand leaves its times as they are.
func (k *timekeeper) start(ctx context.Context, s Schedule, now time.Time, byHand bool) (Schedule, TurnID, error) {
	a := k.a
	if err := a.mayWake(ctx, s); err != nil {
		return k.kept(ctx, s, now, byHand, err)
	}
	session := a.home(ctx, s.Session)
	t := Trigger{
		ID: newID("w", now), Agent: a.cfg.Name, Session: session, Channel: clockChannel, Kind: KindSchedule,
		Turn: newID("t", now), State: Pending, Received: now,
	}
	due := s.Due
	if due.IsZero() { // once, and tried again
		due = s.Rule.At
	}
	t.SourceID = fmt.Sprintf("%s@%d.%d", s.ID, due.Unix(), s.Fails)
	w := Wake{Trigger: t.ID, Schedule: s.ID}
	missed := 0
	switch {
	case byHand:
		t.SourceID = s.ID + "!" + t.ID
	case !s.Due.IsZero():
		missed = s.Rule.Count(s.Due, now, a.cfg.Zone, maxMissed)
	}
	if s.Heartbeat() {
		var found bool
		var err error
		if w.Note, w.Parts, found, err = a.look(ctx, session); err != nil {
			return s, "", err
		}
		if !found && !byHand {
			return k.skip(ctx, s, now)
		}
		t.Kind, missed = KindHeartbeat, 0
	} else {
		w.Note, w.Parts = a.wakeNote(s, due, now, missed, byHand), []Part{partOf(s)}
		if s.By == ByOwner {
			t.Text = s.Text // only the owner's words are a trigger's text
		}
	}
	s.State, s.Trigger, s.Last, s.Runs, s.Missed = ScheduleRunning, t.ID, now, s.Runs+1, s.Missed+int64(missed)
	if !byHand {
		s = k.plan(s, maxTime(now, due))
	}
	if err := a.scheduled(ctx, s, ScheduleRan, missedText(missed)); err != nil {
		return s, "", err
	}
	fresh, err := a.cfg.Store.Fire(ctx, t, w, s)
	if err != nil {
		return s, "", err
	}
	if !fresh {
		s.State, s.Trigger = ScheduleActive, ""
		return s, "", nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.lineOf(session)
	l.queue(job{trigger: t, alone: true})
	a.work(l)
	return s, TurnID(t.Turn), nil
}

// home is the session in which something of the clock is done or said now.
func (a *Agent) home(ctx context.Context, session string) string {
	if a.cfg.Home == nil {
		return session
	}
	return a.cfg.Home(ctx, session)
}

// kept is a run that may not begin.
func (k *timekeeper) kept(ctx context.Context, s Schedule, now time.Time, byHand bool, why error) (Schedule, TurnID, error) {
	switch {
	case byHand, errors.Is(why, ErrHeld):
		return s, "", why
	case s.Heartbeat() && errors.Is(why, ErrSpent):
		return k.skip(ctx, s, now)
	case errors.Is(why, ErrBarred):
		s, err := k.disable(ctx, s, why.Error())
		return s, "", err
	}
	return s, "", why
}

// skip lets a heartbeat pass.
func (k *timekeeper) skip(ctx context.Context, s Schedule, now time.Time) (Schedule, TurnID, error) {
	s.Idle, s.Last = s.Idle+1, now
	s = k.plan(s, now)
	return s, "", k.a.cfg.Store.PutSchedule(ctx, s)
}

// conclude looks how the turn of a running schedule ended, and what follows.
func (k *timekeeper) conclude(ctx context.Context, s Schedule, now time.Time) (Schedule, error) {
	state, reason, err := k.a.cfg.Store.Outcome(ctx, s.Trigger)
	if err != nil || state == Pending || state == Running {
		return s, err
	}
	if state == Dropped {
		reason = Stopped
	}
	s.State, s.Trigger, s.Reason = ScheduleActive, "", reason
	failed := reason == Failed || reason == Limited || reason == Refused || reason == Interrupted
	switch {
	case failed && !s.Heartbeat() && s.Fails+1 >= maxFails:
		s.Fails++
		return k.disable(ctx, s, fmt.Sprintf("it failed %d times in a row, the last time: %s", s.Fails, reason))
	case failed:
		s.Fails++
		s.Next = maxTime(s.Next, now.Add(backoff(s.Fails)))
	default:
		s.Fails = 0
		if s.Next.IsZero() || s.Next.Before(s.Due) { // it was disabled, and run by hand
			s = k.plan(s, now)
		}
		if s.Next.IsZero() {
			return s, k.a.cfg.Store.RemoveSchedule(ctx, s.ID)
		}
	}
	return s, k.a.cfg.Store.PutSchedule(ctx, s)
}

// disable ends a schedule until the owner runs it by hand, and tells the owner.
func (k *timekeeper) disable(ctx context.Context, s Schedule, why string) (Schedule, error) {
	s.State, s.Next, s.Trigger = ScheduleDisabled, time.Time{}, ""
	if err := k.a.scheduled(ctx, s, ScheduleStopped, why); err != nil {
		return s, err
	}
	text := fmt.Sprintf("[ambit] The schedule %s is disabled: %s. To try it once more, and enable it if that goes well: ambit schedule run %s", s.label(), sentence(why), s.ID)
	if err := k.a.Notify(ctx, k.a.home(ctx, s.Session), text); err != nil {
		k.a.log.Error("the owner can't be told that a schedule is disabled", "schedule", s.ID, "error", err)
	}
	return s, k.a.cfg.Store.PutSchedule(ctx, s) // last: rather told twice than never
}

func (a *Agent) mayWake(ctx context.Context, s Schedule) error {
	if a.cfg.Warden == nil {
		return nil
	}
	return a.cfg.Warden.MayWake(ctx, s)
}

func (a *Agent) scheduled(ctx context.Context, s Schedule, what ScheduleEvent, detail string) error {
	if a.cfg.Warden == nil {
		return nil
	}
	return a.cfg.Warden.Scheduled(ctx, s, what, detail)
}

// wakeNote is the host's word on why a turn begins.
func (a *Agent) wakeNote(s Schedule, due, now time.Time, missed int, byHand bool) string {
	maker := "the owner made it, and what follows are the owner's words"
	if s.By != ByOwner {
		maker = fmt.Sprintf("%s made it while it worked for you, and what follows is not the owner's word", s.By)
	}
	text := fmt.Sprintf("The schedule %s (%s, %s) started this turn; %s, from %s.", s.label(), s.ID, s.Rule, maker, s.Created.In(a.cfg.Zone).Format("2006-01-02 15:04"))
	if byHand {
		return text + " The owner started it by hand."
	}
	if now.Sub(due) > late {
		text += fmt.Sprintf(" It was due %s.", since(now, due, a.cfg.Zone))
	}
	if missed > 0 {
		text += " " + sentence(missedText(missed)+" and made up for by this one run")
	}
	if s.Fails > 0 {
		text += fmt.Sprintf(" Before this it failed %d times in a row (%s).", s.Fails, s.Reason)
	}
	return text
}

func missedText(n int) string {
	switch {
	case n == 0:
		return ""
	case n == 1:
		return "1 later time was missed"
	case n >= maxMissed:
		return fmt.Sprintf("%d or more later times were missed", maxMissed)
	}
	return fmt.Sprintf("%d later times were missed", n)
}

// partOf is what a schedule says, and whose word it is.
func partOf(s Schedule) Part {
	if s.By == ByOwner {
		return Part{Source: provenance.Source{Kind: provenance.Owner}, Text: s.Text}
	}
	return Part{Source: provenance.Source{Kind: provenance.Memory, Name: "schedule " + s.ID, Labels: s.Labels}, Text: s.Text}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
