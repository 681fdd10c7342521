package control

import (
	"net/url"
	"time"

	"github.com/ambithost/ambit/host/notebook"
	"github.com/ambithost/ambit/sdk/protocol"
)

// NoteInfo is what is known about a note beside its text.
type NoteInfo struct {
	Agent   string            `json:"agent"`
	Name    string            `json:"name"`
	Bytes   int64             `json:"bytes"`
	Created time.Time         `json:"created"`
	Changed time.Time         `json:"changed"`
	By      string            `json:"by"`               // who wrote it last: "owner", "plugin:NAME", "agent:NAME"
	Labels  []string          `json:"labels,omitempty"` // of all that it was made from
	Sources []notebook.Source `json:"sources,omitempty"`
	Digest  string            `json:"digest"` // SHA-256 of the text, hex
	// Text is all of it, or of a search what matched; a list has none.
	Text string `json:"text,omitempty"`
	Part bool   `json:"part,omitempty"` // Text is a passage
}

// NoteList is what a list or a search gives.
type NoteList struct {
	Items []NoteInfo `json:"items"`
	// Skipped are files beside the notes that are none, each with the reason.
	Skipped []string `json:"skipped,omitempty"`
}

// NoteQuery asks for notes: all of an agent, or those that hold words.
type NoteQuery struct {
	Agent string
	Query string // empty: all
}

// NoteChange is the owner's new text of a note.
type NoteChange struct {
	Agent string `json:"agent,omitempty"`
	Text  string `json:"text"`
	// Was is the digest of the text that was changed; empty: there was no note.
	Was string `json:"was,omitempty"`
	// Trust takes the labels off: the owner vouches for every word.
	Trust bool `json:"trust,omitempty"`
}

// ForgetRequest forgets a note.
type ForgetRequest struct {
	Agent string `json:"agent,omitempty"`
	// History takes its lines out of conversations too.
	History bool `json:"history,omitempty"`
}

// Forgotten tells what was forgotten, and what was not.
type Forgotten struct {
	Agent    string    `json:"agent"`
	Name     string    `json:"name"`
	Payloads int       `json:"payloads"` // of audit records that are erased; the records stay
	Redacted int       `json:"redacted"` // entries and answered questions that lost lines
	Mentions []Mention `json:"mentions"` // conversations that still hold lines of it
}

// Mention is a conversation that holds lines of a note.
type Mention struct {
	Agent   string `json:"agent"`
	Session string `json:"session"`
	Entries int    `json:"entries"`
}

// LookbackRequest has an agent look back on its conversations.
type LookbackRequest struct {
	Agent string `json:"agent,omitempty"`
}

// Lookback is what came of it.
type Lookback struct {
	Agent         string   `json:"agent"`
	Conversations int      `json:"conversations"` // that had something new
	Notes         []string `json:"notes"`         // names of those written
	Trouble       string   `json:"trouble,omitempty"`
}

// MemoryStatus is how an agent's looking back went.
type MemoryStatus struct {
	Last    time.Time `json:"last,omitzero"`
	Next    time.Time `json:"next,omitzero"` // not before
	Notes   int       `json:"notes"`         // written since the start
	Trouble string    `json:"trouble,omitempty"`
}

func (x *exchange) noteName() (string, error) {
	name := x.r.PathValue("name")
	return name, notebook.CheckName(name)
}

func (x *exchange) notes() (*NoteList, error) {
	q := NoteQuery{Agent: x.query.Get("agent"), Query: x.query.Get("query")}
	if len(q.Query) > 1<<10 {
		return nil, protocol.Errorf(protocol.Limit, "a query of %d bytes, the limit is %d", len(q.Query), 1<<10)
	}
	l, err := x.Notes(x.ctx(), q)
	if err == nil && l.Items == nil {
		l.Items = []NoteInfo{}
	}
	return l, err
}

func (x *exchange) note() (*NoteInfo, error) {
	name, err := x.noteName()
	if err != nil {
		return nil, err
	}
	return x.Note(x.ctx(), x.query.Get("agent"), name)
}

func (x *exchange) writeNote(req NoteChange) (*NoteInfo, error) {
	name, err := x.noteName()
	if err != nil {
		return nil, err
	}
	return x.WriteNote(x.whole(), name, req)
}

func (x *exchange) forgetNote(req ForgetRequest) (*Forgotten, error) {
	name, err := x.noteName()
	if err != nil {
		return nil, err
	}
	return x.ForgetNote(x.whole(), name, req)
}

// values is a query as a URL has it.
func (q NoteQuery) values() url.Values {
	v := url.Values{}
	if q.Agent != "" {
		v.Set("agent", q.Agent)
	}
	if q.Query != "" {
		v.Set("query", q.Query)
	}
	return v
}
