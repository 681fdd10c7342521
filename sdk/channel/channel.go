// Package channel is the neutral form of a conversation with people over a
// messaging service: what the host gives to the exports "poll" and "send" of a
// plugin of kind channel, and what comes back.
//
// A channel holds no process while it waits. "poll" returns at once, with what
// arrived and with the HTTP request to be made next; the host makes that
// request under the plugin's own grants and polls again with the answer. What
// arrived and the cursor are on disk, in one step, before the next request is
// made: a service that forgets a message once it was asked for the next ones
// loses none. A service that sends by itself reaches the host's listener, and
// the host wakes the plugin's "webhook" with what it verified ([Hook]).
//
// A channel says who wrote a message and where. Whether that person counts for
// anything is the host's business: it knows whom the owner has paired.
package channel

import (
	"encoding/json"
	"time"

	"github.com/ambithost/ambit/sdk/protocol"
)

// Bounds that a host holds a channel to.
const (
	MaxCursor = 64 << 10 // bytes of Polled.Cursor
	MaxEvents = 200      // of one poll
	MaxText   = 64 << 10 // bytes of one event's text
	MaxFiles  = 10       // of one event
	MaxFile   = 5 << 20  // bytes of one file
	MaxID     = 200      // bytes of an id or a name
)

// Poll is the input of "poll".
type Poll struct {
	// Cursor is what the last poll returned; empty the first time ever.
	Cursor json.RawMessage `json:"cursor,omitempty"`
	// Answer is the answer to the request that the last poll asked for: what
	// http.request gives back, for sdk.ReadAnswer. It is empty when there was
	// none, or when the host started since.
	Answer json.RawMessage `json:"answer,omitempty"`
	// Error is why the request has no answer.
	Error *protocol.Error `json:"error,omitempty"`
}

// Polled is the output of "poll".
type Polled struct {
	Events []Event         `json:"events,omitempty"` // in the order they were sent
	Cursor json.RawMessage `json:"cursor,omitempty"` // JSON, at most MaxCursor
	Next   Wait            `json:"next"`
}

// Hook is the input of "webhook": what somebody sent to the host's listener for
// this channel. The host has verified that the holder of the channel's secret
// signed exactly ID, At and Body (Standard Webhooks); nothing else of the request
// is signed, and nothing else is passed on.
type Hook struct {
	ID   string    `json:"id"`
	At   time.Time `json:"at"` // by the sender's clock, within five minutes of the host's
	Body []byte    `json:"body"`
}

// HookID is the id under which a webhook is known among what arrived over a
// channel; its events have it with "/1", "/2" and so on behind it.
func HookID(id string) string { return "hook/" + id }

// MaxHook is the most bytes of a [Hook]'s body.
const MaxHook = 256 << 10

// Hooked is the output of "webhook". The events are on disk before the sender is
// told that they arrived. Their ids are the host's: whatever is sent again with
// the same Hook.ID counts once. An error with code invalid tells the sender that
// this can't be read, now or later.
type Hooked struct {
	Events []Event `json:"events,omitempty"`
}

// Wait is what the host does before it polls again: first wait After (milliseconds), then
// make the request. A Wait without a request waits at least a second.
type Wait struct {
	After   int64           `json:"after_ms,omitempty"`
	Request json.RawMessage `json:"request,omitempty"` // arguments of http.request; sdk.Request.Args makes them
	// Idle is the body of a successful answer (status 200) that says nothing
	// arrived. To exactly that the host makes the request again by itself,
	// and the plugin sleeps on.
	Idle string `json:"idle,omitempty"`
	// Trouble says for people why nothing can be received at present; empty
	// when all is well.
	Trouble string `json:"trouble,omitempty"`
}

// Event is something that somebody did in a chat.
type Event struct {
	// ID is the service's own, never used again in this channel: what arrives
	// twice counts once.
	ID   string    `json:"id"`
	Chat Chat      `json:"chat"`
	From Person    `json:"from"`
	At   time.Time `json:"at,omitzero"` // by the service's clock
	Text string    `json:"text,omitempty"`
	// Files came with the message.
	Files []File `json:"files,omitempty"`
	// Reply makes the event an answer to a question that the channel showed,
	// and not a message.
	Reply *Reply `json:"reply,omitempty"`
}

// Chat is where people write.
type Chat struct {
	ID string `json:"id"`
	// Direct is a chat in which nobody but that one person and the agent reads.
	// A host serves no others.
	Direct bool `json:"direct,omitempty"`
}

// Person is somebody who writes.
type Person struct {
	ID   string `json:"id"`             // the service's own, which its user can't choose
	Name string `json:"name,omitempty"` // as the person calls itself
}

// File is a file that came with a message.
type File struct {
	Name string `json:"name,omitempty"`
	Type string `json:"type"` // media type
	Data []byte `json:"data"`
}

// Reply answers a [Question].
type Reply struct {
	Approval int64  `json:"approval"`
	Digest   string `json:"digest"` // of the question that was answered
	Approve  bool   `json:"approve"`
	Reason   string `json:"reason,omitempty"`
}

// Send is the input of "send": one message to one chat. The plugin returns only
// when the service has taken it. An error's code tells the host what to do:
// unavailable and limit mean that nothing was sent and it may be tried again;
// any other that it may have been, or never can be.
type Send struct {
	Chat string `json:"chat"`
	// Key names the message: it is the same each time the same message is
	// tried, and no other has it. A service that can tell a repetition gets it;
	// then a break of the connection is unavailable too, for to try again is
	// safe.
	Key string `json:"key,omitempty"`
	// Text is Markdown. The plugin splits what is too long for the service.
	Text string `json:"text,omitempty"`
	// Question is shown below the text, with a way to answer it.
	Question *Question `json:"question,omitempty"`
	// Replace is the Ref of an earlier message that this one takes the place
	// of. A service that can't do so sends nothing.
	Replace string `json:"replace,omitempty"`
	// Working shows that an answer is being written, and sends nothing else. A
	// service that can't show it does nothing.
	Working bool `json:"working,omitempty"`
}

// Question asks the owner to approve one exact request.
type Question struct {
	Approval int64     `json:"approval"`
	Digest   string    `json:"digest"` // 64 hex digits
	Expires  time.Time `json:"expires"`
}

// Sent is the output of "send".
type Sent struct {
	// Ref names the message for a later Replace; empty if it can't be replaced.
	Ref string `json:"ref,omitempty"`
}
