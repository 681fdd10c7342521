package control

import (
	"time"

	"github.com/ambithost/ambit/host/budget"
)

// Status is one look at a running host.
type Status struct {
	Version     string        `json:"version"` // of the host's binary
	Home        string        `json:"home"`
	PID         int           `json:"pid"`
	Started     time.Time     `json:"started"`
	Halted      []Halt        `json:"halted,omitempty"` // the latch; empty when nothing is halted
	Policy      PolicyStatus  `json:"policy"`
	Audit       AuditStatus   `json:"audit"`
	Agents      []AgentStatus `json:"agents,omitempty"`
	Plugins     PluginCounts  `json:"plugins"`
	Waiting     []Approval    `json:"waiting,omitempty"` // approvals nobody answered yet
	Asking      Asking        `json:"asking"`
	Confinement Confinement   `json:"confinement"`
	// Notices are what the owner should know and do something about: an
	// unknown outcome after a crash, a policy file that was not taken.
	Notices []Notice `json:"notices,omitempty"`
}

// Asking says how often the owner is asked: decisions of the last week, or of
// the days since the first. An effect counts once, as asked if it was.
type Asking struct {
	Days    int   `json:"days"` // at least 1, at most 7, today included
	Allowed int64 `json:"allowed"`
	Asked   int64 `json:"asked"`
	Denied  int64 `json:"denied"`
}

// Halt is one entry of the latch.
type Halt struct {
	Target string    `json:"target"` // "all", "agent:NAME" or "plugin:NAME"
	Since  time.Time `json:"since"`
	By     string    `json:"by,omitempty"` // "owner", "plugin:NAME", "host"
	Reason string    `json:"reason,omitempty"`
}

// AgentStatus is what one agent did lately.
type AgentStatus struct {
	Name        string        `json:"name"`
	Model       string        `json:"model,omitempty"`        // plugin, or plugin and model
	LastTurn    time.Time     `json:"last_turn,omitzero"`     // its end; zero if there was none
	LastTrigger string        `json:"last_trigger,omitempty"` // "message", "schedule", "heartbeat"
	TurnsToday  int           `json:"turns_today"`
	Fallback    []string      `json:"fallback,omitempty"` // models that are asked when Model fails
	Today       Spent         `json:"today,omitzero"`     // by the turns that ended today
	Busy        bool          `json:"busy"`
	Schedules   int           `json:"schedules,omitempty"` // not disabled, the heartbeat aside
	Budgets     []Allowance   `json:"budgets,omitempty"`   // those of ambit.yaml
	Memory      *MemoryStatus `json:"memory,omitempty"`    // of an agent that looks back by itself
	// Heartbeat is nil for an agent without one.
	Heartbeat *HeartbeatStatus `json:"heartbeat,omitempty"`
}

// Allowance is a budget that ambit.yaml gives an agent, or its heartbeats alone.
type Allowance struct {
	Of     string        `json:"of"` // "agent", "heartbeat"
	Unit   budget.Unit   `json:"unit"`
	Window budget.Window `json:"window"`
	Used   int64         `json:"used"` // in the window, reserved and unknown included; of money minor units
	Limit  int64         `json:"limit"`
}

// Spent is what models were used for. Cost is known for tokens that have a price
// in ambit.yaml; Unpriced are the others.
type Spent struct {
	Tokens     int64  `json:"tokens"` // in and out
	CostMicros int64  `json:"cost_micros,omitempty"`
	Currency   string `json:"currency,omitempty"` // of CostMicros, ISO 4217 in lower case
	Unpriced   int64  `json:"unpriced_tokens,omitempty"`
}

// PluginCounts counts installed plugins. Running ones have a live cell.
type PluginCounts struct {
	Installed int `json:"installed"`
	Running   int `json:"running"`
	Disabled  int `json:"disabled"`
	// Held are upgrades that wait for the owner, by the plugin's name.
	Held []HeldPlugin `json:"held,omitempty"`
}

// HeldPlugin is an upgrade that waits.
type HeldPlugin struct {
	Name string `json:"name"`
	Held
}

// AuditStatus is the state of the audit log.
type AuditStatus struct {
	Entries  int64     `json:"entries"`
	Verified time.Time `json:"verified,omitzero"` // last successful verification
	Error    string    `json:"error,omitempty"`   // why effects are stopped, if they are
}

// Confinement says how cells are held on this machine.
type Confinement struct {
	Level    string   `json:"level"`              // "confined", "partial", "process"
	Measures []string `json:"measures,omitempty"` // in force, e.g. "seccomp", "landlock 7"
	Missing  []string `json:"missing,omitempty"`  // not to be had here, with the reason
}

// Notice is one line for the owner and what to do about it.
type Notice struct {
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}
