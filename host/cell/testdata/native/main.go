// Command native is the native plugin of the cell tests. Its probes try what a
// cell must refuse and report what was allowed.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ambithost/ambit/sdk/native"
	"github.com/ambithost/ambit/sdk/protocol"
)

type plugin struct{ config map[string]string }

func (p *plugin) Setup(_ context.Context, config map[string]string) error {
	p.config = config
	return nil
}

func (p *plugin) Exports() []string {
	return []string{"echo", "config", "probe", "environment", "many", "crash", "spin", "write"}
}

func (p *plugin) Invoke(ctx context.Context, c *native.Call) ([]byte, error) {
	switch c.Export {
	case "echo":
		return c.Input, nil
	case "config":
		return []byte(p.config[string(c.Input)]), nil
	case "probe":
		return json.Marshal(probe(string(c.Input)))
	case "environment":
		return json.Marshal(os.Environ())
	case "many":
		return many(ctx, c)
	case "crash":
		go func() { panic("a crash in the background") }()
		select {}
	case "spin":
		for {
			time.Now()
		}
	case "write":
		os.Stdout.WriteString("to standard output\n")
		os.Stderr.WriteString("to standard error\n")
		time.Sleep(100 * time.Millisecond)
		return nil, nil
	}
	return nil, protocol.Errorf(protocol.NotFound, "no export %q", c.Export)
}

// many asks for many more effects than may be in flight.
func many(ctx context.Context, c *native.Call) ([]byte, error) {
	var all sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for range 500 {
		all.Go(func() {
			if _, err := c.Effect(ctx, "clock.read", []byte("{}")); err != nil {
				mu.Lock()
				failed = errors.Join(failed, err)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return []byte("done"), failed
}

// probe returns an entry for each thing that was allowed. The argument is a
// TCP address, a unix socket and the host's process id.
func probe(arg string) map[string]string {
	parts := strings.Split(arg, " ")
	tcp, unix := parts[0], parts[1]
	pid, _ := strconv.Atoi(parts[2])
	allowed := map[string]string{}
	try := func(name string, f func() error) {
		if err := f(); err == nil {
			allowed[name] = "allowed"
		}
	}
	try("read /etc/passwd", func() error { _, err := os.ReadFile("/etc/passwd"); return err })
	try("list /", func() error { _, err := os.ReadDir("/"); return err })
	try("stat /etc/passwd", func() error { _, err := os.Stat("/etc/passwd"); return err })
	try("write /tmp", func() error { return os.WriteFile("/tmp/cell-probe", []byte("x"), 0o600) })
	try("write beside its socket", func() error {
		return os.WriteFile(filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), "data"), []byte("x"), 0o600)
	})
	try("chmod", func() error { return os.Chmod("/tmp", 0o777) })
	try("connect TCP", func() error { _, err := net.Dial("tcp", tcp); return err })
	try("connect unix", func() error { _, err := net.Dial("unix", unix); return err })
	try("resolve", func() error { _, err := net.Dial("udp", "127.0.0.1:53"); return err })
	try("listen TCP", func() error { _, err := net.Listen("tcp", "127.0.0.1:0"); return err })
	try("execute /bin/true", func() error { return exec.Command("/bin/true").Run() })
	try("execute itself", func() error { return exec.Command("/proc/self/exe").Run() })
	for _, target := range []int{pid, os.Getppid(), -1} {
		try("signal "+strconv.Itoa(target), func() error { return syscall.Kill(target, 0) })
		try("ptrace "+strconv.Itoa(target), func() error { return syscall.PtraceAttach(target) })
	}
	try("become root", func() error { return syscall.Setuid(0) })
	try("namespace", func() error { return syscall.Unshare(syscall.CLONE_NEWUSER) })
	try("mount", func() error { return syscall.Mount("none", "/tmp", "tmpfs", 0, "") })
	try("clear the parent-death signal", func() error {
		if _, _, e := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, 0, 0); e != 0 {
			return e
		}
		return nil
	})
	try("raise a limit", func() error { return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 4096, Max: 4096}) })
	try("own process group", func() error { return syscall.Setpgid(0, 0) })
	if os.Geteuid() == 0 {
		allowed["is root"] = "allowed"
	}
	return allowed
}

func main() { native.Serve(&plugin{}) }
