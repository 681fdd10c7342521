package control

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/ambithost/ambit/sdk/protocol"
)

// SessionEntry is one entry of a conversation. Its Kind says whose word it is:
// "owner", "contact", "agent"; "quiet" is the agent's that was kept from the
// owner; "result" a tool's; "notice" and "summary" the host's; "wake" what a
// schedule or a heartbeat said; "message" a plugin's to the owner; "clock" the
// time that the model was told.
type SessionEntry struct {
	Seq    int64         `json:"seq"` // grows within the session
	At     time.Time     `json:"at"`
	Turn   string        `json:"turn,omitempty"`
	Kind   string        `json:"kind"`
	From   string        `json:"from,omitempty"`   // of a contact's, a tool's and the clock's words: where they are from
	Labels []string      `json:"labels,omitempty"` // of what is from there
	Text   string        `json:"text,omitempty"`
	Calls  []SessionCall `json:"calls,omitempty"` // tools that the agent called
	Call   string        `json:"call,omitempty"`  // of a result: the call's id
	Failed bool          `json:"failed,omitempty"`
	Images int           `json:"images,omitempty"`
}

// SessionCall is a tool that an agent called.
type SessionCall struct {
	ID   string          `json:"id"`
	Tool string          `json:"tool"` // plugin/tool
	Args json.RawMessage `json:"args"`
}

const (
	defaultEntries = 100
	maxEntries     = 1000
)

func (x *exchange) sessionEntries() ([]SessionEntry, error) {
	id := x.r.PathValue("id")
	if err := checkShort("session", id); err != nil {
		return nil, err
	}
	last := defaultEntries
	if text := x.query.Get("last"); text != "" {
		var err error
		if last, err = strconv.Atoi(text); err != nil || last < 1 || last > maxEntries {
			return nil, protocol.Errorf(protocol.Invalid, "last: %q: want a number from 1 to %d", text, maxEntries)
		}
	}
	return x.SessionEntries(x.ctx(), id, last)
}
