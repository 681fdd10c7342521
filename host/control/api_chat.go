package control

import (
	"encoding/json"
	"time"

	"github.com/ambithost/ambit/sdk/model"
)

// ChatRequest is a message of the owner. It starts a turn.
type ChatRequest struct {
	Agent   string `json:"agent,omitempty"`   // empty: the only one
	Session string `json:"session,omitempty"` // empty: "main"; made when new
	Text    string `json:"text"`
	// Images go with the text, bounded as [model.Image] says; base64 in JSON.
	Images []model.Image `json:"images,omitempty"`
}

// ChatEventType says which fields of a [ChatEvent] are set.
type ChatEventType string

const (
	// ChatTurn begins: Turn, Session, Agent.
	ChatTurn ChatEventType = "turn"
	// ChatText is a piece of the answer: Text.
	ChatText ChatEventType = "text"
	// ChatTool is a tool about to be called: Call, Tool, Args.
	ChatTool ChatEventType = "tool"
	// ChatResult is how that went: Call, Tool, Status, Detail, Micros.
	ChatResult ChatEventType = "result"
	// ChatApproval waits for the owner: Approval. It comes again, no longer
	// pending, when it was answered or expired.
	ChatApproval ChatEventType = "approval"
	// ChatNotice is a line of the host: Text.
	ChatNotice ChatEventType = "notice"
	// ChatDone ends a turn that went well or was interrupted: Status, Text
	// (the whole answer), Usage, Spent, Micros.
	ChatDone ChatEventType = "done"
	// ChatError ends a turn that went wrong: Error.
	ChatError ChatEventType = "error"
)

// ChatEvent is one thing that happened in a turn. The last event of a turn is
// [ChatDone] or [ChatError].
type ChatEvent struct {
	Type     ChatEventType   `json:"type"`
	Turn     string          `json:"turn,omitempty"`
	Session  string          `json:"session,omitempty"`
	Agent    string          `json:"agent,omitempty"`
	Text     string          `json:"text,omitempty"`
	Call     string          `json:"call,omitempty"` // id that joins tool and result
	Tool     string          `json:"tool,omitempty"` // plugin/tool
	Args     json.RawMessage `json:"args,omitempty"`
	Status   string          `json:"status,omitempty"` // result: done, failed, denied, declined, cancelled, unknown; done: end, interrupted, limit
	Detail   string          `json:"detail,omitempty"` // one line for people
	Micros   int64           `json:"micros,omitempty"`
	Approval *Approval       `json:"approval,omitempty"`
	Usage    *model.Usage    `json:"usage,omitempty"`
	Spent    *Spent          `json:"spent,omitempty"`
	Error    *Error          `json:"error,omitempty"`
}

// Session is one conversation.
type Session struct {
	ID       string    `json:"id"`
	Agent    string    `json:"agent"`
	Parent   string    `json:"parent,omitempty"` // the conversation whose sub-agent's this one is
	Started  time.Time `json:"started"`
	LastTurn time.Time `json:"last_turn,omitzero"`
	Turns    int       `json:"turns"`
	Labels   []string  `json:"labels,omitempty"`
	Busy     bool      `json:"busy"` // a turn runs
	Spent    Spent     `json:"spent,omitzero"`
}

// Interruption says whether there was a turn to interrupt.
type Interruption struct {
	Turn string `json:"turn,omitempty"` // empty: none ran
}
