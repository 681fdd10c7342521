package cli

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/sdk/protocol"
)

func (m *memory) Activity(context.Context) (*control.Activity, error) {
	now := m.start.Add(76 * time.Hour)
	return &control.Activity{
		Now: now,
		InFlight: []control.InFlight{
			{Effect: "e-1", Actor: "agent:main", Agent: "main", Session: "rounds", Plugin: "web", Capability: "web.fetch", Resource: "web/fetch" + escapes, Since: now.Add(-1200 * time.Millisecond), State: "running"},
			{Effect: "e-2", Parent: "e-1", Actor: "plugin:web", Agent: "main", Plugin: "web", Capability: "http.request", Resource: "https://example.org/", Since: now.Add(-time.Second), State: "deciding"},
		},
		Cells: []control.Process{{Plugin: "web", PID: 4711, Started: now.Add(-time.Minute), Memory: 14_000_000, CPUMicros: 600_000, Calls: 1}},
		Host:  control.Process{PID: 4700, Started: m.start},
	}, nil
}

func (m *memory) SessionEntries(_ context.Context, session string, last int) ([]control.SessionEntry, error) {
	if session != "main" {
		return nil, protocol.Errorf(protocol.NotFound, "there is no conversation %q", session)
	}
	at := m.start
	list := []control.SessionEntry{
		{Seq: 1, At: at, Kind: "clock", Text: "It is Tuesday."},
		{Seq: 2, At: at, Kind: "owner", Text: "Look at the feed." + escapes},
		{Seq: 3, At: at, Kind: "agent", Calls: []control.SessionCall{{ID: "c1", Tool: "moltbook/posts", Args: json.RawMessage(`{"limit":1}`)}}},
		{Seq: 4, At: at, Kind: "result", Call: "c1", From: "tool moltbook/posts", Labels: []string{"untrusted"}, Text: "A post" + escapes + "\n" + strings.Repeat("and more ", 40)},
		{Seq: 5, At: at, Kind: "agent", Text: "One is new:\na post."},
		{Seq: 6, At: at, Kind: "quiet", Text: "ALL_QUIET"},
		{Seq: 7, At: at, Kind: "contact", From: "contact Bo" + escapes, Text: "Hello", Images: 2},
	}
	return list[max(0, len(list)-last):], nil
}

var budgets = []control.Allowance{
	{Of: "agent", Unit: "usd", Window: "day", Used: 38, Limit: 200},
	{Of: "heartbeat", Unit: "tokens", Window: "day", Used: 12_000, Limit: 200_000},
}
