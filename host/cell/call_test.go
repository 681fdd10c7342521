package cell_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/cell"
	"github.com/ambithost/ambit/host/cell/hostile"
	"github.com/ambithost/ambit/sdk/protocol"
)

func wantCode(t testing.TB, err error, code protocol.Code) {
	t.Helper()
	if err == nil || protocol.CodeOf(err) != code {
		t.Errorf("error %v with code %q, want %q", err, protocol.CodeOf(err), code)
	}
}

func TestCall(t *testing.T) {
	t.Parallel()
	c := start(t, newDriver(t, nil), guestSpec(t))
	out, err := c.Call(t.Context(), cell.Call{Export: "echo", Input: []byte("hello")})
	if err != nil || string(out) != "hello" {
		t.Fatalf("echo = %q, %v", out, err)
	}
	_, err = c.Call(t.Context(), cell.Call{Export: "absent"})
	wantCode(t, err, protocol.NotFound)
	_, err = c.Call(t.Context(), cell.Call{Export: "fail"})
	wantCode(t, err, protocol.Failed)
	contains(t, "the error", err.Error(), "it did not work")
	_, err = c.Call(t.Context(), cell.Call{Export: "echo", Input: make([]byte, protocol.MaxInput+1)})
	wantCode(t, err, protocol.Limit)
	big := bytes.Repeat([]byte("x"), 8<<20)
	out, err = c.Call(t.Context(), cell.Call{Export: "echo", Input: big})
	if err != nil || !bytes.Equal(out, big) {
		t.Errorf("echo of 8 MiB: %d bytes, %v", len(out), err)
	}
}

func TestEffectsAndEmit(t *testing.T) {
	t.Parallel()
	c := start(t, newDriver(t, nil), guestSpec(t))
	// More calls than instances, each with its own effects: frames interleave.
	var all sync.WaitGroup
	for n := range 20 {
		all.Go(func() {
			var pieces []string
			out, err := c.Call(t.Context(), cell.Call{
				Export: "twice",
				Effect: func(_ context.Context, name string, args []byte) ([]byte, error) {
					return fmt.Appendf(nil, `{"call":%d,"name":%q,"args":%s}`, n, name, args), nil
				},
				Emit: func(b []byte) { pieces = append(pieces, string(b)) },
			})
			want := fmt.Sprintf(`{"result":{"call":%d,"name":"kv.read","args":{"key":"a"}}}{"result":{"call":%d,"name":"kv.read","args":{"key":"b"}}}`, n, n)
			if err != nil || string(out) != want {
				t.Errorf("call %d: %s, %v", n, out, err)
			}
			if got := strings.Join(pieces, ""); got != `{"piece":1}{"piece":2}` {
				t.Errorf("call %d emitted %s", n, got)
			}
		})
	}
	all.Wait()
}

func TestEffectError(t *testing.T) {
	t.Parallel()
	c := start(t, newDriver(t, nil), guestSpec(t))
	out, err := c.Call(t.Context(), cell.Call{Export: "twice", Effect: func(context.Context, string, []byte) ([]byte, error) {
		return nil, protocol.Errorf(protocol.Denied, "not today")
	}})
	if err != nil {
		t.Fatal(err)
	}
	contains(t, "the outcome", string(out), `{"error":{"code":"denied","message":"not today"}}`)
	out, err = c.Call(t.Context(), cell.Call{Export: "twice"}) // no effects at all
	if err != nil {
		t.Fatal(err)
	}
	contains(t, "the outcome", string(out), `"denied"`)
}

func TestConfigAndSurroundings(t *testing.T) {
	t.Parallel()
	s := guestSpec(t)
	s.Config = map[string]string{"city": "Paris"}
	c := start(t, newDriver(t, nil), s)
	for key, want := range map[string]string{"city": "Paristrue", "other": "false"} {
		out, err := c.Call(t.Context(), cell.Call{Export: "config", Input: []byte(key)})
		if err != nil || strings.ReplaceAll(string(out), " ", "") != want {
			t.Errorf("config %s = %q, %v; want %q", key, out, err, want)
		}
	}
	out, err := c.Call(t.Context(), cell.Call{Export: "surroundings"})
	if err != nil {
		t.Fatal(err)
	}
	var saw struct {
		Year      int
		Env, Args string
		File, Dir bool
	}
	if err := json.Unmarshal(out, &saw); err != nil {
		t.Fatal(err)
	}
	if saw.Year < 2024 || saw.Env != "" || saw.Args != "" || !saw.File || !saw.Dir {
		t.Errorf("the guest sees %+v: want a real clock, no environment, no arguments, and refused files", saw)
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	var log logBuffer
	c := start(t, newDriver(t, log.logger()), guestSpec(t))
	if _, err := c.Call(t.Context(), cell.Call{Export: "talk"}); err != nil {
		t.Fatal(err)
	}
	contains(t, "the log", log.String(), `[INFO]  cell: information \u001b[31m red: plugin=guest`, "[ERROR] cell: an error", "printed", "[WARN]  cell: complained")
	if strings.Contains(log.String(), "\x1b") {
		t.Error("the log holds an escape")
	}
}

func TestTrapThenRecover(t *testing.T) {
	t.Parallel()
	c := start(t, newDriver(t, nil), guestSpec(t))
	pid := c.PID()
	for range 3 {
		_, err := c.Call(t.Context(), cell.Call{Export: "trap"})
		wantCode(t, err, protocol.Failed)
		out, err := c.Call(t.Context(), cell.Call{Export: "echo", Input: []byte("again")})
		if err != nil || string(out) != "again" || c.PID() != pid {
			t.Fatalf("after a trap: %q, %v", out, err)
		}
	}
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	s := moduleSpec(t, hostileModule(t, "call tree"))
	s.Timeout = 200 * time.Millisecond
	c := start(t, newDriver(t, nil), s)
	_, err := c.Call(t.Context(), cell.Call{Export: "call"})
	wantCode(t, err, protocol.Timeout)
	<-c.Done()
	_, err = c.Call(t.Context(), cell.Call{Export: "call"})
	wantCode(t, err, protocol.Unavailable)
	contains(t, "the next error", err.Error(), "has ended", "did not end within 200ms")
}

func TestOthersHearWhy(t *testing.T) {
	t.Parallel()
	c := start(t, newDriver(t, nil), guestSpec(t))
	inEffect, wait := make(chan struct{}), make(chan error, 1)
	go func() { // the other call, which waits in an effect
		_, err := c.Call(context.Background(), cell.Call{Export: "twice", Effect: func(ctx context.Context, _ string, _ []byte) ([]byte, error) {
			close(inEffect)
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		wait <- err
	}()
	<-inEffect
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := c.Call(ctx, cell.Call{Export: "spin"})
	wantCode(t, err, protocol.Timeout)
	other := <-wait
	wantCode(t, other, protocol.Unavailable)
	contains(t, "the other call's error", other.Error(), "because of another one")
}

func TestCancel(t *testing.T) {
	t.Parallel()
	d := newDriver(t, nil)
	for name, test := range map[string]struct {
		export string
		lives  bool
	}{
		"waiting in an effect, it ends by itself": {"twice", true},
		"spinning, it is killed":                  {"spin", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := start(t, d, guestSpec(t))
			ctx, cancel := context.WithCancel(t.Context())
			returned := make(chan struct{})
			time.AfterFunc(50*time.Millisecond, cancel)
			_, err := c.Call(ctx, cell.Call{Export: test.export, Effect: func(ctx context.Context, _ string, _ []byte) ([]byte, error) {
				<-ctx.Done()
				defer close(returned)
				return nil, ctx.Err()
			}})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want context.Canceled", err)
			}
			if test.lives {
				<-returned
				if _, err := c.Call(t.Context(), cell.Call{Export: "echo"}); err != nil {
					t.Errorf("the next call: %v", err)
				}
			} else {
				<-c.Done()
			}
		})
	}
}

func TestCauseOfCancel(t *testing.T) {
	t.Parallel()
	d := newDriver(t, nil)
	for _, code := range []protocol.Code{protocol.Killed, protocol.Revoked} {
		t.Run(string(code), func(t *testing.T) {
			t.Parallel()
			c := start(t, d, guestSpec(t))
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(50*time.Millisecond, func() { cancel(protocol.Errorf(code, "for a reason")) })
			_, err := c.Call(ctx, cell.Call{Export: "spin"})
			wantCode(t, err, code)
			contains(t, "the error", err.Error(), "for a reason")
			<-c.Done()
		})
	}
}

func TestKillWhileSpinning(t *testing.T) {
	t.Parallel()
	c := start(t, newDriver(t, nil), moduleSpec(t, hostileModule(t, "call tree")))
	time.AfterFunc(100*time.Millisecond, c.Kill)
	_, err := c.Call(t.Context(), cell.Call{Export: "call"})
	wantCode(t, err, protocol.Killed)
	<-c.Done()
	c.Kill() // idempotent
}

func TestMemory(t *testing.T) {
	t.Parallel()
	d := newDriver(t, nil)
	t.Run("the guest's own limit is a trap", func(t *testing.T) {
		t.Parallel()
		s := guestSpec(t)
		s.MemoryMB = 32
		c := start(t, d, s)
		_, err := c.Call(t.Context(), cell.Call{Export: "eat"})
		wantCode(t, err, protocol.Limit)
		if _, err := c.Call(t.Context(), cell.Call{Export: "echo"}); err != nil {
			t.Errorf("the next call: %v", err)
		}
	})
	t.Run("instances together are watched", func(t *testing.T) {
		t.Parallel()
		s := guestSpec(t)
		s.MemoryMB = 200
		c := start(t, d, s)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				_, err := c.Call(t.Context(), cell.Call{Export: "eat"})
				wantCode(t, err, protocol.Limit)
			})
		}
		all.Wait()
	})
}

func hostileModule(t testing.TB, name string) []byte {
	t.Helper()
	for _, a := range hostile.Wasm() {
		if a.Name == name {
			return a.Module()
		}
	}
	t.Fatalf("no hostile module %q", name)
	return nil
}
