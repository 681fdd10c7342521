package store

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/notebook"
	"github.com/ambithost/ambit/sdk/model"
)

// TestForgetting puts a line into everything that holds what was said, takes it
// out, and looks at the bytes of the files.
func TestForgetting(t *testing.T) {
	t.Parallel()
	const line, other = `canary "7f3a" <flew> over the house`, "somebody else's line stays"
	dir := t.TempDir()
	s, err := Open(t.Context(), filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := s.Payloads()
	defer p.Close()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	quoted := []byte(`{"args":{"text":"canary \"7f3a\" <flew> over the house","n":1}}`)
	text := strings.Repeat("Filling. ", 2000) + line + "\n"
	for i := range 40 { // enough that pages are split and joined
		name := strings.Repeat("n", i+1)
		must(s.PutNote(t.Context(), notebook.Record{Agent: "main", Name: name, Digest: "d", Created: now}, &text))
		must(p.PutPayload(t.Context(), uint64(2*i), []byte("salt"), append(quoted, bytes.Repeat([]byte("x"), 100*i)...))) //nolint:gosec // small
		must(p.PutPayload(t.Context(), uint64(2*i+1), []byte("salt"), []byte(other)))                                     //nolint:gosec // small
		id := "w" + name
		_, _, err := s.Accept(t.Context(), agent.Trigger{ID: id, Agent: "main", Session: "a", Turn: "t" + id, SourceID: id, Kind: agent.KindMessage, Text: "Note: " + line, State: agent.Answered, Received: now})
		must(err)
		must(s.Record(t.Context(), &agent.Step{
			Agent: "main", Turn: "t", Session: "a",
			Entries: []agent.Entry{{Turn: "t", Kind: agent.FromAgent, At: now, Message: model.Message{Role: model.Assistant, Text: "I note: " + line, Keep: []byte(`{"raw":"abc"}`),
				Calls: []model.ToolCall{{ID: "c", Name: "memory__remember", Args: quoted}}}}, {Turn: "t", Kind: agent.FromOwner, At: now, Message: model.Message{Role: model.User, Text: other}}},
			Calls: []agent.Call{{Turn: "t", ID: id, Tool: "memory/remember", Args: quoted, State: agent.CallDone}},
		}))
	}
	_, err = s.Fire(t.Context(), agent.Trigger{ID: "wake", Agent: "main", Session: "a", Channel: "~clock", SourceID: "x", Kind: agent.KindSchedule, Turn: "tw", State: agent.Answered, Received: now},
		agent.Wake{Schedule: "s1", Parts: []agent.Part{{Text: line}}}, agent.Schedule{ID: "s1", Agent: "main", Session: "a"})
	must(err)
	for _, state := range []gate.State{gate.Declined, gate.Waiting} {
		ap := gate.Approval{Digest: "d", Args: quoted, Resource: string(state), State: gate.Waiting, Created: now, Expires: now.Add(time.Hour)}
		if state == gate.Waiting {
			ap.Args = nil
		}
		must(s.AddApproval(t.Context(), &ap))
		if ap.State = state; state != gate.Waiting {
			must(s.EndApproval(t.Context(), ap))
		}
	}

	lines := notebook.PassagesOf(line + "\n")
	mentions, err := s.Mentions(t.Context(), lines)
	if err != nil || len(mentions) != 1 || mentions[0] != (Mention{"main", "a", 40}) {
		t.Fatalf("mentions %+v %v", mentions, err)
	}
	erased, err := p.Sift(t.Context(), lines.In)
	if err != nil || erased != 40 {
		t.Errorf("erased %d payloads: %v", erased, err)
	}
	if _, _, found, err := p.Payload(t.Context(), 1); err != nil || !found {
		t.Errorf("another's payload: %v %v", found, err)
	}
	if n, err := s.Redact(t.Context(), lines, false); err != nil || n != 1 {
		t.Errorf("answered questions: %d %v", n, err)
	}
	if n, err := s.Redact(t.Context(), lines, true); err != nil || n != 40*3+1 {
		t.Errorf("conversations: %d %v", n, err)
	}
	for i := range 40 {
		must(s.DropNote(t.Context(), "main", strings.Repeat("n", i+1)))
	}
	must(s.Scrub(t.Context()))
	entries, err := s.Entries(t.Context(), "a", 0, 0)
	if err != nil || len(entries) != 80 || entries[0].Message.Text != "I note: [forgotten]" || entries[0].Message.Keep != nil || entries[1].Message.Text != other ||
		string(entries[0].Message.Calls[0].Args) != `{"args":{"n":1,"text":"[forgotten]"}}` {
		t.Errorf("%+v %v", entries[:2], err)
	}
	approvals, err := s.Approvals(t.Context(), 9)
	must(err)
	for _, a := range approvals { // the words go, what was decided about stays the same request
		if a.Digest != "d" || len(approvals) != 2 {
			t.Errorf("a question is another now: %+v", a)
		}
	}
	if last, err := s.LastEntries(t.Context(), "a", 3); err != nil || len(last) != 3 || last[2].Seq != entries[79].Seq || last[0].Seq != entries[77].Seq {
		t.Errorf("the last three: %+v %v", last, err)
	}
	if mentions, err = s.Mentions(context.Background(), lines); err != nil || len(mentions) != 0 {
		t.Errorf("after it: %+v %v", mentions, err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	must(err)
	for _, f := range files {
		b, err := os.ReadFile(f)
		must(err)
		for _, word := range []string{"7f3a", "flew"} {
			if n := bytes.Count(b, []byte(word)); n > 0 {
				t.Errorf("%s holds %q %d times", filepath.Base(f), word, n)
			}
		}
	}
}
