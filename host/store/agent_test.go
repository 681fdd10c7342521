package store

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/sdk/model"
)

func trigger(id, source string) agent.Trigger {
	return agent.Trigger{ID: id, Agent: "main", Session: "s", Channel: "telegram", SourceID: source, Kind: "message",
		Text: "hello", Turn: "t-" + id, State: agent.Pending, Received: time.UnixMicro(1_700_000_000_000_000).UTC()}
}

func TestAcceptStoresATriggerOnce(t *testing.T) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	for _, c := range []struct {
		t     agent.Trigger
		fresh bool
		turn  string
	}{
		{trigger("1", "77"), true, "t-1"}, {trigger("2", "77"), false, "t-1"}, {trigger("3", "78"), true, "t-3"},
		{trigger("4", ""), true, "t-4"}, {trigger("5", ""), true, "t-5"}, // a source without ids
	} {
		got, fresh, err := s.Accept(ctx, c.t)
		if err != nil || fresh != c.fresh || got.Turn != c.turn {
			t.Errorf("%s: turn %s, fresh %v, %v", c.t.ID, got.Turn, fresh, err)
		}
	}
	if err := s.Settle(ctx, agent.Dropped, "3", "4"); err != nil {
		t.Fatal(err)
	}
	waiting, err := s.Waiting(ctx, "main")
	if err != nil || len(waiting) != 2 || !reflect.DeepEqual(waiting[0], trigger("1", "77")) || waiting[1].ID != "5" {
		t.Errorf("waiting %+v, %v", waiting, err)
	}
}

func TestRecordKeepsATurn(t *testing.T) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	if _, _, err := s.Accept(ctx, trigger("1", "77")); err != nil {
		t.Fatal(err)
	}
	now := time.UnixMicro(1_700_000_000_000_001).UTC()
	turn := agent.Turn{ID: "t1", Agent: "main", Session: "s", Trigger: "1", Started: now}
	call := agent.Call{Turn: "t1", ID: "c", Tool: "a/x", Args: json.RawMessage(`{"n":1}`), State: agent.CallStarted}
	begin := &agent.Step{Begin: &turn, Turn: "t1", Session: "s", Take: []string{"1"}, Labels: []string{"private", "untrusted"}, Calls: []agent.Call{call},
		Entries: []agent.Entry{{Turn: "t1", Kind: agent.FromOwner, Message: model.Message{Role: model.User, Text: "hello"}, At: now}}}
	if err := s.Record(ctx, begin); err != nil {
		t.Fatal(err)
	}
	open, err := s.Open(ctx, "main")
	if err != nil || len(open) != 1 || open[0].ID != "t1" || len(open[0].Triggers) != 1 || open[0].Triggers[0].Attempts != 1 {
		t.Fatalf("open %+v, %v", open, err)
	}
	// All of a step or nothing: its second entry can't be written.
	broken := &agent.Step{Turn: "t1", Session: "s", Floor: 99, Entries: []agent.Entry{
		{Turn: "t1", Kind: agent.FromAgent, Message: model.Message{Role: model.Assistant, Text: "hi"}},
		{Turn: "t1", Kind: agent.FromAgent, Message: model.Message{Calls: []model.ToolCall{{Args: json.RawMessage(`{`)}}}},
	}}
	if err := s.Record(ctx, broken); err == nil {
		t.Error("a step that can't be written was")
	}
	call.State = agent.CallDone
	turn.Reason, turn.Ended, turn.Usage = agent.Done, now, model.Usage{Input: 1, Output: 2}
	if err := s.Record(ctx, &agent.Step{Turn: "t1", Session: "s", Calls: []agent.Call{call}, End: &turn, Retry: true}); err != nil {
		t.Fatal(err)
	}
	if entries, err := s.Entries(ctx, "s", 0, 0); err != nil || len(entries) != 1 || entries[0].Seq != begin.Entries[0].Seq || entries[0].Message.Text != "hello" || !entries[0].At.Equal(now) {
		t.Errorf("entries %+v, %v", entries, err)
	}
	if calls, err := s.Calls(ctx, "1"); err != nil || len(calls) != 1 || calls[0].State != agent.CallDone {
		t.Errorf("calls %+v, %v", calls, err)
	}
	if v, err := s.Session(ctx, "s"); err != nil || v.Agent != "main" || len(v.Labels) != 2 || v.Floor != 0 {
		t.Errorf("session %+v, %v", v, err)
	}
	if w, err := s.Waiting(ctx, "main"); err != nil || len(w) != 1 || w[0].Turn != "t1" {
		t.Errorf("waiting %+v, %v", w, err)
	}
	if open, err = s.Open(ctx, "main"); err != nil || len(open) != 0 {
		t.Errorf("still open %+v, %v", open, err)
	}
	if v, err := s.Session(ctx, "unknown"); err != nil || v.Agent != "" || v.ID != "unknown" {
		t.Errorf("an unknown session is %+v, %v", v, err)
	}
}
