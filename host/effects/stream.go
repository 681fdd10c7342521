package effects

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/protocol"
)

// stream is an exchange in progress. Kept by a call, it is what a handle
// stands for; its effect stays in flight until it ends.
type stream struct {
	x       *exchange
	red     *redactor
	cause   func() error // why its context ended; nil while it has not
	cancel  context.CancelCauseFunc
	release func()
	trip    func() (*http.Response, error)

	busy    chan struct{} // one operation at a time
	sent    atomic.Bool   // the request's head is on the wire
	hasHead atomic.Bool   // the response's head has come
	body    io.Reader     // decompressed and redacted
	writer  *io.PipeWriter
	heads   chan tripped // of an upload
	limit   int64        // bytes left, both ways together

	mu     sync.Mutex // guards what follows
	handed bool       // kept by the call, which must finish it
	raw    io.Closer  // the body on the wire
	end    func(error)
	timer  *time.Timer
	eof    bool // of an upload: the plugin has closed it
	over   bool
	err    error // why it is over; nil: it came to its end
}

type tripped struct {
	resp *http.Response
	err  error
}

func newStream(cause func() error, cancel context.CancelCauseFunc, release func()) *stream {
	return &stream{cause: cause, cancel: cancel, release: release, busy: make(chan struct{}, 1)}
}

// answered notes that a head has come, with the body to close at the end.
func (s *stream) answered(body io.Closer) {
	s.hasHead.Store(true)
	s.mu.Lock()
	s.raw = body
	over := s.over
	s.mu.Unlock()
	if over {
		_ = body.Close() // it was finished while the head was on its way
	}
}

// hand makes the stream outlive its effect's Perform. When ctx ends (the grant
// is revoked, the target killed) so does the stream, read or not.
func (s *stream) hand(ctx context.Context, f *gate.Flight, longest time.Duration) {
	end := f.Extend()
	context.AfterFunc(ctx, func() { s.finish(s.fail(context.Cause(ctx))) })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handed = true
	if s.over { // the call ended meanwhile
		end(s.err)
		return
	}
	s.end = end
	s.timer = time.AfterFunc(longest, func() { s.finish(errTimeout) })
}

// finish ends the stream once: connection, slot, and the effect's record. The
// connection is cut first, so that a read in progress does not hold it up.
func (s *stream) finish(err error) {
	s.mu.Lock()
	if s.over {
		s.mu.Unlock()
		return
	}
	s.over, s.err = true, err
	raw, end, timer := s.raw, s.end, s.timer
	s.mu.Unlock()
	s.cancel(err)
	if timer != nil {
		timer.Stop()
	}
	if s.writer != nil {
		_ = s.writer.CloseWithError(errDropped)
	}
	if raw != nil {
		_ = raw.Close()
	}
	s.release()
	if end != nil {
		end(err)
	}
}

// ended reports whether the stream is over, and why.
func (s *stream) ended() (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over, s.err
}

// begin takes the stream for one operation: it must come to an end within the
// idle time and while ctx lasts. The caller calls done.
func (s *stream) begin(ctx context.Context) (done func(), err error) {
	select {
	case s.busy <- struct{}{}:
	case <-ctx.Done():
		return nil, protocol.Errorf(protocol.Timeout, "the stream is busy: %v", context.Cause(ctx))
	}
	stop := context.AfterFunc(ctx, func() { s.cancel(context.Cause(ctx)) })
	timer := time.AfterFunc(s.x.call.e.http.cfg.Idle, func() { s.cancel(errIdle) })
	return func() {
		stop()
		timer.Stop()
		<-s.busy
	}, nil
}

// read returns what has come, at most max bytes, or waits for it.
func (s *stream) read(ctx context.Context, max int) ([]byte, bool, error) {
	done, err := s.begin(ctx)
	if err != nil {
		return nil, false, err
	}
	defer done()
	if over, err := s.ended(); over {
		return nil, err == nil, err
	}
	if s.body == nil {
		return nil, false, protocol.Errorf(protocol.Invalid, "stream.read: there is nothing to read; after an upload ask for http.response first")
	}
	buf := make([]byte, max)
	for {
		n, err := s.body.Read(buf)
		if s.limit -= int64(n); s.limit < 0 {
			err = protocol.Errorf(protocol.Limit, "stream.read: the stream has more than %d bytes", s.x.call.e.http.cfg.MaxStream)
			s.finish(err)
			return nil, false, err
		}
		switch {
		case errors.Is(err, io.EOF):
			s.finish(nil)
			return buf[:n], true, nil
		case err != nil:
			err = s.fail(err)
			s.finish(err)
			return nil, false, err
		case n > 0:
			return buf[:n], false, nil
		}
	}
}

// write sends a piece of an upload and waits until it is taken.
func (s *stream) write(ctx context.Context, data []byte) error {
	done, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	if over, err := s.ended(); over {
		return errors.Join(err, protocol.Errorf(protocol.Invalid, "stream.write: the stream is over"))
	}
	if s.writer == nil || s.body != nil {
		return protocol.Errorf(protocol.Invalid, "stream.write: this handle is not an upload")
	}
	if s.limit -= int64(len(data)); s.limit < 0 {
		err := protocol.Errorf(protocol.Limit, "stream.write: the stream has more than %d bytes", s.x.call.e.http.cfg.MaxStream)
		s.finish(err)
		return err
	}
	if _, err := s.writer.Write(data); err != nil {
		return protocol.Errorf(protocol.Failed, "stream.write: the server takes no more; ask for http.response")
	}
	return nil
}

// closeWrite ends an upload's body; it reports false if there is none that is
// open.
func (s *stream) closeWrite() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writer == nil || s.over || s.raw != nil || s.eof {
		return false
	}
	s.eof = true
	return s.writer.Close() == nil
}

// startUpload sends the head and leaves the body to stream.write. The call
// owns the goroutine and waits for it.
func (x *exchange) startUpload(ctx context.Context, s *stream, f *gate.Flight, hr *http.Request) error {
	pr, pw := io.Pipe()
	hr.Body, hr.ContentLength = pr, -1
	s.writer, s.heads = pw, make(chan tripped, 1)
	handle, err := x.call.keep(s)
	if err != nil {
		return err
	}
	go func() {
		defer x.call.wg.Done() // keep has added it
		resp, err := s.trip()
		if err != nil {
			_ = pr.CloseWithError(errDropped)
		} else {
			s.answered(resp.Body)
		}
		s.heads <- tripped{resp, err}
	}()
	x.result = &httpResult{Handle: handle}
	s.hand(ctx, f, x.call.e.http.cfg.StreamTime)
	return nil
}

// httpResponse gives the answer to an upload.
func (c *Call) httpResponse(ctx context.Context, args []byte) ([]byte, error) {
	var a struct {
		Handle uint64 `json:"handle"`
	}
	if err := decode("http.response", args, &a); err != nil {
		return nil, err
	}
	s, err := c.stream(a.Handle)
	if err != nil {
		return nil, err
	}
	if s.heads == nil {
		return nil, protocol.Errorf(protocol.Invalid, "http.response: handle %d is not an upload", a.Handle)
	}
	done, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if over, err := s.ended(); over {
		return nil, errors.Join(err, protocol.Errorf(protocol.Invalid, "http.response: the exchange is over"))
	}
	if s.body != nil {
		return nil, protocol.Errorf(protocol.Invalid, "http.response: the answer was given already")
	}
	_ = s.writer.Close()
	result, err := s.takeHead(<-s.heads) // the trip ends at the latest when its context does
	if err != nil {
		s.finish(err)
		return nil, err
	}
	if s.x.stream {
		result.Handle = a.Handle
		return encode(result)
	}
	err = s.buffer(result, c.e.http.cfg.MaxBody)
	s.finish(err)
	c.drop(a.Handle)
	if err != nil {
		return nil, err
	}
	return encode(result)
}

func (s *stream) takeHead(t tripped) (*httpResult, error) {
	if t.err != nil {
		return nil, s.fail(t.err)
	}
	return s.head(t.resp)
}
