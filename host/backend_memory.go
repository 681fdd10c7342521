package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/notebook"
	"github.com/ambithost/ambit/sdk/protocol"
)

// maxFound bounds what a search of the owner gives.
const maxFound = 50

func noteInfo(r notebook.Record) control.NoteInfo {
	return control.NoteInfo{
		Agent: r.Agent, Name: r.Name, Bytes: r.Size, Created: r.Created, Changed: r.Changed,
		By: r.By, Labels: r.Labels, Sources: r.Sources, Digest: r.Digest,
	}
}

// Notes lists notes, or searches them.
func (b backend) Notes(ctx context.Context, q control.NoteQuery) (*control.NoteList, error) {
	a, err := b.agentFor(q.Agent)
	if err != nil {
		return nil, err
	}
	out := &control.NoteList{Items: []control.NoteInfo{}}
	if q.Query != "" {
		found, err := b.notebook.Search(ctx, a.Name(), q.Query, maxFound)
		for _, f := range found {
			info := noteInfo(f.Record)
			info.Text, info.Part = f.Text, !f.Whole
			out.Items = append(out.Items, info)
		}
		return out, err
	}
	list, skipped, err := b.notebook.List(ctx, a.Name())
	for _, r := range list {
		out.Items = append(out.Items, noteInfo(r))
	}
	out.Skipped = skipped
	return out, err
}

// Note shows one note.
func (b backend) Note(ctx context.Context, agentName, name string) (*control.NoteInfo, error) {
	a, err := b.agentFor(agentName)
	if err != nil {
		return nil, err
	}
	n, err := b.note(ctx, a.Name(), name)
	if err != nil {
		return nil, err
	}
	info := noteInfo(n.Record)
	info.Text = n.Text
	return &info, nil
}

func (b backend) note(ctx context.Context, agentName, name string) (notebook.Note, error) {
	n, err := b.notebook.Read(ctx, agentName, name)
	if protocol.CodeOf(err) == protocol.NotFound {
		err = &control.Error{Code: protocol.NotFound, Message: err.Error(), Hint: "ambit memory list"}
	}
	return n, err
}

// WriteNote writes a note with the owner's words. Labels stay unless the owner
// vouches: one word may be new and the rest a stranger's.
func (b backend) WriteNote(ctx context.Context, name string, req control.NoteChange) (*control.NoteInfo, error) {
	b.touch()
	a, err := b.agentFor(req.Agent)
	if err != nil {
		return nil, err
	}
	what := "written"
	if req.Trust {
		what = "trusted"
	}
	if err := b.recordNote(ctx, a.Name(), name, what, ""); err != nil {
		return nil, err
	}
	r, err := b.notebook.Write(ctx, notebook.Entry{Agent: a.Name(), Name: name, Text: req.Text, Keep: !req.Trust, By: "owner", Was: &req.Was})
	if errors.Is(err, notebook.ErrChanged) {
		err = &control.Error{Code: protocol.Invalid, Message: "the note was changed meanwhile", Hint: fmt.Sprintf("ambit memory show %q", name)}
	}
	if err != nil {
		return nil, err
	}
	info := noteInfo(r)
	return &info, nil
}

// ForgetNote forgets a note, and what belongs to it.
func (b backend) ForgetNote(ctx context.Context, name string, req control.ForgetRequest) (*control.Forgotten, error) {
	b.touch()
	a, err := b.agentFor(req.Agent)
	if err != nil {
		return nil, err
	}
	n, err := b.note(ctx, a.Name(), name)
	if err != nil {
		return nil, err
	}
	detail := ""
	if req.History {
		detail = "from conversations too"
	}
	if err := b.recordNote(ctx, a.Name(), name, "forgotten", detail); err != nil {
		return nil, err
	}
	texts := []string{n.Text}
	if _, err := b.payloads.Sift(ctx, func(data []byte) bool { // what it said before
		if text, ok := b.writtenInto(data, a.Name(), name); ok {
			texts = append(texts, text)
		}
		return false
	}); err != nil {
		return nil, err
	}
	lines := notebook.PassagesOf(texts...)
	if _, err := b.notebook.Forget(ctx, a.Name(), name); err != nil {
		return nil, err
	}
	out := &control.Forgotten{Agent: a.Name(), Name: name, Mentions: []control.Mention{}}
	var errs [3]error
	out.Payloads, errs[0] = b.payloads.Sift(ctx, func(data []byte) bool {
		_, ofNote := b.writtenInto(data, a.Name(), name)
		return ofNote || lines.In(data)
	})
	out.Redacted, errs[1] = b.state.Redact(ctx, lines, req.History)
	mentions, err := b.state.Mentions(ctx, lines)
	errs[2] = err
	for _, m := range mentions {
		out.Mentions = append(out.Mentions, control.Mention{Agent: m.Agent, Session: m.Session, Entries: m.Entries})
	}
	if req.History {
		for _, a := range b.agents {
			a.Reread()
		}
	}
	return out, errors.Join(append(errs[:], b.state.Scrub(ctx))...)
}

// writtenInto returns what an audit payload says was written into a note.
func (b backend) writtenInto(data []byte, agentName, name string) (text string, ok bool) {
	if !bytes.Contains(data, []byte(`"memory.write"`)) {
		return "", false
	}
	p, err := gate.OpenPayload(data)
	if err != nil || p.Request == nil || p.Request.Action.Name != "memory.write" || either(p.Request.Context.Agent, DefaultAgent) != agentName {
		return "", false
	}
	var args struct {
		Name string `json:"name"`
		Text string `json:"text"`
	}
	if json.Unmarshal(p.Args, &args) != nil || args.Name != name {
		return "", false
	}
	return args.Text, true
}

func (h *Host) recordNote(ctx context.Context, agentName, name, what, detail string) error {
	_, err := h.audit.Append(ctx, audit.Record{Kind: audit.Memory, Actor: "owner", Agent: agentName, Resource: name, Status: what, Detail: detail}, nil, true)
	return err
}

// LookBack has an agent note what it learned.
func (b backend) LookBack(ctx context.Context, req control.LookbackRequest) (*control.Lookback, error) {
	b.touch()
	a, err := b.agentFor(req.Agent)
	if err != nil {
		return nil, err
	}
	r, err := a.LookBack(ctx)
	if err != nil {
		return nil, err
	}
	return &control.Lookback{Agent: a.Name(), Conversations: r.Conversations, Notes: append([]string{}, r.Notes...), Trouble: r.Trouble}, nil
}

func (b backend) memoryStatus(name string, st *control.AgentStatus) {
	if b.file.Agents[name].Memory.Consolidate == nil {
		return
	}
	s := b.agents[name].LookbackStatus()
	st.Memory = &control.MemoryStatus{Last: s.Last, Next: s.Next, Notes: s.Notes, Trouble: s.Trouble}
}
