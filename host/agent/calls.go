package agent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/ambithost/ambit/host/provenance"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// tooLate is the result of a call that a turn did not get to.
const tooLate = "The call was not made: the turn ended before it."

// use is one tool call of the model on its way to a result.
type use struct {
	call model.ToolCall
	tool Tool
	outcome
}

// outcome is how a call ended.
type outcome struct {
	state  CallState // "": not made yet
	code   protocol.Code
	text   string // for the model
	short  string // for people
	labels []string
	agents bool   // a sub-agent's words are in it
	skill  string // whose text it is
	err    error
}

// nameCalls gives every call an id of its own within the turn: models leave
// them out or repeat them.
func (t *turn) nameCalls(calls []model.ToolCall) {
	for i := range calls {
		c := &calls[i]
		if len(bytes.TrimSpace(c.Args)) == 0 {
			c.Args = json.RawMessage("{}")
		}
		if !json.Valid(c.Args) {
			c.Args, _ = json.Marshal(string(c.Args)) // a string always can be
		}
		if c.ID == "" || len(c.ID) > 128 || t.callIDs[c.ID] {
			c.ID = fmt.Sprintf("call_%d_%d", t.Steps, i)
		}
		t.callIDs[c.ID] = true
	}
}

// act makes the calls of one answer: reads that stand side by side at the same
// time, everything else one by one and in order. Each result is on disk before
// the next call begins.
func (t *turn) act(ctx context.Context, calls []model.ToolCall) *ending {
	uses := make([]*use, len(calls))
	for i, c := range calls {
		uses[i] = t.prepare(c)
	}
	for first := 0; first < len(uses); {
		last := first + 1
		for uses[first].isRead() && last < len(uses) && uses[last].isRead() {
			last++
		}
		if end := t.together(ctx, uses[first:last]); end != nil {
			return t.skip(ctx, calls[last:], end, tooLate)
		}
		if last < len(uses) && t.waits() {
			return t.skip(ctx, calls[last:], nil, "The call was not made: a new message came first. Read it, then call again if it is still wanted.")
		}
		first = last
	}
	return nil
}

func (u *use) isRead() bool { return u.tool.Risk == capability.Read }

// prepare finds the tool and refuses what can't be called.
func (t *turn) prepare(c model.ToolCall) *use {
	tool, known := t.tools[c.Name]
	u := &use{call: c, tool: tool}
	var args map[string]json.RawMessage
	switch {
	case !known:
		u.tool.Name = c.Name
		u.outcome = failure(protocol.NotFound, fmt.Sprintf("There is no tool %q. The tools are: %s.", c.Name, t.toolNames()))
	case json.Unmarshal(c.Args, &args) != nil || args == nil:
		u.outcome = failure(protocol.Invalid, "The arguments are not one complete JSON object. The call was not made.")
	case t.doubt[fingerprint(tool.Name, c.Args)]:
		u.outcome = failure(protocol.Unknown, "The same call was under way when the host ended, and whether it took effect is unknown. It was not made again. Look whether it did, or ask the owner; the owner's next message allows it.")
	}
	return u
}

func failure(code protocol.Code, text string) outcome {
	return outcome{state: CallFailed, code: code, text: text, short: text}
}

// together makes calls at the same time; a single one is the common case.
func (t *turn) together(ctx context.Context, uses []*use) *ending {
	if ctx.Err() != nil {
		return t.skipUses(ctx, uses, t.failed(ctx, "", context.Cause(ctx)))
	}
	step := &Step{}
	for _, u := range uses {
		if u.state == "" {
			step.Calls = append(step.Calls, u.journal(t, CallStarted))
		}
	}
	if len(step.Calls) > 0 {
		if err := t.record(ctx, step); err != nil {
			return t.skipUses(ctx, uses, t.failed(ctx, "a call could not be recorded, so it was not made", err))
		}
	}
	t.perform(ctx, uses)
	return t.conclude(ctx, uses)
}

func (u *use) journal(t *turn, state CallState) Call {
	return Call{Turn: t.Turn.ID, ID: u.call.ID, Tool: u.tool.Name, Args: u.call.Args, State: state}
}

func (t *turn) perform(ctx context.Context, uses []*use) {
	origin := t.origin()
	slots := make(chan struct{}, t.a.cfg.Limits.Parallel)
	var wg sync.WaitGroup
	for _, u := range uses {
		t.publish(Event{Type: EventToolStarted, Call: u.call.ID, Tool: u.tool.Name, Args: u.call.Args})
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if u.state == "" {
				result, err := t.a.cfg.Tools.Call(ctx, origin, u.tool.Name, u.call.Args)
				u.outcome = t.outcomeOf(ctx, u.tool, result, err)
			}
			t.publish(Event{Type: EventToolFinished, Call: u.call.ID, Tool: u.tool.Name, Code: u.code, Text: u.short})
		})
	}
	wg.Wait()
}

// conclude records the results and decides whether the turn goes on.
func (t *turn) conclude(ctx context.Context, uses []*use) *ending {
	if err := t.keep(ctx, uses); err != nil {
		return t.failed(ctx, "a result could not be recorded", err)
	}
	for _, u := range uses {
		if u.code == protocol.Killed {
			return t.failed(ctx, "", u.err)
		}
		if end := t.denied.count(u, t.a.cfg.Limits); end != nil {
			return end
		}
	}
	if ctx.Err() != nil {
		return t.failed(ctx, "", context.Cause(ctx))
	}
	return nil
}

// keep puts the results on disk in the order of the calls, and with them the
// labels that they bring into the session.
func (t *turn) keep(ctx context.Context, uses []*use) error {
	step := &Step{}
	labels := slices.Clone(t.session.Labels)
	for _, u := range uses {
		entry := t.resultEntry(u.call.ID, u.outcome)
		if u.toolSpoke() {
			entry.Source = SourceOf(t.material, u.tool, u.call.Args, u.labels)
			switch {
			case u.skill != "":
				entry.Source = &provenance.Source{Kind: provenance.Tool, Name: u.tool.Name + " (skill " + u.skill + ")", Labels: slices.Clone(u.labels)}
			case u.agents:
				entry.Source = &provenance.Source{Kind: provenance.Agent, Name: u.tool.Name, Labels: slices.Clone(u.labels)}
			}
		}
		step.Entries = append(step.Entries, entry)
		step.Calls = append(step.Calls, u.journal(t, u.state))
		labels = append(labels, u.labels...)
	}
	slices.Sort(labels)
	if labels = slices.Compact(labels); len(labels) > len(t.session.Labels) {
		step.Labels = labels
	}
	if err := t.record(ctx, step); err != nil {
		return err
	}
	t.session.Labels = labels
	return nil
}

// resultEntry answers a call. Its text is the host's own until keep says that a
// tool spoke.
func (t *turn) resultEntry(id string, o outcome) Entry {
	e := t.entry(FromTool, model.Message{Role: model.Tool, Result: &model.ToolResult{ID: id, Text: o.text, Error: o.state != CallDone}})
	e.Source = &provenance.Source{}
	return e
}

// toolSpoke tells a tool's answer or error from the host's word on why there is
// none. A refusal may quote what strangers wrote, and must not vouch for it.
func (u *use) toolSpoke() bool {
	return u.state == CallDone || u.state == CallError || u.state != CallDenied && u.err != nil
}

// skip answers calls that are not made, so that every call in the history has
// its result.
func (t *turn) skip(ctx context.Context, calls []model.ToolCall, end *ending, why string) *ending {
	var entries []Entry
	for _, c := range calls {
		entries = append(entries, t.resultEntry(c.ID, failure("", why)))
	}
	if len(entries) == 0 || end != nil && end.reason == Interrupted {
		return end
	}
	if err := t.append(ctx, entries...); err != nil {
		if end == nil {
			return t.failed(ctx, "calls that were not made could not be recorded", err)
		}
		t.a.log.Error("calls that were not made could not be recorded", "turn", t.Turn.ID, "error", err)
	}
	return end
}

func (t *turn) skipUses(ctx context.Context, uses []*use, end *ending) *ending {
	var calls []model.ToolCall
	for _, u := range uses {
		calls = append(calls, u.call)
	}
	return t.skip(ctx, calls, end, tooLate)
}

func (t *turn) toolNames() string {
	var names []string
	for _, d := range t.offer {
		names = append(names, d.Name)
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// fingerprint tells equal calls, however their arguments are spelled.
func fingerprint(tool string, args json.RawMessage) string {
	var v any
	dec := json.NewDecoder(bytes.NewReader(args))
	dec.UseNumber()
	if err := dec.Decode(&v); err == nil {
		if canonical, err := json.Marshal(v); err == nil {
			args = canonical
		}
	}
	sum := sha256.Sum256(append([]byte(tool+"\x00"), args...))
	return string(sum[:])
}
