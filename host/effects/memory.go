package effects

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/notebook"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

const (
	maxNoteText = 64 << 10
	maxFound    = 20
	fewFound    = 8
	maxQuery    = 1 << 10
	maxListed   = 500
)

// MemoryReader finds what agents remember.
type MemoryReader interface {
	List(ctx context.Context, agent string) (list []notebook.Record, skipped []string, err error)
	Read(ctx context.Context, agent, name string) (notebook.Note, error)
	Search(ctx context.Context, agent, query string, limit int) ([]notebook.Found, error)
}

// Memory keeps what agents remember; *notebook.Keeper is one.
type Memory interface {
	MemoryReader
	Write(ctx context.Context, e notebook.Entry) (notebook.Record, error)
	Forget(ctx context.Context, agent, name string) (notebook.Note, error)
}

// noteView is a note as a plugin sees it.
type noteView struct {
	Name    string            `json:"name"`
	Text    string            `json:"text,omitempty"`
	Part    bool              `json:"part,omitempty"` // the text is a passage of the note
	Changed string            `json:"changed"`
	Bytes   int64             `json:"bytes"`
	By      string            `json:"by"`
	Labels  []string          `json:"labels,omitempty"`
	Sources []notebook.Source `json:"sources,omitempty"`
}

func (c *Call) noteView(r notebook.Record, text string) noteView {
	return noteView{
		Name: r.Name, Text: clean(text), Changed: r.Changed.In(c.e.cfg.Zone).Format(time.RFC3339),
		Bytes: r.Size, By: r.By, Labels: r.Labels, Sources: r.Sources,
	}
}

func (c *Call) memory(what string) (Memory, error) {
	if c.e.cfg.Memory == nil {
		return nil, protocol.Errorf(protocol.Unavailable, "%s: this host keeps no notes", what)
	}
	return c.e.cfg.Memory, nil
}

// memoryRead gives one note, those that a search finds, or the list of all. What
// is given brings its labels into the call, and with its result into the session.
func (c *Call) memoryRead(ctx context.Context, args []byte) ([]byte, error) {
	const what = "memory.read"
	var a struct {
		Name  string `json:"name"`
		Query string `json:"query"`
		Limit int    `json:"limit"`
	}
	if err := decode(what, args, &a); err != nil {
		return nil, err
	}
	m, err := c.memory(what)
	if err != nil {
		return nil, err
	}
	if a.Name != "" && a.Query != "" || len(a.Query) > maxQuery || a.Limit < 0 {
		return nil, protocol.Errorf(protocol.Invalid, "%s: give a name, or a query of at most %d bytes, or neither for a list", what, maxQuery)
	}
	attrs, shown := capability.Attributes{}, "notes"
	if a.Name != "" {
		if err := notebook.CheckName(a.Name); err != nil {
			return nil, err
		}
		attrs["note"], shown = a.Name, a.Name
	}
	var notes []noteView
	more := false
	err = c.gated(ctx, what, shown, attrs, args, func(ctx context.Context, _ *gate.Flight) error {
		var err error
		notes, more, err = c.recollect(ctx, m, a.Name, a.Query, a.Limit)
		return c.e.unavailable(what, err)
	})
	if err != nil {
		return nil, err
	}
	if notes == nil {
		notes = []noteView{}
	}
	return encode(struct {
		Notes []noteView `json:"notes"`
		More  bool       `json:"more,omitempty"`
	}{notes, more})
}

// recollect reads and gives the call the labels of all that it found: also of
// names, which are text too.
func (c *Call) recollect(ctx context.Context, m MemoryReader, name, query string, limit int) (notes []noteView, more bool, err error) {
	add := func(r notebook.Record, text string, part bool) {
		c.label(r.Labels)
		v := c.noteView(r, text)
		v.Part = part
		notes = append(notes, v)
	}
	agent := c.caller.Origin.Agent
	switch {
	case name != "":
		n, err := m.Read(ctx, agent, name)
		if err == nil {
			add(n.Record, n.Text, false)
		}
		return notes, false, err
	case query != "":
		if limit == 0 {
			limit = fewFound
		}
		found, err := m.Search(ctx, agent, query, min(limit, maxFound))
		for _, f := range found {
			add(f.Record, f.Text, !f.Whole)
		}
		return notes, false, err
	}
	list, _, err := m.List(ctx, agent)
	slices.SortStableFunc(list, func(a, b notebook.Record) int { return b.Changed.Compare(a.Changed) })
	for _, r := range list[:min(len(list), maxListed)] {
		add(r, "", false)
	}
	return notes, len(list) > maxListed, err
}

// memoryWrite writes, extends or forgets a note. It is the agent's own: to forget
// takes it away from files and searches; what the audit keeps of it is the
// owner's to erase.
func (c *Call) memoryWrite(ctx context.Context, args []byte) ([]byte, error) {
	const what = "memory.write"
	var a struct {
		Name   string  `json:"name"`
		Text   *string `json:"text"`
		Append bool    `json:"append"`
		Forget bool    `json:"forget"`
	}
	if err := decode(what, args, &a); err != nil {
		return nil, err
	}
	m, err := c.memory(what)
	if err != nil {
		return nil, err
	}
	if (a.Text == nil) != a.Forget || a.Append && a.Forget {
		return nil, protocol.Errorf(protocol.Invalid, "%s: give text or forget", what)
	}
	if err := notebook.CheckName(a.Name); err != nil {
		return nil, err
	}
	attrs := capability.Attributes{"note": a.Name}
	e := notebook.Entry{Agent: c.caller.Origin.Agent, Name: a.Name, Append: a.Append, By: "plugin:" + c.caller.Plugin}
	if a.Text != nil {
		if e.Text, err = noteText(what, *a.Text); err != nil {
			return nil, err
		}
		attrs["bytes"] = int64(len(e.Text))
	}
	err = c.gated(ctx, what, a.Name, attrs, args, func(ctx context.Context, _ *gate.Flight) error {
		if a.Forget {
			_, err := m.Forget(ctx, e.Agent, a.Name)
			return c.e.unavailable(what, err)
		}
		e.Labels, e.Source = c.ofNote(), c.sourceOfNote()
		_, err := m.Write(ctx, e)
		return c.e.unavailable(what, err)
	})
	if err != nil {
		return nil, err
	}
	return empty, nil
}

func noteText(what, text string) (string, error) {
	if len(text) > maxNoteText {
		return "", protocol.Errorf(protocol.Limit, "%s: %d bytes, the limit of a note is %d", what, len(text), maxNoteText)
	}
	if text = clean(text); strings.TrimSpace(text) == "" {
		return "", protocol.Errorf(protocol.Invalid, "%s: the text is empty", what)
	}
	return text, nil
}

// ofNote are the labels of what a note is made of: of all that the session has
// read and the call since, as a note is what the model made of all that, unless
// every word of it is the owner's own.
func (c *Call) ofNote() []string {
	if c.owned {
		return c.carries()
	}
	return c.origin().Labels
}

func (c *Call) sourceOfNote() *notebook.Source {
	o, now := c.caller.Origin, c.e.cfg.Now()
	s := &notebook.Source{Session: o.Session, From: now, To: now}
	if o.Turn != "" {
		s.Turns = []string{o.Turn}
	}
	return s
}

// allOwned reports whether arguments were traced, and all to the owner's words.
func allOwned(list []policy.Argument) bool {
	return len(list) > 0 && !slices.ContainsFunc(list, func(a policy.Argument) bool { return !a.OwnerNamed || len(a.Labels) > 0 })
}

// Learned is a note that an agent makes of a conversation.
type Learned struct {
	Name, Text string
	Labels     []string
	Source     notebook.Source
}

// Learn writes a note for an agent, through the gate, under the grant of a
// plugin that keeps its memory.
func (e *Effects) Learn(ctx context.Context, origin gate.Origin, plugin string, n Learned) error {
	const what = "memory.write"
	if e.cfg.Memory == nil {
		return protocol.Errorf(protocol.Unavailable, "%s: this host keeps no notes", what)
	}
	if err := notebook.CheckName(n.Name); err != nil {
		return err
	}
	text, err := noteText(what, n.Text)
	if err != nil {
		return err
	}
	args, err := encode(map[string]any{"name": n.Name, "text": text, "source": n.Source})
	if err != nil {
		return err
	}
	return e.cfg.Gate.Do(ctx, gate.Effect{
		Capability: what, Actor: policy.Entity{Type: "agent", ID: origin.Agent}, Plugin: plugin, Resource: n.Name,
		Attributes: capability.Attributes{"note": n.Name, "bytes": int64(len(text))}, Args: args, Origin: origin,
		Perform: func(ctx context.Context, _ *gate.Flight) error {
			_, err := e.cfg.Memory.Write(ctx, notebook.Entry{
				Agent: origin.Agent, Name: n.Name, Text: text, Labels: n.Labels, Source: &n.Source, By: "agent:" + origin.Agent,
			})
			return e.unavailable(what, err)
		},
	})
}
