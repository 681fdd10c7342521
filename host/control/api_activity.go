package control

import "time"

// Activity is what happens right now.
type Activity struct {
	Now      time.Time  `json:"now"`
	InFlight []InFlight `json:"in_flight"` // the oldest first
	Cells    []Process  `json:"cells"`     // by plugin
	Host     Process    `json:"host"`
}

// InFlight is an effect without an outcome yet.
type InFlight struct {
	Effect     string    `json:"effect"`
	Parent     string    `json:"parent,omitempty"` // the effect on whose behalf it is
	Actor      string    `json:"actor"`
	Agent      string    `json:"agent,omitempty"`
	Session    string    `json:"session,omitempty"`
	Plugin     string    `json:"plugin,omitempty"`
	Capability string    `json:"capability"`
	Resource   string    `json:"resource,omitempty"`
	Since      time.Time `json:"since"`
	State      string    `json:"state"` // "deciding", which includes waiting for the owner, or "running"
}

// Process is the host or a cell. What the system does not tell is absent.
type Process struct {
	Plugin    string    `json:"plugin,omitempty"` // empty: the host
	PID       int       `json:"pid"`
	Started   time.Time `json:"started"`
	Memory    int64     `json:"memory,omitempty"`     // bytes, with its part of what is shared (PSS)
	CPUMicros int64     `json:"cpu_micros,omitempty"` // since it started
	Calls     int       `json:"calls"`                // in progress
}
