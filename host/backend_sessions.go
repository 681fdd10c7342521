package host

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Sessions lists the conversations of every agent.
func (b backend) Sessions(ctx context.Context) ([]control.Session, error) {
	out := []control.Session{}
	for _, name := range slices.Sorted(maps.Keys(b.agents)) {
		list, err := b.agents[name].Sessions(ctx)
		if err != nil {
			return nil, err
		}
		for _, s := range list {
			spent, err := b.state.SpentIn(ctx, s.ID)
			if err != nil {
				return nil, err
			}
			out = append(out, control.Session{Turns: spent.Turns, Spent: b.spent(spent), ID: s.ID, Agent: name, Parent: s.Parent, Started: s.Created, LastTurn: s.Updated, Labels: s.Labels, Busy: b.agents[name].Running(s.ID) != ""})
		}
	}
	return out, nil
}

// SessionEntries tells what was said and done in a conversation.
func (b backend) SessionEntries(ctx context.Context, session string, last int) ([]control.SessionEntry, error) {
	list, err := b.state.LastEntries(ctx, session, last)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		s, err := b.state.Session(ctx, session)
		if err == nil && s.Agent == "" {
			err = protocol.Errorf(protocol.NotFound, "there is no conversation %q; ambit sessions lists them", session)
		}
		if err != nil {
			return nil, err
		}
	}
	out := []control.SessionEntry{}
	for _, e := range list {
		out = append(out, sessionEntry(e))
	}
	return out, nil
}

func sessionEntry(e agent.Entry) control.SessionEntry {
	out := control.SessionEntry{Seq: e.Seq, At: e.At, Turn: e.Turn, Kind: string(e.Kind), Text: e.Message.Text, Images: len(e.Images)}
	if e.Source != nil {
		out.From, out.Labels = e.Source.String(), e.Source.Labels
	}
	for _, c := range e.Message.Calls {
		out.Calls = append(out.Calls, control.SessionCall{ID: c.ID, Tool: strings.Replace(c.Name, "__", "/", 1), Args: c.Args})
	}
	if r := e.Message.Result; r != nil {
		out.Text, out.Call, out.Failed = r.Text, r.ID, r.Error
	}
	return out
}
