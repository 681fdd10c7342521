package host

import (
	"context"
	"time"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/host/store"
	"github.com/ambithost/ambit/sdk/protocol"
)

const defaultSession = "main"

// Chat runs one turn and emits what happens until it ends. A message for a
// session whose turn is at work joins that turn.
func (b backend) Chat(ctx context.Context, req control.ChatRequest, emit func(control.ChatEvent) error) error {
	b.touch()
	a, err := b.agentFor(req.Agent)
	if err != nil {
		return err
	}
	session := either(req.Session, defaultSession)
	watch, done := context.WithCancel(ctx)
	defer done()
	events := a.Events(watch, session)
	id, err := a.Submit(ctx, agent.Message{Session: session, Text: req.Text, Images: req.Images})
	if err != nil {
		return err
	}
	start := time.Now()
	began, answer := map[string]time.Time{}, ""
	for {
		select {
		case <-ctx.Done():
			return protocol.Errorf(protocol.Unavailable, "the host is stopping")
		case e, open := <-events:
			if !open {
				return protocol.Errorf(protocol.Unavailable, "the host is stopping")
			}
			out, send := b.chatEvent(ctx, e, began)
			out.Session, out.Turn, out.Agent = session, e.Turn, either(req.Agent, DefaultAgent)
			switch {
			case e.Type == agent.EventMessage && e.Kind == agent.FromAgent:
				answer = e.Text
			case e.Type == agent.EventTurnFinished:
				out.Micros = time.Since(start).Microseconds()
				if out.Type == control.ChatDone && e.Reason == agent.Done {
					out.Text = answer
				}
			}
			if send {
				_ = emit(out) // the turn goes on when the client leaves
			}
			if e.Type == agent.EventLagged || e.Type == agent.EventTurnFinished && e.Turn == string(id) {
				return nil
			}
		}
	}
}

// chatEvent says an agent's event in the API's words.
func (b backend) chatEvent(ctx context.Context, e agent.Event, began map[string]time.Time) (out control.ChatEvent, send bool) {
	switch e.Type {
	case agent.EventTurnStarted:
		return control.ChatEvent{Type: control.ChatTurn}, true
	case agent.EventDelta:
		return control.ChatEvent{Type: control.ChatText, Text: e.Text}, true
	case agent.EventToolStarted:
		began[e.Call] = e.At
		return control.ChatEvent{Type: control.ChatTool, Call: e.Call, Tool: e.Tool, Args: e.Args}, true
	case agent.EventToolFinished:
		return control.ChatEvent{Type: control.ChatResult, Call: e.Call, Tool: e.Tool, Status: statusOf(e.Code), Detail: firstLine(e.Text), Micros: e.At.Sub(began[e.Call]).Microseconds()}, true
	case agent.EventAsked:
		ap, err := b.Approval(ctx, e.Approval)
		if err != nil {
			return out, false
		}
		return control.ChatEvent{Type: control.ChatApproval, Approval: ap}, true
	case agent.EventMessage:
		return control.ChatEvent{Type: control.ChatNotice, Text: e.Text}, e.Kind == agent.FromHost
	case agent.EventError:
		return control.ChatEvent{Type: control.ChatNotice, Text: e.Text}, true
	case agent.EventLagged:
		return control.ChatEvent{Type: control.ChatError, Error: &control.Error{Code: protocol.Limit, Message: "this client was too slow to follow the turn, which goes on", Hint: "ambit chat"}}, true
	case agent.EventTurnFinished:
		return b.finished(e), true
	}
	return out, false
}

func (b backend) finished(e agent.Event) control.ChatEvent {
	usage := e.Usage
	spent := b.spent(store.Spent{Input: int64(usage.Input), Output: int64(usage.Output), Cost: e.Cost, Unpriced: int64(e.Unpriced)})
	out := control.ChatEvent{Type: control.ChatDone, Status: "end", Text: e.Text, Usage: &usage, Spent: &spent}
	fail := func(code protocol.Code, hint string) control.ChatEvent {
		return control.ChatEvent{Type: control.ChatError, Usage: &usage, Spent: &spent, Error: &control.Error{Code: code, Message: e.Text, Hint: hint}}
	}
	switch e.Reason {
	case agent.Limited:
		out.Status = "limit"
	case agent.Cancelled, agent.Stopped, agent.Interrupted:
		out.Status = "interrupted"
	case agent.Killed:
		return fail(protocol.Killed, "ambit status")
	case agent.Failed:
		return fail(protocol.Failed, "ambit status")
	case agent.Refused:
		return fail(protocol.Denied, "ambit audit tail")
	}
	return out
}

func statusOf(c protocol.Code) string {
	switch c {
	case "":
		return "done"
	case protocol.Denied, protocol.Declined, protocol.DryRun, protocol.Unknown:
		return string(c)
	case protocol.Killed, protocol.Revoked, protocol.Timeout:
		return "cancelled"
	}
	return "failed"
}

func firstLine(s string) string {
	for i, r := range s {
		if r == '\n' || i > 200 {
			return s[:i]
		}
	}
	return s
}

// Interrupt ends the turn of a session.
func (b backend) Interrupt(_ context.Context, session string) (*control.Interruption, error) {
	b.touch()
	session = either(session, defaultSession)
	for _, a := range b.agents {
		if id := a.Running(session); id != "" && a.Interrupt(session) {
			return &control.Interruption{Turn: string(id)}, nil
		}
	}
	return &control.Interruption{}, nil
}
