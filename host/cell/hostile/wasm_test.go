package hostile

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/cell"
	"github.com/ambithost/ambit/sdk/protocol"
)

// deadline is short for calls that only it ends. Others meet another limit, and
// get the time to on a slow machine.
func (a Attack) deadline() time.Duration {
	if a.Stage != Install && (a.Code == protocol.Timeout || a.Or == protocol.Timeout) {
		return 2 * time.Second
	}
	return time.Minute
}

// TestWasm runs every module of the corpus in a real cell.
func TestWasm(t *testing.T) {
	l := newLab(t)
	l.suffer(t, Wasm(), l.runWasm)
}

func (l *lab) runWasm(t *testing.T, a Attack) {
	spec := l.spec(t, a.Name, a.Module(), a.deadline())
	if _, err := l.driver.Inspect(t.Context(), spec); err != nil {
		if a.Stage != Install {
			t.Fatalf("install: %v", err)
		}
		codeIs(t, err, a.Code, a.Or)
		if a.Name == "forbidden import" && !strings.Contains(err.Error(), "env.spawn") {
			t.Errorf("%v does not name the import", err)
		}
		if a.Name == "component" && !strings.Contains(err.Error(), "component") {
			t.Errorf("%v does not say what the file is", err)
		}
		return
	} else if a.Stage == Install {
		t.Fatal("installed")
	}
	c, err := l.driver.Start(t.Context(), spec)
	if a.Stage == Load {
		codeIs(t, err, a.Code, a.Or)
		if err == nil {
			c.Kill()
		}
		return
	}
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	defer c.Kill()
	w := &world{}
	out, err := c.Call(t.Context(), cell.Call{Export: "call", Effect: w.effect, Emit: w.emit})
	codeIs(t, err, a.Code, a.Or)
	l.judge(t, a, out, w)
	if a.Lives {
		if _, err := c.Call(t.Context(), cell.Call{Export: "ping"}); err != nil {
			t.Errorf("the cell does not serve on: %v", err)
		}
	} else {
		gone(t, c.PID())
	}
	c.Kill()
	gone(t, c.PID())
}

// judge checks what the attack brought home.
func (l *lab) judge(t *testing.T, a Attack, out []byte, w *world) {
	t.Helper()
	if len(out) > protocol.MaxOutput || w.emitted.Load() > 4*protocol.MaxOutput {
		t.Errorf("%d bytes of output and %d emitted came through", len(out), w.emitted.Load())
	}
	if a.Output != "" && string(out) != a.Output {
		t.Errorf("output %q, want %q", out, a.Output)
	}
	if a.Name == "deep output" {
		var v any
		if err := json.Unmarshal(out, &v); err == nil {
			t.Error("JSON nested 4 million levels was taken")
		}
	}
	if w.deep.Load() {
		t.Error("effect arguments that do not parse reached the host's effects")
	}
	if w.large.Load() {
		t.Error("effect arguments over the cap reached the host's effects")
	}
}

// world answers effects as a gate would that allows everything.
type world struct {
	effects     atomic.Int64
	emitted     atomic.Int64
	deep, large atomic.Bool
	stays       bool // effects stay in flight until the call ends
}

func (w *world) effect(ctx context.Context, _ string, args []byte) ([]byte, error) {
	w.effects.Add(1)
	if w.stays {
		<-ctx.Done()
	}
	if len(args) > protocol.MaxArgs {
		w.large.Store(true)
	}
	if !json.Valid(args) {
		w.deep.Store(true)
	}
	return []byte(`{"now":"2026-01-01T00:00:00Z"}`), nil
}

func (w *world) emit(b []byte) { w.emitted.Add(int64(len(b))) }

// TestMalformed feeds the compiling cell what is nearly a module. Each is
// refused as invalid, or compiles because the wrong bit made no difference to
// validity; the host does not care which.
func TestMalformed(t *testing.T) {
	l := newLab(t)
	good := logInjection()
	for _, m := range Truncations(good, 24) {
		spec := l.spec(t, "truncated", m, time.Minute)
		if _, err := l.driver.Inspect(t.Context(), spec); protocol.CodeOf(err) != protocol.Invalid {
			t.Errorf("%d of %d bytes: %v, want the code invalid", len(m), len(good), err)
		}
	}
	for i, m := range Flips(good, 48) {
		spec := l.spec(t, "flipped", m, time.Minute)
		if _, err := l.driver.Inspect(t.Context(), spec); err != nil && protocol.CodeOf(err) != protocol.Invalid {
			t.Errorf("flip %d: %v, want the code invalid", i, err)
		} else if err != nil {
			clean(t, "the error", err.Error())
		}
	}
	if out, err := l.bystander.Call(t.Context(), cell.Call{Export: "call", Input: []byte("x")}); err != nil || string(out) != "x" {
		t.Errorf("the bystander: %q, %v", out, err)
	}
	clean(t, "the host's log", l.logs.String())
}
