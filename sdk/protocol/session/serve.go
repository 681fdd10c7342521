package session

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/ambithost/ambit/sdk/protocol"
	"github.com/ambithost/ambit/sdk/protocol/cellpb"
)

// Stream carries frames: the server side of the Session RPC.
type Stream interface {
	Send(*cellpb.Frame) error
	Recv() (*cellpb.Frame, error)
	Context() context.Context
}

type server struct {
	stream  Stream
	handler Handler
	sendMu  sync.Mutex // a gRPC stream takes one sender at a time
	calls   sync.WaitGroup

	effects chan struct{} // a slot for each effect in flight

	mu      sync.Mutex
	running map[uint64]*running
}

// running is one call in progress.
type running struct {
	cancel  context.CancelFunc
	mu      sync.Mutex
	last    uint64 // effect id
	slots   chan struct{}
	waiting map[uint64]chan *cellpb.Outcome
}

// Serve runs one session to its end. The error is the stream's, or says how
// the host broke the protocol.
func Serve(stream Stream, h Handler) error {
	s := &server{stream: stream, handler: h, effects: make(chan struct{}, 2*MaxEffects), running: map[uint64]*running{}}
	ctx, cancel := context.WithCancel(stream.Context())
	defer s.calls.Wait()
	defer cancel()
	if err := s.setup(ctx); err != nil {
		return err
	}
	for {
		f, err := stream.Recv()
		if err != nil {
			return err
		}
		if err := s.take(ctx, f); err != nil {
			return err
		}
	}
}

func (s *server) setup(ctx context.Context) error {
	f, err := s.stream.Recv()
	if err != nil {
		return err
	}
	in := f.GetSetup()
	if in == nil || in.Version != protocol.Version {
		return protocol.Errorf(protocol.Invalid, "session: want setup of version %d first", protocol.Version)
	}
	if l, ok := s.handler.(Logger); ok {
		l.SetLog(func(level, message string) { s.log(0, level, message) })
	}
	hello := &cellpb.Hello{Version: protocol.Version}
	if err := s.handler.Setup(ctx, in.Config); err != nil {
		hello.Error = frameError(err)
	} else {
		hello.Exports = s.handler.Exports()
	}
	if r, ok := s.handler.(Reporter); ok {
		r.Report(hello)
	}
	return s.send(&cellpb.Frame{Body: &cellpb.Frame_Hello{Hello: hello}})
}

// take acts on one frame. It never waits for a call.
func (s *server) take(ctx context.Context, f *cellpb.Frame) error {
	switch body := f.Body.(type) {
	case *cellpb.Frame_Invoke:
		return s.invoke(ctx, f.Call, body.Invoke)
	case *cellpb.Frame_Outcome:
		if r := s.find(f.Call); r != nil {
			s.deliver(r, body.Outcome)
		}
	case *cellpb.Frame_Cancel:
		if r := s.find(f.Call); r != nil {
			r.cancel()
		}
	default:
		return protocol.Errorf(protocol.Invalid, "session: unexpected frame %T", f.Body)
	}
	return nil
}

func (s *server) find(call uint64) *running {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running[call]
}

func (s *server) invoke(ctx context.Context, id uint64, in *cellpb.Invoke) error {
	ctx, cancel := context.WithCancel(ctx)
	r := &running{cancel: cancel, slots: make(chan struct{}, MaxEffects), waiting: map[uint64]chan *cellpb.Outcome{}}
	s.mu.Lock()
	_, twice := s.running[id]
	full := len(s.running) >= MaxCalls
	if !twice && !full {
		s.running[id] = r
	}
	s.mu.Unlock()
	switch {
	case id == 0 || twice:
		cancel()
		return protocol.Errorf(protocol.Invalid, "session: call %d begun twice", id)
	case full:
		cancel()
		return s.result(id, nil, protocol.Errorf(protocol.Limit, "session: more than %d calls at once", MaxCalls))
	}
	s.calls.Go(func() {
		defer cancel()
		out, err := s.run(ctx, id, in, r)
		s.mu.Lock()
		delete(s.running, id)
		s.mu.Unlock()
		s.settle(r)
		_ = s.result(id, out, err) // a dead stream ends Serve by Recv
	})
	return nil
}

// run shields the session from a panic in the plugin's code.
func (s *server) run(ctx context.Context, id uint64, in *cellpb.Invoke, r *running) (out []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log(id, "error", fmt.Sprintf("panic in %s: %v\n%s", in.Export, p, debug.Stack()))
			out, err = nil, protocol.Errorf(protocol.Internal, "%s panicked: %v", in.Export, p)
		}
	}()
	out, err = s.handler.Invoke(ctx, &Call{
		Export: in.Export,
		Input:  in.Input,
		Effect: func(ctx context.Context, name string, args []byte) ([]byte, error) {
			return s.effect(ctx, id, r, name, args)
		},
		Emit: func(data []byte) error {
			if len(data) > protocol.MaxOutput {
				return protocol.Errorf(protocol.Limit, "emit of %d bytes, the limit is %d", len(data), protocol.MaxOutput)
			}
			return s.send(&cellpb.Frame{Call: id, Body: &cellpb.Frame_Emit{Emit: &cellpb.Emit{Data: data}}})
		},
		Log: func(level, message string) { s.log(id, level, message) },
	})
	if err == nil && len(out) > protocol.MaxOutput {
		return nil, protocol.Errorf(protocol.Limit, "output of %d bytes, the limit is %d", len(out), protocol.MaxOutput)
	}
	return out, err
}

func (s *server) effect(ctx context.Context, call uint64, r *running, name string, args []byte) ([]byte, error) {
	if len(args) > protocol.MaxArgs {
		return nil, protocol.Errorf(protocol.Limit, "%s: arguments of %d bytes, the limit is %d", name, len(args), protocol.MaxArgs)
	}
	if err := s.slot(ctx, r.slots); err != nil {
		return nil, err
	}
	if err := s.slot(ctx, s.effects); err != nil {
		<-r.slots
		return nil, err
	}
	// From here on the slots are held until the outcome comes, or the call
	// ends: for the host the effect is in flight even if ctx ends before.
	id, answer := r.expect()
	if answer == nil {
		<-r.slots
		<-s.effects
		return nil, protocol.Errorf(protocol.Invalid, "%s: the call has ended", name)
	}
	if err := s.send(&cellpb.Frame{Call: call, Body: &cellpb.Frame_Effect{Effect: &cellpb.Effect{Id: id, Name: name, Args: args}}}); err != nil {
		return nil, protocol.Errorf(protocol.Unavailable, "%s: %v", name, err)
	}
	select {
	case o := <-answer:
		if o.Error != nil {
			return nil, &protocol.Error{Code: protocol.Code(o.Error.Code), Message: o.Error.Message, RetryAfter: int64(min(o.Error.RetryAfterMs, protocol.MaxRetryAfter))}
		}
		return o.Result, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-s.stream.Context().Done():
		return nil, protocol.Errorf(protocol.Unavailable, "%s: the session ended", name)
	}
}

func (s *server) slot(ctx context.Context, slots chan struct{}) error {
	select {
	case slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.stream.Context().Done():
		return protocol.Errorf(protocol.Unavailable, "the session ended")
	}
}

func (r *running) expect() (uint64, chan *cellpb.Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting == nil {
		return 0, nil
	}
	r.last++
	answer := make(chan *cellpb.Outcome, 1)
	r.waiting[r.last] = answer
	return r.last, answer
}

func (s *server) deliver(r *running, o *cellpb.Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	answer := r.waiting[o.Id]
	if answer == nil {
		return
	}
	delete(r.waiting, o.Id)
	<-r.slots
	<-s.effects
	answer <- o // has room: this is the one outcome
}

// settle gives back the slots of effects whose outcome will not come.
func (s *server) settle(r *running) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for range r.waiting {
		<-s.effects
	}
	r.waiting = nil
}

func (s *server) result(call uint64, out []byte, err error) error {
	res := &cellpb.Result{Output: out}
	if err != nil {
		res = &cellpb.Result{Error: frameError(err)}
	}
	return s.send(&cellpb.Frame{Call: call, Body: &cellpb.Frame_Result{Result: res}})
}

func (s *server) log(call uint64, level, message string) {
	if len(message) > protocol.MaxLog {
		message = message[:protocol.MaxLog]
	}
	l := &cellpb.Log{Level: level, Message: strings.ToValidUTF8(message, "\uFFFD")}
	_ = s.send(&cellpb.Frame{Call: call, Body: &cellpb.Frame_Log{Log: l}}) // losing a log line must not fail a call
}

func (s *server) send(f *cellpb.Frame) error {
	s.sendMu.Lock()
	defer s.sendMu.Unlock()
	return s.stream.Send(f)
}

// frameError makes any error fit for a frame: protobuf strings are UTF-8, and
// a message is for a person.
func frameError(err error) *cellpb.Error {
	e := protocol.AsError(err)
	msg := e.Message
	if len(msg) > protocol.MaxLog {
		msg = msg[:protocol.MaxLog]
	}
	return &cellpb.Error{Code: string(e.Code), Message: strings.ToValidUTF8(msg, "\uFFFD"), RetryAfterMs: uint64(e.RetryAfter)}
}
