package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/sdk/protocol"
)

func (m *memory) Notes(_ context.Context, q control.NoteQuery) (*control.NoteList, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := &control.NoteList{}
	for _, n := range m.notes {
		if strings.Contains(n.Text, q.Query) {
			if q.Query == "" {
				n.Text = ""
			}
			l.Items = append(l.Items, n)
		}
	}
	return l, nil
}

func (m *memory) Note(_ context.Context, _, name string) (*control.NoteInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range m.notes {
		if n.Name == name {
			return &n, nil
		}
	}
	return nil, protocol.Errorf(protocol.NotFound, "there is no note %q", name)
}

func (m *memory) WriteNote(_ context.Context, name string, req control.NoteChange) (*control.NoteInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := control.NoteInfo{Agent: "main", Name: name, By: "owner", Text: req.Text, Bytes: int64(len(req.Text)), Digest: "d"}
	if !req.Trust {
		n.Labels = []string{"untrusted"}
	}
	m.notes = append(slices.DeleteFunc(m.notes, func(n control.NoteInfo) bool { return n.Name == name }), n)
	return &n, nil
}

func (m *memory) ForgetNote(_ context.Context, name string, req control.ForgetRequest) (*control.Forgotten, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.notes = slices.DeleteFunc(m.notes, func(n control.NoteInfo) bool { return n.Name == name })
	f := &control.Forgotten{Agent: "main", Name: name, Payloads: 2, Mentions: []control.Mention{{Agent: "main", Session: "s1", Entries: 1}}}
	if req.History {
		f.Mentions, f.Redacted = nil, 1
	}
	return f, nil
}

func (m *memory) LookBack(context.Context, control.LookbackRequest) (*control.Lookback, error) {
	return &control.Lookback{Agent: "main", Conversations: 2, Notes: []string{"2026-11-25 tea"}, Trouble: "one was refused"}, nil
}
