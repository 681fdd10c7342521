package cell_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/ambithost/ambit/host/cell"
	"github.com/ambithost/ambit/host/cell/confine"
	"github.com/ambithost/ambit/sdk/protocol"
)

func TestNative(t *testing.T) {
	t.Parallel()
	var log logBuffer
	s := nativeSpec(t)
	s.Config = map[string]string{"city": "Paris"}
	c := start(t, newDriver(t, log.logger()), s)
	for _, test := range []struct{ export, input, want string }{{"echo", "hello", "hello"}, {"config", "city", "Paris"}} {
		out, err := c.Call(t.Context(), cell.Call{Export: test.export, Input: []byte(test.input)})
		if err != nil || string(out) != test.want {
			t.Errorf("%s = %q, %v", test.export, out, err)
		}
	}
	_, err := c.Call(t.Context(), cell.Call{Export: "absent"})
	wantCode(t, err, protocol.NotFound)
	if _, err := c.Call(t.Context(), cell.Call{Export: "write"}); err != nil {
		t.Error(err)
	}
	eventually(t, "output in the log", func() bool {
		return strings.Contains(log.String(), "to standard output") && strings.Contains(log.String(), "to standard error")
	})
}

func TestNativeManyEffects(t *testing.T) {
	t.Parallel()
	c := start(t, newDriver(t, nil), nativeSpec(t))
	var now, most atomic.Int64
	out, err := c.Call(t.Context(), cell.Call{Export: "many", Effect: func(context.Context, string, []byte) ([]byte, error) {
		most.Store(max(most.Load(), now.Add(1)))
		runtime.Gosched()
		now.Add(-1)
		return []byte("{}"), nil
	}})
	if err != nil || string(out) != "done" {
		t.Errorf("500 effects: %s, %v", out, err)
	}
	if most.Load() > 32 {
		t.Errorf("%d effects were in flight, the limit is 32", most.Load())
	}
}

func TestNativeCrash(t *testing.T) {
	t.Parallel()
	c := start(t, newDriver(t, nil), nativeSpec(t))
	_, err := c.Call(t.Context(), cell.Call{Export: "crash"})
	wantCode(t, err, protocol.Unavailable)
	contains(t, "the error", err.Error(), "a crash in the background", "exit status 2")
}

// TestIsolation: the report says confined, and a hostile program finds that it
// is true.
func TestIsolation(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("confinement is Linux's")
	}
	d := newDriver(t, nil)
	for name, spec := range map[string]cell.Spec{"native": nativeSpec(t), "wasm": guestSpec(t)} {
		c := start(t, d, spec)
		if c.Isolation() != confine.Confined {
			t.Logf("%s: %+v", name, c.Measures())
			if name == "native" {
				t.Skip("this system does not allow full confinement")
			}
			t.Errorf("%s: isolation %q", name, c.Isolation())
		}
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	socket := filepath.Join(t.TempDir(), "s")
	unix, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close()
	c := start(t, d, nativeSpec(t))
	out, err := c.Call(t.Context(), cell.Call{Export: "probe", Input: fmt.Appendf(nil, "%s %s %d", tcp.Addr(), socket, os.Getpid())})
	if err != nil {
		t.Fatal(err)
	}
	if string(out) != "{}" {
		t.Errorf("a hostile program was allowed: %s", out)
	}
}

func TestEnvironmentIsClean(t *testing.T) {
	t.Parallel()
	c := start(t, newDriver(t, nil), nativeSpec(t))
	out, err := c.Call(t.Context(), cell.Call{Export: "environment"})
	if err != nil {
		t.Fatal(err)
	}
	var env []string
	if err := json.Unmarshal(out, &env); err != nil {
		t.Fatal(err)
	}
	for _, e := range env {
		name, _, _ := strings.Cut(e, "=")
		switch name {
		case "AMBIT_PLUGIN", "PLUGIN_UNIX_SOCKET_DIR", "PLUGIN_PROTOCOL_VERSIONS", "PLUGIN_MIN_PORT", "PLUGIN_MAX_PORT", "GOTRACEBACK":
		default:
			t.Errorf("the cell's environment holds %s", e)
		}
	}
}

func TestDynamicProgramIsRefused(t *testing.T) {
	t.Parallel()
	file, err := goDynamic()
	if err != nil {
		t.Skip("no C compiler:", err)
	}
	s := nativeSpec(t)
	s.Module = file
	_, err = newDriver(t, nil).Start(t.Context(), s)
	wantCode(t, err, protocol.Invalid)
	contains(t, "the error", err.Error(), "linked dynamically", "CGO_ENABLED=0")
}

func TestChangedModuleIsRefused(t *testing.T) {
	t.Parallel()
	d := newDriver(t, nil)
	for _, s := range []cell.Spec{nativeSpec(t), guestSpec(t)} {
		s.Digest = "sha256:" + strings.Repeat("0", 64)
		_, err := d.Start(t.Context(), s)
		wantCode(t, err, protocol.Invalid)
		contains(t, "the error", err.Error(), "was changed after it was installed")
	}
}

// doomedHost starts cells that spin, says their process ids, and waits to be
// killed.
func doomedHost(args []string) int {
	binary, run, guest, native := args[0], args[1], args[2], args[3]
	d, err := cell.NewDriver(cell.Config{Binary: binary, RunDir: run, Logger: hclog.Default()})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for _, s := range []cell.Spec{{Plugin: "guest", Runtime: "wasm", Module: guest, Cache: filepath.Join(filepath.Dir(guest), "cache")}, {Plugin: "native", Runtime: "native", Module: native}} {
		c, err := d.Start(context.Background(), s)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		go c.Call(context.Background(), cell.Call{Export: "spin"}) // ends with this process
		fmt.Println(c.PID())
	}
	fmt.Println("ready")
	select {}
}

func TestNoOrphans(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the parent-death signal is Linux's")
	}
	guest, native := guestSpec(t).Module, nativeSpec(t).Module
	host := exec.Command(os.Args[0], "host", runner(t), t.TempDir(), guest, native)
	host.Stderr = os.Stderr
	out, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	var pids []int
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "ready"; {
		pid, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	if err := host.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = host.Wait()
	if len(pids) != 2 {
		t.Fatalf("the host started %d cells", len(pids))
	}
	for _, pid := range pids {
		eventually(t, "the end of "+strconv.Itoa(pid), func() bool { return ended(pid) })
	}
}

// ended reports whether a process is gone, or a zombie that nobody reaps: an
// orphan's new parent may be slow or, in a container, absent.
func ended(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(b), ") Z ")
}
