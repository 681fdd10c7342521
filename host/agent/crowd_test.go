package agent_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/model"
)

// TestCrowd: of many sessions only some ask their model at the same time; those
// whose tools wait, for the owner perhaps, hold up nobody.
func TestCrowd(t *testing.T) {
	t.Parallel()
	const sessions, most = 100, 32
	var asking, peak atomic.Int64
	m := &script{reply: func(_ context.Context, _ int, req model.Request, _ func(model.Delta)) (model.Response, error) {
		n := asking.Add(1)
		defer asking.Add(-1)
		for old := peak.Load(); n > old && !peak.CompareAndSwap(old, n); old = peak.Load() {
		}
		time.Sleep(2 * time.Millisecond)
		if req.Messages[len(req.Messages)-1].Result != nil {
			return say("done"), nil
		}
		return want("a__wait"), nil
	}}
	var together sync.WaitGroup
	together.Add(sessions)
	b := &toolbox{}
	b.add("a/wait", capability.Write, func(context.Context, gate.Origin, json.RawMessage) (agent.Result, error) {
		together.Done()
		together.Wait() // for the tools of all the others
		return agent.Result{Text: "all are here"}, nil
	})
	f := start(t, m, b)
	for i := range sessions {
		f.send(agent.Message{Session: fmt.Sprint("s", i), Text: "go"})
	}
	for range sessions {
		seen := f.untilType(agent.EventTurnFinished)
		if end := seen[len(seen)-1]; end.Reason != agent.Done {
			t.Errorf("a turn ended %s: %s", end.Reason, end.Text)
		}
	}
	if n := peak.Load(); n > most || n < 2 {
		t.Errorf("%d turns asked their model at the same time, want 2 to %d", n, most)
	}
}
