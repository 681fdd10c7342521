package cell

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"

	"github.com/ambithost/ambit/host/cell/confine"
	"github.com/ambithost/ambit/host/cell/wasm"
	"github.com/ambithost/ambit/sdk/protocol"
	"github.com/ambithost/ambit/sdk/protocol/cellpb"
	"github.com/ambithost/ambit/sdk/protocol/session"
)

// Bounds of one cell.
const (
	maxCalls         = wasm.MaxInstances // at once; more wait
	maxNativeCalls   = session.MaxCalls / 2
	maxEffectsOfCall = session.MaxEffects     // in flight
	maxEffects       = 4 * session.MaxEffects // in flight, of all calls, those that are being cancelled too
)

// Cell is one running plugin. Its methods may be called from many goroutines.
type Cell struct {
	spec     Spec
	purpose  confine.Purpose
	log      *pluginLog
	process  *process
	client   *plugin.Client
	stream   grpc.BidiStreamingClient[cellpb.Frame, cellpb.Frame]
	unstream context.CancelFunc
	hello    *cellpb.Hello
	measures []confine.Measure
	started  time.Time

	out     chan *cellpb.Frame // to the writer
	slots   chan struct{}      // one for each call at once
	dying   chan struct{}      // closed once death is set
	done    chan struct{}      // closed once nothing of the cell is left
	workers sync.WaitGroup     // reader, writer, watcher

	mu      sync.Mutex
	death   *death
	last    uint64 // id of the newest call
	calls   map[uint64]*running
	effects int // in flight
}

// death is why a cell ended.
type death struct {
	*protocol.Error
	culprit uint64 // the call at fault; 0: none, or all
}

func newCell(s Spec, p confine.Purpose, log hclog.Logger) *Cell {
	c := &Cell{
		spec: s, purpose: p, log: newPluginLog(log, s.Plugin), started: time.Now(), unstream: func() {},
		out: make(chan *cellpb.Frame, 16), dying: make(chan struct{}), done: make(chan struct{}),
		calls: map[uint64]*running{},
	}
	c.process = &process{tail: &tail{}, dying: c.dying, exited: make(chan struct{})}
	return c
}

// PID is the process's id; it stays after the process ended.
func (c *Cell) PID() int { return c.process.id() }

// Exports lists what can be called.
func (c *Cell) Exports() []string { return slices.Clone(c.hello.Exports) }

// Measures lists how the cell is confined.
func (c *Cell) Measures() []confine.Measure { return slices.Clone(c.measures) }

// Isolation sums the measures up: "confined", "partial" or "process".
func (c *Cell) Isolation() string { return confine.Isolation(c.measures) }

// Done is closed when the process is reaped and nothing of the cell is left.
func (c *Cell) Done() <-chan struct{} { return c.done }

// Err says why the cell ended; nil while it runs.
func (c *Cell) Err() error { return c.deathBefore() }

// Kill ends the cell, whatever it does, and returns when its process is
// reaped. Its calls fail with code killed.
func (c *Cell) Kill() {
	c.die(protocol.Errorf(protocol.Killed, "plugin %s was killed", c.spec.Plugin), 0)
	c.reaped()
}

// reaped waits until the process is gone.
func (c *Cell) reaped() {
	select {
	case <-c.process.exited:
	case <-c.done:
	}
}

// die kills the process for a reason. The first reason stands.
func (c *Cell) die(reason *protocol.Error, culprit uint64) {
	c.process.kill() // before anything that could wait
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.death == nil {
		c.death = &death{reason, culprit}
		close(c.dying)
	}
}

// deathBefore is the reason for the cell's end as an error; nil if it lives.
func (c *Cell) deathBefore() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.death == nil {
		return nil
	}
	return c.death.Error
}

// greet opens the session: setup, hello, then the cell's goroutines.
func (c *Cell) greet(client cellpb.CellClient) error {
	ctx, cancel := context.WithCancel(context.Background())
	c.unstream = cancel
	var err error
	c.stream, err = client.Session(ctx, grpc.ForceCodecV2(codec{encoding.GetCodecV2("proto")}),
		grpc.MaxCallRecvMsgSize(protocol.MaxFrame), grpc.MaxCallSendMsgSize(protocol.MaxFrame))
	if err == nil {
		err = c.stream.Send(&cellpb.Frame{Body: &cellpb.Frame_Setup{Setup: &cellpb.Setup{Version: protocol.Version, Config: c.spec.Config}}})
	}
	if err != nil {
		return c.lost(err)
	}
	// While the cell prepares, its memory is bounded as ever.
	c.workers.Go(c.watch)
	f, err := c.stream.Recv()
	for err == nil && f.GetLog() != nil { // it may say something before hello
		c.logLine(f.GetLog())
		f, err = c.stream.Recv()
	}
	if err != nil {
		return c.lost(err)
	}
	if err := c.acceptHello(f.GetHello()); err != nil {
		return err
	}
	limit := maxCalls
	if c.purpose == confine.RunNative {
		limit = maxNativeCalls
	}
	c.slots = make(chan struct{}, limit)
	c.workers.Go(c.read)
	c.workers.Go(c.write)
	return nil
}

const (
	maxExports    = 1000
	maxExportName = 256
)

func (c *Cell) acceptHello(h *cellpb.Hello) error {
	name := c.spec.Plugin
	switch {
	case h == nil || h.Version != protocol.Version:
		return protocol.Errorf(protocol.Invalid, "plugin %s speaks version %d of the protocol, this host version %d", name, h.GetVersion(), protocol.Version)
	case c.purpose != confine.RunNative && h.GetError().GetCode() == string(protocol.Invalid): // our own runner's word
		return &Refusal{Import: plain(h.RefusedImport, maxExportName), Reason: plain(h.GetError().GetMessage(), protocol.MaxLog)}
	case h.Error != nil:
		return protocol.Errorf(c.codeOf(h.Error), "plugin %s: %s", name, plain(h.Error.Message, protocol.MaxLog))
	case len(h.Exports) > maxExports:
		return protocol.Errorf(protocol.Limit, "plugin %s has %d exports, the limit is %d", name, len(h.Exports), maxExports)
	}
	for _, e := range h.Exports {
		if len(e) > maxExportName || plain(e, maxExportName) != e {
			return protocol.Errorf(protocol.Invalid, "plugin %s: export %q: want at most %d printable bytes", name, plain(e, 80), maxExportName)
		}
	}
	if c.purpose != confine.RunNative { // a native plugin's word about itself is worth nothing
		for _, m := range h.Measures {
			c.measures = append(c.measures, confine.Measure{Name: m.Name, Enforced: m.Enforced, Detail: m.Detail})
		}
	}
	c.hello = h
	return nil
}

// codeOf admits the codes that a plugin may use for its own failures: whether
// something was denied, revoked or killed is for the host to say, and reaches
// a plugin's result only as the outcome of an effect that failed.
func (c *Cell) codeOf(e *cellpb.Error) protocol.Code {
	code := protocol.Code(e.Code)
	switch code {
	case protocol.Denied, protocol.Declined, protocol.DryRun, protocol.Revoked, protocol.Killed, protocol.Limit, protocol.Timeout,
		protocol.Invalid, protocol.NotFound, protocol.Unavailable, protocol.Failed, protocol.Unknown, protocol.Internal:
		return code
	case wasm.ColdCache:
		if c.purpose != confine.RunNative {
			return code
		}
	}
	return protocol.Internal
}

// supervise waits until the process is gone and clears up behind it.
func (c *Cell) supervise(forget func(*Cell)) {
	defer close(c.done)
	defer forget(c)
	if c.process.ran() {
		<-c.process.exited
		c.die(c.process.exit(c.spec.Plugin), 0) // unless there is a reason already
	} else {
		c.die(protocol.Errorf(protocol.Unavailable, "plugin %s: its cell never started", c.spec.Plugin), 0)
		c.process.release()
	}
	c.unstream()
	if c.client != nil {
		c.client.Kill() // the process is gone: this closes connections and removes the folder
	}
	c.workers.Wait()
}

// lost explains a broken stream. A process that ends takes its stream with it:
// wait a moment for its own last words.
func (c *Cell) lost(err error) *protocol.Error {
	if reason := asFrameError(c.spec.Plugin, err); reason != nil {
		return reason
	}
	select {
	case <-c.process.exited:
		return c.process.exit(c.spec.Plugin)
	case <-time.After(200 * time.Millisecond):
		return protocol.Errorf(protocol.Unavailable, "plugin %s broke its session off: %s", c.spec.Plugin, plain(fmt.Sprint(err), 300))
	}
}
