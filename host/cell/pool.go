package cell

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/ambithost/ambit/host/cell/confine"
	"github.com/ambithost/ambit/sdk/protocol"
)

// PoolConfig configures a Pool. Driver and Specs are required.
type PoolConfig struct {
	Driver *Driver
	Specs  func(plugin string) (Spec, error) // how a plugin is started, asked at each start
	Logger hclog.Logger                      // nil: silent
}

// Pool keeps one cell for each plugin that is in use.
type Pool struct {
	config PoolConfig
	log    hclog.Logger
	ctx    context.Context // ended by Close
	stop   context.CancelCauseFunc
	work   sync.WaitGroup // starts and keepers

	mu        sync.Mutex
	closed    bool
	forbidden map[string]bool // "all", "agent:NAME", "plugin:NAME"
	entries   map[string]*entry
}

// entry is what the pool knows about one plugin.
type entry struct {
	plugin   string
	cell     *Cell     // nil: none runs
	starting *starting // nil: none is being started
	using    map[*use]struct{}
	lastUse  time.Time
	failures int // in a row
	next     time.Time
	why      error // the last failure
}

// starting is a start that others wait for too.
type starting struct {
	cancel context.CancelCauseFunc
	done   chan struct{}
	err    error
}

// use is one call in progress.
type use struct {
	agent  string
	cell   *Cell
	cancel context.CancelCauseFunc
}

// RetryError says that a plugin failed so recently that it is not started
// again before At. Its code is unavailable.
type RetryError struct {
	Plugin string
	At     time.Time
	Cause  error
}

func (e *RetryError) Error() string {
	return fmt.Sprintf("plugin %s failed and is not started again before %s: %v", e.Plugin, e.At.Format(time.TimeOnly), e.Cause)
}

// Unwrap gives the error its code; the cause's own does not shine through.
func (e *RetryError) Unwrap() error {
	return &protocol.Error{Code: protocol.Unavailable, Message: e.Error()}
}

// NewPool makes an empty pool.
func NewPool(c PoolConfig) *Pool {
	if c.Logger == nil {
		c.Logger = hclog.NewNullLogger()
	}
	ctx, stop := context.WithCancelCause(context.Background())
	return &Pool{config: c, log: c.Logger.Named("pool"), ctx: ctx, stop: stop, forbidden: map[string]bool{}, entries: map[string]*entry{}}
}

// Call calls a plugin's export and starts its cell first if none runs. Beside
// what [Cell.Call] returns: a *[RetryError] while the plugin backs off, and
// code killed while it or the agent is forbidden.
func (p *Pool) Call(ctx context.Context, plugin string, call Call) ([]byte, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for {
		u, err := p.enter(ctx, plugin, call.Agent, cancel)
		if err != nil {
			return nil, err
		}
		out, err := u.cell.Call(ctx, call)
		p.leave(plugin, u, err)
		if _, again := errors.AsType[*notBegun](err); again && ctx.Err() == nil && protocol.CodeOf(err) != protocol.Killed {
			continue // it stopped before it heard of this call; backing off bounds the loop
		}
		return out, err
	}
}

// enter waits for a running cell and notes that it is in use.
func (p *Pool) enter(ctx context.Context, plugin, agent string, cancel context.CancelCauseFunc) (*use, error) {
	for {
		p.mu.Lock()
		e, err := p.admit(plugin, agent)
		if err != nil {
			p.mu.Unlock()
			return nil, err
		}
		if e.cell != nil && e.cell.Err() == nil {
			u := &use{agent: agent, cell: e.cell, cancel: cancel}
			e.using[u] = struct{}{}
			p.mu.Unlock()
			return u, nil
		}
		if e.cell != nil { // it died; its keeper has not noted it yet
			dead := e.cell
			p.mu.Unlock()
			<-dead.Done()
			p.gone(e, dead)
			continue
		}
		s := e.starting
		if s == nil {
			if now := time.Now(); now.Before(e.next) {
				err := &RetryError{Plugin: plugin, At: e.next, Cause: e.why}
				p.mu.Unlock()
				return nil, err
			}
			s = p.begin(e)
		}
		p.mu.Unlock()
		select {
		case <-s.done:
			if s.err != nil {
				return nil, s.err
			}
		case <-ctx.Done():
			return nil, callerError(ctx)
		}
	}
}

// admit needs mu. It refuses what is forbidden.
func (p *Pool) admit(plugin, agent string) (*entry, error) {
	if p.closed {
		return nil, protocol.Errorf(protocol.Unavailable, "plugin %s: the host is stopping", plugin)
	}
	for _, target := range []string{targetAll, targetPlugin + plugin, targetAgent + agent} {
		if p.forbidden[target] {
			return nil, protocol.Errorf(protocol.Killed, "plugin %s: %s was killed; only the owner can resume", plugin, target)
		}
	}
	e := p.entries[plugin]
	if e == nil {
		e = &entry{plugin: plugin, using: map[*use]struct{}{}}
		p.entries[plugin] = e
	}
	return e, nil
}

// begin needs mu. The start does not end with the call that wanted it: others
// wait for it too.
func (p *Pool) begin(e *entry) *starting {
	ctx, cancel := context.WithCancelCause(p.ctx)
	s := &starting{cancel: cancel, done: make(chan struct{})}
	e.starting = s
	p.work.Go(func() {
		defer cancel(nil)
		var cell *Cell
		spec, unknown := p.config.Specs(e.plugin)
		err := unknown
		if err == nil {
			cell, err = p.start(ctx, spec)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		s.err = err
		e.starting = nil
		switch {
		case unknown != nil: // nothing was tried, so nothing failed
		case err != nil:
			p.failed(e, err)
		default:
			e.cell, e.lastUse = cell, time.Now()
			p.work.Go(func() { p.keep(e, cell) })
		}
		close(s.done)
	})
	return s
}

func (p *Pool) start(ctx context.Context, spec Spec) (*Cell, error) {
	cell, err := p.config.Driver.Start(ctx, spec)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil { // killed in the last moment
		cell.die(endOf(ctx), 0)
		<-cell.Done()
		return nil, endOf(ctx)
	}
	return cell, nil
}

// leave notes the end of a call.
func (p *Pool) leave(plugin string, u *use, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.entries[plugin]
	delete(e.using, u)
	e.lastUse = time.Now()
	if err == nil && e.cell == u.cell {
		e.failures = 0
	}
}

// The second failure in a row waits a second, each further one twice as long.
const (
	backoffFirst = time.Second
	backoffMost  = time.Minute
)

// failed needs mu. A kill is nobody's failure.
func (p *Pool) failed(e *entry, err error) {
	if protocol.CodeOf(err) == protocol.Killed {
		return
	}
	e.failures++
	e.why = err
	if e.failures > 1 {
		e.next = time.Now().Add(min(backoffMost, backoffFirst<<min(e.failures-2, 10)))
	}
	p.log.Warn("a plugin failed", "plugin", e.plugin, "error", err, "in_a_row", e.failures)
}

// gone notes that a cell ended.
func (p *Pool) gone(e *entry, c *Cell) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.cell != c {
		return
	}
	e.cell = nil
	p.failed(e, c.Err())
}

// keep watches over one cell: it notes its end and stops it when idle.
func (p *Pool) keep(e *entry, c *Cell) {
	idle := c.spec.Idle
	timer := time.NewTimer(idle)
	defer timer.Stop()
	if c.spec.Warm {
		timer.Stop()
	}
	for {
		select {
		case <-c.Done():
			p.gone(e, c)
			return
		case <-timer.C:
			p.mu.Lock()
			left := idle - time.Since(e.lastUse)
			stop := len(e.using) == 0 && left <= 0
			if stop && e.cell == c {
				e.cell = nil
			}
			p.mu.Unlock()
			if stop {
				c.Kill()
				<-c.Done()
				return
			}
			timer.Reset(max(left, idle/10, time.Millisecond))
		}
	}
}

// Start starts a plugin's cell ahead of its first call.
func (p *Pool) Start(ctx context.Context, plugin string) error {
	u, err := p.enter(ctx, plugin, "", func(error) {})
	if err != nil {
		return err
	}
	p.leave(plugin, u, errors.New("not a call"))
	return nil
}

// Running lists the cells that run.
func (p *Pool) Running() []Info {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := []Info{}
	for _, e := range p.entries {
		if c := e.cell; c != nil && c.Err() == nil {
			out = append(out, Info{
				Plugin: e.plugin, Digest: c.spec.Digest, PID: c.PID(), Isolation: c.Isolation(),
				Measures: c.Measures(), Started: c.started, Calls: len(e.using),
			})
		}
	}
	sortInfos(out)
	return out
}

// Isolation is how a plugin's cell is confined; ok is false when none runs, and
// the level then the least.
func (p *Pool) Isolation(plugin string) (level string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.entries[plugin]; e != nil && e.cell != nil {
		return e.cell.Isolation(), true
	}
	return confine.Process, false
}

// Close kills every cell and waits for all of the pool's work to end. The
// driver stays open.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.stop(protocol.Errorf(protocol.Killed, "the host is stopping"))
	p.KillAll()
	p.work.Wait()
	return nil
}
