package control

import (
	"context"
	"errors"
	"sync"

	"github.com/ambithost/ambit/sdk/protocol"
)

// What a client may leave unread before it is dropped.
const (
	maxQueued      = 1024     // events
	maxQueuedBytes = 32 << 20 // bytes; more than the largest event
)

// event is one server-sent event.
type event struct {
	id   string
	name string
	data []byte
}

var (
	errGone    = errors.New("the client is gone")
	errDropped = errors.New("the client reads too slowly")
)

// outbox stands between who makes events and a client that may be slow.
type outbox struct {
	mu       sync.Mutex
	queue    []event
	bytes    int
	closed   error         // set once; push fails with it
	finished bool          // nothing more will come
	result   error         // of the producer
	more     chan struct{} // capacity 1: the writer should look
	room     chan struct{} // capacity 1: a waiting producer should look
}

func newOutbox() *outbox {
	return &outbox{more: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// push queues an event and never blocks. A client that left too much unread is
// dropped: its queue is emptied and every push from then on fails.
func (o *outbox) push(e event) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed != nil {
		return o.closed
	}
	if o.full(len(e.data)) {
		o.queue, o.bytes, o.closed = nil, 0, errDropped
		poke(o.more)
		return o.closed
	}
	o.add(e)
	return nil
}

// pushWait queues an event and waits for room.
func (o *outbox) pushWait(ctx context.Context, e event) error {
	for {
		o.mu.Lock()
		if o.closed != nil || !o.full(len(e.data)) {
			defer o.mu.Unlock()
			if o.closed == nil {
				o.add(e)
			}
			return o.closed
		}
		o.mu.Unlock()
		select {
		case <-o.room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (o *outbox) full(n int) bool {
	// An event of any size fits into an empty queue, or it would wait for ever.
	return len(o.queue) > 0 && (len(o.queue) >= maxQueued || o.bytes+n > maxQueuedBytes)
}

func (o *outbox) add(e event) {
	o.queue = append(o.queue, e)
	o.bytes += len(e.data)
	poke(o.more)
}

// finish says that the producer is done.
func (o *outbox) finish(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.finished, o.result = true, err
	poke(o.more)
}

// leave says that nobody reads any more.
func (o *outbox) leave() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed == nil {
		o.closed = errGone
	}
	o.queue, o.bytes = nil, 0
	poke(o.room)
}

// take empties the queue. last is set when no event follows, and end is what to
// tell the client then, if anything.
func (o *outbox) take() (batch []event, last bool, end *StreamEnd, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	batch = o.queue
	o.queue, o.bytes = nil, 0
	poke(o.room)
	switch {
	case errors.Is(o.closed, errDropped):
		return batch, true, &StreamEnd{"dropped", &Error{Code: protocol.Limit, Message: "events came faster than they were read; the rest is missing", Hint: "what happened is in the audit log"}}, nil
	case !o.finished:
		return batch, false, nil, nil
	case o.result != nil:
		return batch, true, &StreamEnd{"error", AsError(o.result)}, o.result
	}
	return batch, true, nil, nil
}
