package agent

import (
	"context"
	"encoding/json"
	"time"

	"github.com/ambithost/ambit/host/provenance"
	"github.com/ambithost/ambit/sdk/model"
)

// Trigger is what starts a turn or steers a running one. It is stored before
// its source is told that it arrived.
type Trigger struct {
	ID       string
	Agent    string
	Session  string
	Channel  string // where it came from; "" is the command line
	SourceID string // the source's own id, unique within the channel; "" is not de-duplicated
	Kind     string // [KindMessage] or another
	From     string // who wrote it, if not the owner
	Text     string // of a trigger of the clock the owner's words alone, see [Wake]
	Images   []ImageRef
	Alone    bool   // no turn for other messages takes it in
	Turn     string // that answers it
	State    TriggerState
	Attempts int // turns begun for it, more than one after a crash
	Received time.Time
}

// TriggerState is how far a trigger got.
type TriggerState string

const (
	Pending  TriggerState = "pending"  // no turn has taken it up
	Running  TriggerState = "running"  // a turn has
	Answered TriggerState = "answered" // its turn ended, however it ended
	Dropped  TriggerState = "dropped"  // the owner said stop before it was taken up, or it was tried too often
)

// Reason is how a turn ended, or [Active].
type Reason string

const (
	Active      Reason = "running"
	Done        Reason = "done"        // the model gave its last word
	Limited     Reason = "limit"       // steps, tokens, time or context
	Refused     Reason = "refused"     // too many denials
	Cancelled   Reason = "cancelled"   // the owner interrupted it
	Stopped     Reason = "stopped"     // the owner said stop
	Killed      Reason = "killed"      // the latch is set, or what it used was killed
	Failed      Reason = "failed"      // the model or the state could not serve
	Interrupted Reason = "interrupted" // the host ended meanwhile
)

// Turn is one run of the loop.
type Turn struct {
	ID      string
	Agent   string
	Session string
	Trigger string // id of the trigger that started it
	Effect  string // that set a sub-agent to work; not stored
	Reason  Reason
	Detail  string // one line for people
	Steps   int    // model calls
	Usage   model.Usage
	// Cost is what its answers cost, in millionths of the currency of the
	// configured prices; Unpriced are the tokens of models without a price.
	Cost     int64
	Unpriced int
	Started  time.Time
	Ended    time.Time
}

// Session is one conversation.
type Session struct {
	ID      string
	Agent   string
	Labels  []string // union of what its tool results carried, sorted
	Parent  string   // the session whose sub-agent's it is; empty: none
	Floor   int64    // entries before it are no longer given to the model
	Model   string   // "plugin" or "plugin/model" that the owner chose for it; empty: the agent's
	Created time.Time
	Updated time.Time
}

// Kind says who wrote an entry.
type Kind string

const (
	FromOwner Kind = "owner"
	// FromContact is a message of somebody who is not the owner. To the model
	// it stands between the marks of untrusted text.
	FromContact Kind = "contact"
	FromAgent   Kind = "agent"
	FromTool    Kind = "result"
	FromHost    Kind = "notice" // the host's word to owner and model
	FromClock   Kind = "clock"  // when a turn began; for the model only
	FromWake    Kind = "wake"   // what a schedule or a heartbeat says; its Source tells whose word it is
	FromSkills  Kind = "skills" // the host's list of skills; for the model only
	FromTask    Kind = "task"   // what the agent set its sub-agent to do
	FromQuiet   Kind = "quiet"  // the agent's word that is not delivered to the owner
	// FromSummary stands for the part of the session before its floor. It is the
	// host's text; what a model wrote in it is marked as the session's labels say.
	FromSummary Kind = "summary"
	// FromPlugin is a plugin's message to the owner. The model is not given
	// it: it may arrive between a call and its result, and it is not the
	// host's word.
	FromPlugin Kind = "message"
)

// Entry is one message of a session, as the model is given it.
type Entry struct {
	Seq     int64 // grows within the session; set by the store
	Turn    string
	Kind    Kind
	Message model.Message // without its images
	Images  []ImageRef
	// Source is where a contact's message, the text of a tool's result or what
	// the clock says came from; without a kind it is the host's word. Nil for
	// other entries.
	Source *provenance.Source
	At     time.Time
}

// CallState is how far a tool call got.
type CallState string

const (
	CallStarted CallState = "started" // begun; after a crash this means unknown
	CallDone    CallState = "done"
	CallError   CallState = "error"   // the tool answered with an error
	CallDenied  CallState = "denied"  // decided against
	CallFailed  CallState = "failed"  // it did not happen
	CallUnknown CallState = "unknown" // whether it happened can't be told
)

// Call is one journaled tool call.
type Call struct {
	Turn  string
	ID    string // of the model's call, unique within the turn
	Tool  string // plugin/tool
	Args  json.RawMessage
	State CallState
}

// Step is one write of the journal; all of it happens or nothing.
type Step struct {
	Begin   *Turn  // a turn that begins; its session is made when it is new
	Parent  string // with Begin: the session whose sub-agent's this one is
	Agent   string // without Begin: whose session is made when it is new; "": none is
	Turn    string // the turn all else belongs to
	Session string
	Take    []string // triggers that this turn now answers
	Entries []Entry  // appended in order; Record sets Seq
	Calls   []Call   // journaled with their state; a later state replaces an earlier one
	Labels  []string // of the session from now on; nil: unchanged
	Floor   int64    // of the session from now on; 0: unchanged
	Model   *string  // of the session from now on; nil: unchanged
	End     *Turn    // the turn ends; its triggers are answered
	Retry   bool     // with End: its triggers are pending again instead
}

// Inbox keeps triggers.
type Inbox interface {
	// Accept stores a trigger. One with the same agent, channel and source id
	// is returned instead, with fresh false.
	Accept(ctx context.Context, t Trigger) (stored Trigger, fresh bool, err error)
	// Occur stores a trigger that is no message and what it says, as Accept does.
	Occur(ctx context.Context, t Trigger, w Wake) (stored Trigger, fresh bool, err error)
	// Settle ends triggers that no turn will answer.
	Settle(ctx context.Context, state TriggerState, ids ...string) error
	// Waiting returns the pending triggers of an agent, oldest first.
	Waiting(ctx context.Context, agent string) ([]Trigger, error)
}

// Journal keeps turns as they happen.
type Journal interface {
	// Record writes one step; when it returns nil the step is on disk.
	Record(ctx context.Context, s *Step) error
	// Open returns the turns of an agent that never ended, oldest first, each
	// with the triggers it had taken.
	Open(ctx context.Context, agent string) ([]OpenTurn, error)
	// Calls returns the calls made for a trigger by any turn, oldest first.
	Calls(ctx context.Context, trigger string) ([]Call, error)
}

// OpenTurn is a turn that a crash cut off.
type OpenTurn struct {
	Turn
	Triggers []Trigger
}

// Histories keeps conversations.
type Histories interface {
	// Session returns a session; an unknown one is zero but for its ID.
	Session(ctx context.Context, id string) (Session, error)
	// Sessions lists an agent's, the last used first.
	Sessions(ctx context.Context, agent string) ([]Session, error)
	// Entries returns up to limit entries from seq on, in order; limit 0 is
	// all of them.
	Entries(ctx context.Context, session string, from int64, limit int) ([]Entry, error)
}

// Store is what survives a crash.
type Store interface {
	Inbox
	Journal
	Histories
	Timetable
	Images
	Marks
}
