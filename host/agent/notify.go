package agent

import (
	"context"

	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Notify brings a message of a plugin to the owner: into the session's history
// and to whoever follows it. The model does not read it.
func (a *Agent) Notify(ctx context.Context, session, text string) error {
	e := Entry{Turn: string(a.Running(session)), Kind: FromPlugin, Message: model.Message{Role: model.System, Text: text}, At: a.cfg.Clock.Now()}
	if err := a.cfg.Store.Record(ctx, &Step{Session: session, Agent: a.cfg.Name, Entries: []Entry{e}}); err != nil {
		return protocol.Errorf(protocol.Unavailable, "the message could not be stored: %v", err)
	}
	a.publish(Event{Type: EventMessage, Session: session, Turn: e.Turn, Kind: e.Kind, Text: text})
	return nil
}

// StopAll is [Agent.Stop] that says how many turns it ended.
func (a *Agent) StopAll(ctx context.Context) (int, error) {
	n := 0
	a.mu.Lock()
	for _, l := range a.sessions {
		if l.current != nil {
			n++
		}
	}
	a.mu.Unlock()
	return n, a.Stop(ctx)
}
