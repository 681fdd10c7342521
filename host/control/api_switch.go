package control

// SwitchRequest names who is killed or resumed. On the wire a bare name is
// allowed and the server finds out whether it is an agent or a plugin; a
// Backend always gets "all", "agent:NAME" or "plugin:NAME".
type SwitchRequest struct {
	Target string `json:"target"`
	Reason string `json:"reason,omitempty"`
}

// KillReport is what a kill did. When it is returned no cell of the target is
// alive.
type KillReport struct {
	Target  string        `json:"target"`
	Cells   int           `json:"cells"`             // processes ended
	Effects []EndedEffect `json:"effects,omitempty"` // that were in flight
	Turns   int           `json:"turns"`             // ended
	Micros  int64         `json:"micros"`
	Halted  []Halt        `json:"halted"` // the latch afterwards
}

// EndedEffect is an effect that a kill cut short.
type EndedEffect struct {
	ID         string `json:"id"`
	Capability string `json:"capability"`
	Resource   string `json:"resource,omitempty"`
	Status     string `json:"status"` // "cancelled" or "unknown"
}

// ResumeReport is the latch after a resume.
type ResumeReport struct {
	Target string `json:"target"`
	Was    bool   `json:"was"`              // whether the target was halted
	Halted []Halt `json:"halted,omitempty"` // what still is
}
