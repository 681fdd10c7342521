package cell

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ambithost/ambit/sdk/protocol"
	"github.com/ambithost/ambit/sdk/protocol/cellpb"
)

// grace is how long a cell has to end a call that nobody wants any more.
const grace = 100 * time.Millisecond

// running is one call in progress.
type running struct {
	id     uint64
	call   Call
	ctx    context.Context // of its effects
	work   sync.WaitGroup  // its effects, and what ends it early
	ended  chan struct{}   // closed by the result
	awake  chan struct{}   // something was emitted
	result *cellpb.Result

	mu      sync.Mutex
	closed  bool // no further effects
	emitted [][]byte
	waiting int // bytes of emitted
	total   int // bytes emitted so far
	effects map[uint64]struct{}
}

// Call calls an export and returns its output. The error has a code
// ([protocol.CodeOf]); when ctx ended it wraps ctx's error too.
func (c *Cell) Call(ctx context.Context, call Call) ([]byte, error) {
	if len(call.Input) > protocol.MaxInput {
		return nil, protocol.Errorf(protocol.Limit, "plugin %s: input of %d bytes, the limit is %d", c.spec.Plugin, len(call.Input), protocol.MaxInput)
	}
	if len(call.Export) > maxExportName {
		return nil, protocol.Errorf(protocol.NotFound, "plugin %s: no export has a name of %d bytes", c.spec.Plugin, len(call.Export))
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.spec.Timeout,
		protocol.Errorf(protocol.Timeout, "plugin %s: %s did not end within %v", c.spec.Plugin, call.Export, c.spec.Timeout))
	defer cancel()
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return nil, callerError(ctx)
	case <-c.dying: // open says why
	}
	r, err := c.open(ctx, call)
	if err != nil {
		return nil, err
	}
	out, err := c.await(ctx, r)
	cancel() // effects that still run
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.work.Wait()
	c.mu.Lock()
	delete(c.calls, r.id)
	c.mu.Unlock()
	return out, err
}

func (c *Cell) open(ctx context.Context, call Call) (*running, error) {
	r := &running{call: call, ctx: ctx, ended: make(chan struct{}), awake: make(chan struct{}, 1), effects: map[uint64]struct{}{}}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.death != nil {
		return nil, c.hasEnded()
	}
	c.last++
	r.id = c.last
	c.calls[r.id] = r
	return r, nil
}

// notBegun marks the error of a call that the cell never heard of.
type notBegun struct{ error }

func (e *notBegun) Unwrap() error { return e.error }

// await sends the invocation and passes on what the plugin emits until the
// call ends, one way or another.
func (c *Cell) await(ctx context.Context, r *running) ([]byte, error) {
	r.work.Add(1)
	stop := context.AfterFunc(ctx, func() {
		defer r.work.Done()
		c.abandon(r, endOf(ctx))
	})
	defer func() {
		if stop() {
			r.work.Done()
		}
	}()
	c.send(&cellpb.Frame{Call: r.id, Body: &cellpb.Frame_Invoke{Invoke: &cellpb.Invoke{Export: r.call.Export, Input: r.call.Input}}})
	for {
		select {
		case <-r.awake:
			r.deliver()
		case <-r.ended:
			r.deliver()
			if ctx.Err() != nil {
				return nil, callerError(ctx)
			}
			return c.output(r)
		case <-c.dying:
			if ctx.Err() != nil { // that is why
				return nil, callerError(ctx)
			}
			return nil, c.deathOf(r.id)
		}
	}
}

func (c *Cell) output(r *running) ([]byte, error) {
	if e := r.result.Error; e != nil {
		return nil, &protocol.Error{Code: c.codeOf(e), Message: plain(e.Message, protocol.MaxLog), RetryAfter: int64(min(e.RetryAfterMs, protocol.MaxRetryAfter))}
	}
	if len(r.result.Output) > protocol.MaxOutput {
		return nil, protocol.Errorf(protocol.Limit, "plugin %s: output of %d bytes, the limit is %d", c.spec.Plugin, len(r.result.Output), protocol.MaxOutput)
	}
	return r.result.Output, nil
}

// abandon ends a call from the host's side: at once for a kill or a deadline,
// after a word and a moment otherwise.
func (c *Cell) abandon(r *running, reason *protocol.Error) {
	if reason.Code != protocol.Killed && reason.Code != protocol.Timeout {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case c.out <- &cellpb.Frame{Call: r.id, Body: &cellpb.Frame_Cancel{Cancel: &cellpb.Cancel{}}}:
		case <-r.ended:
		case <-c.dying:
		case <-timer.C:
		}
		select {
		case <-r.ended:
			return
		case <-c.dying:
			return
		case <-timer.C:
		}
	}
	select {
	case <-r.ended: // it just made it, or its caller is done with it
	default:
		c.die(reason, r.id)
	}
}

// endOf is why a context ended, with a code.
func endOf(ctx context.Context) *protocol.Error {
	cause := context.Cause(ctx)
	if e, ok := errors.AsType[*protocol.Error](cause); ok {
		return e
	}
	if errors.Is(cause, context.DeadlineExceeded) {
		return protocol.Errorf(protocol.Timeout, "the caller's deadline passed")
	}
	return protocol.Errorf(protocol.Unavailable, "the caller gave up")
}

// cancelled is the error of a call whose caller cancelled it.
type cancelled struct {
	why *protocol.Error
	err error
}

func (e *cancelled) Error() string { return e.why.Message }

func (e *cancelled) Unwrap() []error { return []error{e.why, e.err} }

func callerError(ctx context.Context) error { return &cancelled{endOf(ctx), ctx.Err()} }

// deathOf explains the cell's end to a call that was in progress: one that is
// not at fault was lost with the cell; a kill is a kill for all.
func (c *Cell) deathOf(call uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.death
	if d.culprit == 0 || d.culprit == call || d.Code == protocol.Killed {
		return d.Error
	}
	return protocol.Errorf(protocol.Unavailable, "plugin %s: the cell ended while this call ran, because of another one: %s", c.spec.Plugin, d.Message)
}

// hasEnded is the error of a call that came too late; it needs mu.
func (c *Cell) hasEnded() error {
	if c.death.Code == protocol.Killed {
		return &notBegun{c.death.Error}
	}
	return &notBegun{protocol.Errorf(protocol.Unavailable, "plugin %s: its cell has ended: %s", c.spec.Plugin, c.death.Message)}
}

// finish takes the result; false: there is one already.
func (r *running) finish(res *cellpb.Result) bool {
	select {
	case <-r.ended:
		return false
	default:
		r.result = res
		close(r.ended)
		return true
	}
}

// maxEmitted caps what one call emits in all.
const maxEmitted = 4 * protocol.MaxOutput

// emit queues a piece of output; false: too much is waiting, or was emitted.
func (r *running) emit(data []byte) bool {
	r.mu.Lock()
	// A slice's own size too: empty pieces must not be free.
	r.waiting += len(data) + 64
	r.total += len(data)
	full := r.waiting > protocol.MaxOutput || r.total > maxEmitted
	if !full {
		r.emitted = append(r.emitted, data)
	}
	r.mu.Unlock()
	select {
	case r.awake <- struct{}{}:
	default:
	}
	return !full
}

// deliver hands over what was emitted, in order, in the caller's goroutine.
func (r *running) deliver() {
	r.mu.Lock()
	list := r.emitted
	r.emitted, r.waiting = nil, 0
	r.mu.Unlock()
	if r.call.Emit == nil {
		return
	}
	for _, data := range list {
		r.call.Emit(data)
	}
}
