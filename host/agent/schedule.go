package agent

import (
	"context"
	"time"

	"github.com/ambithost/ambit/host/agent/when"
	"github.com/ambithost/ambit/host/provenance"
)

// What starts a turn, as [Trigger.Kind] and in the policy's input.
const (
	KindMessage   = "message"
	KindCommand   = "command" // the owner's word to the host about a session
	KindSchedule  = "schedule"
	KindHeartbeat = "heartbeat"
	// KindTask starts a sub-agent's turn. In the policy's input stands what started
	// the turn that set it to work.
	KindTask     = "task"
	KindWebhook  = "webhook"  // something that the owner wants looked at happened elsewhere
	kindSay      = "say"      // the agent says something by itself; no model is asked
	KindApproval = "approval" // the owner answered a question of a turn that is gone
)

// Who makes schedules beside plugins ("plugin:NAME").
const (
	ByOwner = "owner"
	ByHost  = "host" // the heartbeat
)

// ScheduleState is how a schedule stands.
type ScheduleState string

const (
	ScheduleActive   ScheduleState = "active"
	ScheduleRunning  ScheduleState = "running"  // its turn waits or runs; nothing is run beside it
	ScheduleDisabled ScheduleState = "disabled" // it failed too often, or its maker may not wake the agent any more
)

// Schedule wakes the agent at its times.
type Schedule struct {
	ID      string // set by [Agent.AddSchedule]
	Agent   string
	Session string // in which the turn runs
	Name    string // for people; up to 60 letters, digits, spaces, dashes and underscores
	By      string // "owner", "host", "plugin:NAME"
	Rule    when.Rule
	Text    string
	Labels  []string // of what its text is made of, sorted
	Created time.Time

	Due     time.Time // the next time that the rule tells and that was not run; zero: none
	Next    time.Time // when that is run: spread, or later after a failure; zero: never by itself
	State   ScheduleState
	Trigger string // while it runs
	Fails   int    // in a row
	Runs    int64  // turns that it started
	Idle    int64  // heartbeats without one: there was nothing to look at, or no budget
	Missed  int64  // times that passed without a run
	Last    time.Time
	Reason  Reason // how the last run ended
}

// Heartbeat tells the host's own schedule of an agent from the others.
func (s Schedule) Heartbeat() bool { return s.By == ByHost }

// label is the schedule for people and models: its name, unless strangers may
// have had a hand in that.
func (s Schedule) label() string {
	for _, l := range s.Labels {
		if l == untrusted {
			return s.ID
		}
	}
	if s.Name == "" {
		return s.ID
	}
	return "“" + s.Name + "”"
}

// Wake is what a trigger that is no message says to the model. It is stored with
// the trigger.
type Wake struct {
	Trigger  string
	Schedule string // empty: of none
	Note     string // the host's word: why the turn begins
	Parts    []Part // whose words it begins with
}

// Part is a text and whose it is. A source without a kind is the host.
type Part struct {
	Source provenance.Source `json:"source"`
	Text   string            `json:"text"`
}

// Timetable keeps schedules.
type Timetable interface {
	// Schedules returns an agent's, the oldest first.
	Schedules(ctx context.Context, agent string) ([]Schedule, error)
	// PutSchedule adds or replaces one.
	PutSchedule(ctx context.Context, s Schedule) error
	RemoveSchedule(ctx context.Context, id string) error
	// Fire stores what a schedule's due time starts and the schedule as it is
	// from then on, all or nothing. A trigger that was stored before is not
	// stored again (fresh is false), and the schedule is then left active.
	Fire(ctx context.Context, t Trigger, w Wake, s Schedule) (fresh bool, err error)
	// Wake returns what was stored with a trigger.
	Wake(ctx context.Context, trigger string) (Wake, error)
	// Outcome tells how far a trigger got and how its turn ended.
	Outcome(ctx context.Context, trigger string) (TriggerState, Reason, error)
	// OwnerWord tells when the owner last said something to an agent; zero:
	// never.
	OwnerWord(ctx context.Context, agent string) (time.Time, error)
}

// Warden is the host's say in what the clock starts.
type Warden interface {
	// MayWake is asked before a schedule is run: [ErrHeld] while the agent is
	// halted, [ErrSpent] when a heartbeat has no budget, [ErrBarred] when
	// whoever made the schedule may not wake the agent any more. After another
	// error it is asked again in a minute.
	MayWake(ctx context.Context, s Schedule) error
	// Scheduled puts what happened to a schedule on the record. An error keeps
	// it from being run.
	Scheduled(ctx context.Context, s Schedule, what ScheduleEvent, detail string) error
}

// ScheduleEvent is what happened to a schedule.
type ScheduleEvent string

const (
	ScheduleCreated ScheduleEvent = "created"
	ScheduleRemoved ScheduleEvent = "removed"
	ScheduleRan     ScheduleEvent = "run" // its turn is about to begin
	ScheduleMissed  ScheduleEvent = "missed"
	ScheduleStopped ScheduleEvent = "disabled"
)
