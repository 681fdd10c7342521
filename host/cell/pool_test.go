package cell_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/cell"
	"github.com/ambithost/ambit/host/cell/confine"
	"github.com/ambithost/ambit/sdk/protocol"
)

func newPool(t testing.TB, specs map[string]cell.Spec) *cell.Pool {
	t.Helper()
	p := cell.NewPool(cell.PoolConfig{Driver: newDriver(t, nil), Specs: func(name string) (cell.Spec, error) {
		s, ok := specs[name]
		if !ok {
			return s, protocol.Errorf(protocol.NotFound, "no plugin %q is installed", name)
		}
		s.Plugin = name
		return s, nil
	}})
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func echo(t testing.TB, p *cell.Pool, plugin string) error {
	t.Helper()
	_, err := p.Call(t.Context(), plugin, cell.Call{Export: "echo", Input: []byte("x"), Agent: "main"})
	return err
}

func TestPoolStartsOnce(t *testing.T) {
	t.Parallel()
	p := newPool(t, map[string]cell.Spec{"a": guestSpec(t)})
	if level, ok := p.Isolation("a"); ok || level != confine.Process {
		t.Errorf("isolation of a plugin that does not run: %q, %v, want the least", level, ok)
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := echo(t, p, "a"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	list := p.Running()
	level, ok := p.Isolation("a")
	if len(list) != 1 || list[0].Plugin != "a" || list[0].PID == 0 || list[0].Calls != 0 || !ok || list[0].Isolation != level {
		t.Errorf("running: %+v", list)
	}
	for range 4 { // an unknown plugin stays unknown, and is no failure
		wantCode(t, echo(t, p, "absent"), protocol.NotFound)
	}
}

func TestPoolIdle(t *testing.T) {
	t.Parallel()
	s := guestSpec(t)
	s.Idle = 50 * time.Millisecond
	warm := s
	warm.Warm = true
	p := newPool(t, map[string]cell.Spec{"cold": s, "warm": warm})
	for range 2 { // it starts again
		if err := errors.Join(echo(t, p, "cold"), echo(t, p, "warm")); err != nil {
			t.Fatal(err)
		}
		eventually(t, "only the warm cell runs", func() bool {
			list := p.Running()
			return len(list) == 1 && list[0].Plugin == "warm"
		})
	}
	if err := p.Start(t.Context(), "cold"); err != nil || len(p.Running()) != 2 {
		t.Errorf("start ahead: %v, %+v", err, p.Running())
	}
}

func TestPoolBacksOff(t *testing.T) {
	t.Parallel()
	p := newPool(t, map[string]cell.Spec{"a": nativeSpec(t)})
	crash := func() error {
		_, err := p.Call(t.Context(), "a", cell.Call{Export: "crash"})
		return err
	}
	wantCode(t, crash(), protocol.Unavailable)
	wantCode(t, crash(), protocol.Unavailable) // the first failure is free
	err := echo(t, p, "a")
	var retry *cell.RetryError
	if !errors.As(err, &retry) || retry.Plugin != "a" || !retry.At.After(time.Now().Add(-time.Second)) {
		t.Fatalf("after two crashes: %v, want a RetryError", err)
	}
	wantCode(t, err, protocol.Unavailable)
	contains(t, "the error", err.Error(), "is not started again before", "a crash in the background")
	time.Sleep(time.Until(retry.At))
	if err := echo(t, p, "a"); err != nil {
		t.Errorf("after backing off: %v", err)
	}
}

func TestPoolBadModuleBacksOff(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "m.wasm")
	if err := os.WriteFile(file, []byte("not a module"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := newPool(t, map[string]cell.Spec{"a": {Runtime: "wasm", Module: file}})
	wantCode(t, echo(t, p, "a"), protocol.Invalid)
	wantCode(t, echo(t, p, "a"), protocol.Invalid)
	wantCode(t, echo(t, p, "a"), protocol.Unavailable)
}

func TestPoolKill(t *testing.T) {
	t.Parallel()
	spin := func(p *cell.Pool, plugin, agent string) <-chan error {
		ended := make(chan error, 1)
		go func() {
			_, err := p.Call(context.Background(), plugin, cell.Call{Export: "spin", Agent: agent})
			ended <- err
		}()
		return ended
	}
	for target, kills := range map[string][]bool{
		"all":       {true, true},
		"plugin:a":  {true, false},
		"agent:one": {true, false},
	} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			p := newPool(t, map[string]cell.Spec{"a": guestSpec(t), "b": guestSpec(t)})
			if err := errors.Join(p.Start(t.Context(), "a"), p.Start(t.Context(), "b")); err != nil {
				t.Fatal(err)
			}
			calls := []<-chan error{spin(p, "a", "one"), spin(p, "b", "two")}
			eventually(t, "both calls run", func() bool {
				list := p.Running()
				return len(list) == 2 && list[0].Calls == 1 && list[1].Calls == 1
			})
			want := 0
			for _, k := range kills {
				if k {
					want++
				}
			}
			pids := p.Running()
			if got := p.Forbid(target); got != want {
				t.Errorf("forbid killed %d cells, want %d", got, want)
			}
			for i, k := range kills {
				if k != ended(pids[i].PID) {
					t.Errorf("cell %d: ended %v, want %v", i, !k, k)
				}
				if k {
					wantCode(t, <-calls[i], protocol.Killed)
				}
			}
			_, err := p.Call(t.Context(), "a", cell.Call{Export: "echo", Agent: "one"})
			wantCode(t, err, protocol.Killed)
			if n := len(p.Running()); n != 2-want {
				t.Errorf("%d cells run while forbidden", n)
			}
			p.Allow(target)
			if _, err := p.Call(t.Context(), "a", cell.Call{Export: "echo", Agent: "one"}); err != nil {
				t.Errorf("after allow: %v", err)
			}
		})
	}
}

// TestPoolKillHammer: whatever is starting, calling or ending, nothing runs
// after Forbid returned.
func TestPoolKillHammer(t *testing.T) {
	t.Parallel()
	specs := map[string]cell.Spec{}
	for _, name := range []string{"a", "b", "c"} {
		specs[name] = moduleSpecOf(t, "call tree")
	}
	p := newPool(t, specs)
	stop := make(chan struct{})
	var halted atomic.Bool
	var all sync.WaitGroup
	for name := range specs {
		for range 3 {
			all.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					before := halted.Load()
					ctx, cancel := context.WithTimeoutCause(t.Context(), 30*time.Millisecond, protocol.Errorf(protocol.Killed, "enough"))
					_, err := p.Call(ctx, name, cell.Call{Export: "call"})
					cancel()
					if err == nil || before && halted.Load() && protocol.CodeOf(err) != protocol.Killed {
						t.Errorf("a call while halted: %v", err)
					}
				}
			})
		}
	}
	for range 15 {
		time.Sleep(20 * time.Millisecond)
		p.Forbid("all")
		halted.Store(true)
		for range 5 {
			if n := len(p.Running()); n != 0 {
				t.Errorf("%d cells run after forbid", n)
			}
			time.Sleep(time.Millisecond)
		}
		halted.Store(false)
		p.Allow("all")
	}
	close(stop)
	all.Wait()
}

func moduleSpecOf(t testing.TB, attack string) cell.Spec {
	t.Helper()
	return moduleSpec(t, hostileModule(t, attack))
}
