package control

import (
	"time"

	"github.com/ambithost/ambit/sdk/protocol"
)

// Schedule wakes an agent at its times.
type Schedule struct {
	ID      string `json:"id"`
	Agent   string `json:"agent"`
	Session string `json:"session"`
	Name    string `json:"name,omitempty"`
	By      string `json:"by"`   // "owner", "host" (the heartbeat), "plugin:NAME"
	Kind    string `json:"kind"` // "at", "every", "cron"; of the heartbeat "every"
	// At, EverySeconds or Cron is set, by the kind.
	At           time.Time `json:"at,omitzero"`
	EverySeconds int64     `json:"every_seconds,omitempty"`
	Cron         string    `json:"cron,omitempty"`
	Zone         string    `json:"zone,omitempty"`  // IANA; empty: the owner's
	Hours        string    `json:"hours,omitempty"` // "08:00-22:00"; only then
	Text         string    `json:"text,omitempty"`
	Labels       []string  `json:"labels,omitempty"` // of what the text is made of
	State        string    `json:"state"`            // "active", "running", "disabled"
	Created      time.Time `json:"created"`
	Due          time.Time `json:"due,omitzero"`  // the next time that its rule tells
	Next         time.Time `json:"next,omitzero"` // when that is run: spread, or later after a failure
	Fails        int       `json:"fails,omitempty"`
	Runs         int64     `json:"runs"`
	Idle         int64     `json:"idle,omitempty"`   // heartbeats that asked no model
	Missed       int64     `json:"missed,omitempty"` // times that passed without a run
	Last         time.Time `json:"last,omitzero"`
	LastStatus   string    `json:"last_status,omitempty"` // how its last turn ended
}

// ScheduleRequest makes a schedule with the owner's words. Just one of At, Every
// and Cron is given.
type ScheduleRequest struct {
	Agent   string `json:"agent,omitempty"`
	Session string `json:"session,omitempty"` // empty: main
	Name    string `json:"name,omitempty"`
	Text    string `json:"text"`
	At      string `json:"at,omitempty"`    // RFC 3339, "2026-12-24 18:00", "18:00", "in 20m"
	Every   string `json:"every,omitempty"` // "20m", "6h", "1d"
	Cron    string `json:"cron,omitempty"`
	Zone    string `json:"zone,omitempty"`
}

// ScheduleRun is a schedule that was run by hand.
type ScheduleRun struct {
	Schedule string `json:"schedule"`
	Turn     string `json:"turn"`
}

// HeartbeatStatus is what an agent's heartbeat did.
type HeartbeatStatus struct {
	Next   time.Time `json:"next,omitzero"`
	Last   time.Time `json:"last,omitzero"`
	Turns  int64     `json:"turns"`
	Idle   int64     `json:"idle"` // without a turn: there was nothing to look at, or no budget
	Fails  int       `json:"fails,omitempty"`
	Paused bool      `json:"paused,omitempty"` // its budget is used up
}

func (x *exchange) addSchedule(req ScheduleRequest) (*Schedule, error) {
	return x.AddSchedule(x.whole(), req)
}

func (x *exchange) scheduleID() (string, error) {
	id := x.r.PathValue("id")
	if !shortName.MatchString(id) {
		return "", protocol.Errorf(protocol.Invalid, "schedule %.140q: want its id (ambit schedule list)", id)
	}
	return id, nil
}

func (x *exchange) removeSchedule() (empty, error) {
	id, err := x.scheduleID()
	if err != nil {
		return empty{}, err
	}
	return empty{}, x.RemoveSchedule(x.whole(), id)
}

func (x *exchange) runSchedule() (*ScheduleRun, error) {
	id, err := x.scheduleID()
	if err != nil {
		return nil, err
	}
	return x.RunSchedule(x.whole(), id)
}
