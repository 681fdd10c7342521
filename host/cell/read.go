package cell

import (
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ambithost/ambit/sdk/protocol"
	"github.com/ambithost/ambit/sdk/protocol/cellpb"
)

// read takes frames until the stream ends. It never waits for a call or an
// effect, so that no call can hold up another.
func (c *Cell) read() {
	for {
		f, err := c.stream.Recv()
		if err != nil {
			c.die(c.lost(err), 0)
			return
		}
		if err := c.take(f); err != nil {
			c.die(err, c.culprit(f.Call))
			return
		}
	}
}

// culprit is the call that a frame belongs to, if that runs.
func (c *Cell) culprit(call uint64) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls[call] == nil {
		return 0
	}
	return call
}

// take acts on one frame; an error ends the cell.
func (c *Cell) take(f *cellpb.Frame) *protocol.Error {
	broke := func(what string) *protocol.Error {
		return protocol.Errorf(protocol.Invalid, "plugin %s broke the protocol: %s", c.spec.Plugin, what)
	}
	if l := f.GetLog(); l != nil {
		if !c.logLine(l) {
			c.pause(slowdown)
		}
		return nil
	}
	if f.GetHello() != nil {
		return broke("a second hello")
	}
	c.mu.Lock()
	r, past := c.calls[f.Call], f.Call != 0 && f.Call <= c.last
	c.mu.Unlock()
	if r == nil {
		if past && f.GetResult() == nil {
			return nil // sent before it knew that the call had ended
		}
		return broke("a frame for a call that does not run")
	}
	switch body := f.Body.(type) {
	case *cellpb.Frame_Result:
		if !r.finish(body.Result) {
			return broke("two results of one call")
		}
	case *cellpb.Frame_Emit:
		if !r.emit(body.Emit.Data) {
			return protocol.Errorf(protocol.Limit, "plugin %s emits too much: the limit is %d MiB waiting to be read, and %d MiB in a call", c.spec.Plugin, protocol.MaxOutput>>20, maxEmitted>>20)
		}
	case *cellpb.Frame_Effect:
		return c.effect(r, body.Effect)
	default:
		return broke("a frame that only the host sends")
	}
	return nil
}

func (c *Cell) logLine(l *cellpb.Log) bool { return c.log.line(l.Level, l.Message) }

// pause lets the cell feel that it floods the host: the stream's flow control
// then blocks it.
func (c *Cell) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-c.dying:
	}
}

// write sends frames, one at a time as a stream requires.
func (c *Cell) write() {
	for {
		select {
		case f := <-c.out:
			if err := c.stream.Send(f); err != nil {
				return // the reader finds out why
			}
		case <-c.dying:
			return
		}
	}
}

// send queues a frame; false: the cell died.
func (c *Cell) send(f *cellpb.Frame) bool {
	select {
	case c.out <- f:
		return true
	case <-c.dying:
		return false
	}
}

// asFrameError recognises what the codec and gRPC refused to receive.
func asFrameError(plugin string, err error) *protocol.Error {
	s, _ := status.FromError(err)
	message := s.Message()
	switch {
	case s.Code() == codes.ResourceExhausted:
		return protocol.Errorf(protocol.Unavailable, "plugin %s sent a frame of more than %d MiB", plugin, protocol.MaxFrame>>20)
	case strings.Contains(message, errFrame.Error()): // gRPC keeps the text only
		return protocol.Errorf(protocol.Invalid, "plugin %s sent %s", plugin, plain(message, 200))
	case strings.Contains(message, errHello.Error()):
		return protocol.Errorf(protocol.Limit, "plugin %s sent %v", plugin, errHello)
	}
	return nil
}
