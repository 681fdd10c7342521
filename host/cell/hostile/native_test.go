package hostile

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/ambithost/ambit/host/cell"
	"github.com/ambithost/ambit/sdk/protocol"
)

// TestNative runs every native attack in a real cell.
func TestNative(t *testing.T) {
	l := newLab(t)
	l.suffer(t, Native(), l.runNative)
}

func (l *lab) runNative(t *testing.T, a Attack) {
	c, err := l.driver.Start(t.Context(), l.native(t, a, a.deadline()))
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
	export := a.Export
	if a.Broken != "" {
		export = "call"
	}
	w := &world{stays: a.Broken == "same-effect"}
	out, err := c.Call(t.Context(), cell.Call{Export: export, Input: mustJSON(t, l.targets), Effect: w.effect, Emit: w.emit})
	codeIs(t, err, a.Code, a.Or)
	clean(t, "the output", string(out))
	l.verdicts(t, a, string(out))
	if a.Lives && a.Export != "" {
		if out, err := c.Call(t.Context(), cell.Call{Export: "ping", Input: []byte("x"), Effect: w.effect}); err != nil || string(out) != "x" {
			t.Errorf("the cell does not serve on: %q, %v", out, err)
		}
	} else if !a.Lives {
		gone(t, c.PID())
	}
	c.Kill()
	gone(t, c.PID())
}

// verdicts reads the report of an attack that lists what it tried.
func (l *lab) verdicts(t *testing.T, a Attack, report string) {
	t.Helper()
	if a.Code != "" || a.Export == "" {
		return
	}
	tried := 0
	for line := range strings.Lines(report) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "ALLOWED"):
			t.Errorf("%s", line)
		case strings.HasPrefix(line, "refused"):
			tried++
		default:
			t.Errorf("not a verdict: %q", line)
		}
	}
	if tried == 0 && a.Export != "descriptors" {
		t.Error("the attack tried nothing")
	}
}

// TestHostDies: the host is ended by SIGKILL while its cells spin and ignore
// every signal; none of them outlives it.
func TestHostDies(t *testing.T) {
	l := newLab(t)
	spin := Attack{Name: "native spin", Export: "spin"}
	spec := l.native(t, spin, time.Hour)
	tree := l.install(t, "call tree", Evading(), time.Hour)
	cmd := exec.Command(os.Args[0], "host", runner(t), tempDir(t), spec.Module, spec.Digest, tree.Module, tree.Digest, tree.Cache)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	var pids []int
	for s := bufio.NewScanner(out); len(pids) < 2 && s.Scan(); {
		pid, err := strconv.Atoi(s.Text())
		if err != nil {
			t.Fatalf("the host says %q", s.Text())
		}
		pids = append(pids, pid)
	}
	if len(pids) < 2 {
		t.Fatalf("the host started %d cells, want 2", len(pids))
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for _, pid := range pids {
		gone(t, pid)
	}
}

// doomedHost starts one cell of each kind, lets them spin, prints their ids and
// waits for its end.
func doomedHost(args []string) int {
	driver, err := cell.NewDriver(cell.Config{Binary: args[0], RunDir: args[1], Logger: hclog.NewNullLogger()})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	for _, c := range []struct {
		spec   cell.Spec
		export string
	}{
		{cell.Spec{Plugin: "spin", Runtime: "native", Module: args[2], Digest: args[3], MemoryMB: 64, Timeout: time.Hour}, "spin"},
		{cell.Spec{Plugin: "tree", Runtime: "wasm", Module: args[4], Digest: args[5], Cache: args[6], MemoryMB: 64, Timeout: time.Hour}, "call"},
	} {
		running, err := driver.Start(context.Background(), c.spec)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		go func() {
			_, err := running.Call(context.Background(), cell.Call{Export: c.export, Input: []byte("{}")})
			fmt.Println("the call ended:", protocol.CodeOf(err))
		}()
		fmt.Println(running.PID())
	}
	select {}
}
