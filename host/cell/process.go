package cell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"

	"github.com/ambithost/ambit/sdk/protocol"
)

// process is go-plugin's runner for one cell: it starts the confined process,
// vouches for the address that the handshake names, and kills.
type process struct {
	spawn     *spawner
	cmd       *exec.Cmd
	socketDir string          // as the host sees it
	seenAs    string          // as the cell sees it
	handed    []io.Closer     // the host's copies of what the cell inherits
	stdout    io.ReadCloser   // the checked handshake
	stderr    io.ReadCloser   //
	tail      *tail           // last words on standard error
	dying     <-chan struct{} // closed when the cell is to die
	exited    chan struct{}   // closed when it is reaped, or never ran

	mu      sync.Mutex
	started bool
	pid     int
	running bool // not reaped yet
	killed  bool
	refused error // why the handshake was refused
}

// Start implements runner.Runner.
func (p *process) Start(context.Context) error {
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	p.stdout = &handshake{from: out, process: p}
	errs, err := p.cmd.StderrPipe()
	if err != nil {
		return err
	}
	p.stderr = struct {
		io.Reader
		io.Closer
	}{&throttled{from: errs, dying: p.dying}, errs}
	err = p.spawn.do(p.cmd.Start)
	p.release()
	if err != nil {
		return fmt.Errorf("start the cell: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.started, p.running, p.pid = true, true, p.cmd.Process.Pid
	if p.killed { // while it was being started
		killGroup(p.pid)
	}
	return nil
}

// release closes the host's copies: the child has its own.
func (p *process) release() {
	for _, f := range p.handed {
		_ = f.Close()
	}
	p.handed = nil
}

// kill ends the process group at once. It does not wait.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killed = true
	if p.running {
		killGroup(p.pid) // between reaping and Wait's note of it, a group that is gone
	}
}

// ran reports whether there is a process to wait for.
func (p *process) ran() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.started
}

// Wait implements runner.Runner.
func (p *process) Wait(context.Context) error {
	err := p.cmd.Wait()
	p.mu.Lock()
	p.running = false
	p.mu.Unlock()
	close(p.exited)
	return err
}

// Kill implements runner.Runner.
func (p *process) Kill(context.Context) error {
	p.kill()
	return nil
}

// Stdout implements runner.Runner.
func (p *process) Stdout() io.ReadCloser { return p.stdout }

// Stderr implements runner.Runner.
func (p *process) Stderr() io.ReadCloser { return p.stderr }

// Name implements runner.Runner.
func (p *process) Name() string { return "cell" }

// ID implements runner.Runner.
func (p *process) ID() string { return strconv.Itoa(p.id()) }

func (p *process) id() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pid
}

// Diagnose implements runner.Runner.
func (p *process) Diagnose(context.Context) string { return "" }

// PluginToHost implements runner.Runner: the handshake was checked already.
func (p *process) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin implements runner.Runner. Nothing in a cell connects to the
// host.
func (p *process) HostToPlugin(string, string) (string, string, error) {
	return "", "", errors.New("cell: the host serves nothing")
}

// exit explains why a process that nobody killed is gone; call it after
// exited.
func (p *process) exit(plugin string) *protocol.Error {
	state, words := "never started", p.tail.words()
	if p.cmd != nil && p.cmd.ProcessState != nil {
		state = p.cmd.ProcessState.String()
	}
	if words != "" {
		words = ": " + words
	}
	if p.tail.outOfMemory() {
		return protocol.Errorf(protocol.Limit, "plugin %s ran out of memory (%s)%s", plugin, state, words)
	}
	return protocol.Errorf(protocol.Unavailable, "plugin %s: its cell ended by itself (%s)%s", plugin, state, words)
}

// hand lets the child inherit f and returns its number there.
func (p *process) hand(f *os.File) int {
	p.cmd.ExtraFiles = append(p.cmd.ExtraFiles, f)
	p.handed = append(p.handed, f)
	return 2 + len(p.cmd.ExtraFiles)
}

// tail keeps the last bytes written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

// tailBytes holds the stacks that the Go runtime prints below its first line
// when it dies; a fatal error prints them whatever GOTRACEBACK says.
const tailBytes = 64 << 10

// Write implements io.Writer.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b...)
	if n := len(t.b) - tailBytes; n > 0 {
		t.b = append(t.b[:0], t.b[n:]...)
	}
	return len(b), nil
}

// words is the line that says most: the Go runtime's first about a crash, or
// else the last one.
func (t *tail) words() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := bytes.TrimSpace(t.b)
	for line := range bytes.Lines(text) {
		if bytes.HasPrefix(line, []byte("panic: ")) || bytes.HasPrefix(line, []byte("fatal error: ")) {
			return plain(string(line), 200)
		}
	}
	return plain(string(text[bytes.LastIndexByte(text, '\n')+1:]), 200)
}

// outOfMemory recognises how the Go runtime dies of a memory limit.
func (t *tail) outOfMemory() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Contains(t.b, []byte("out of memory")) || bytes.Contains(t.b, []byte("cannot allocate memory"))
}
