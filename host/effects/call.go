package effects

import (
	"context"
	"slices"
	"sync"

	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/host/provenance"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Caller is the plugin whose call in a cell asks for effects, and where that
// call comes from.
type Caller struct {
	Plugin string
	Origin gate.Origin
}

// Call serves the effects of one call of a plugin and holds its streams. It is
// safe for concurrent use. Whoever makes one closes it.
type Call struct {
	e      *Effects
	caller Caller
	depth  int // of plugins calling plugins
	wg     sync.WaitGroup

	mu      sync.Mutex // guards what follows
	closed  bool
	last    uint64
	streams map[uint64]*stream
	labels  map[string]bool // of what other tools gave this call
	// material is what the session has read and what other tools gave since.
	material *provenance.Material
	// reading is the same, also where material was left out; set before it runs.
	reading   *provenance.Material
	direct    bool            // the agent itself called the tool; set before it runs
	delegates bool            // a sub-agent's words have reached it
	skills    map[string]bool // whose texts have
	traced    bool            // whether its arguments were; set before it runs
	owned     bool            // and whether they are the owner's words, all of them
	given     []string        // their labels
	refusal   protocol.Code   // of the last effect that was decided against; empty: none
	acted     bool            // it asked for an effect that changes something, here or outside
}

// Call begins to serve a call of a plugin.
func (e *Effects) Call(caller Caller) *Call { return e.nested(caller, 0) }

func (e *Effects) nested(caller Caller, depth int) *Call {
	caller.Origin.Labels = slices.Clone(caller.Origin.Labels)
	return &Call{e: e, caller: caller, depth: depth, streams: map[uint64]*stream{}, labels: map[string]bool{}, material: caller.Origin.Material, reading: caller.Origin.Material}
}

// Close ends all streams of the call and the effects they belong to, and waits
// until nothing of it runs. It is idempotent.
func (c *Call) Close() error {
	c.mu.Lock()
	c.closed = true
	open := c.streams
	c.streams = map[uint64]*stream{}
	c.mu.Unlock()
	for _, s := range open {
		if s.hasHead.Load() {
			s.finish(nil)
		} else {
			s.finish(errAbandoned)
		}
	}
	c.wg.Wait()
	return nil
}

// Do performs one effect that the plugin asks for. Args and result are JSON;
// errors carry a [protocol.Code].
func (c *Call) Do(ctx context.Context, name string, args []byte) ([]byte, error) {
	c.mu.Lock()
	closed := c.closed
	c.acted = c.acted || !harmless(name)
	c.mu.Unlock()
	if closed {
		return nil, errClosed
	}
	out, err := c.perform(ctx, name, args)
	switch code := protocol.CodeOf(err); code {
	case protocol.Denied, protocol.Declined, protocol.DryRun, protocol.Revoked:
		c.mu.Lock()
		c.refusal = code
		c.mu.Unlock()
	}
	return out, err
}

// harmless effects leave everything as it is, wherever.
func harmless(effect string) bool {
	switch effect {
	case "kv.read", "file.read", "clock.read", "log.write", "schedule.read", "skill.read", "memory.read":
		return true
	}
	return false
}

// hasActed reports whether the call can have changed anything: a plugin has no
// other way to than through its effects.
func (c *Call) hasActed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.acted
}

// refused is the code of the last effect that was decided against, if any was.
func (c *Call) refused() protocol.Code {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refusal
}

func (c *Call) perform(ctx context.Context, name string, args []byte) ([]byte, error) {
	switch name {
	case "http.request":
		return c.httpRequest(ctx, args)
	case "http.response":
		return c.httpResponse(ctx, args)
	case protocol.StreamRead:
		return c.streamRead(ctx, args)
	case protocol.StreamWrite:
		return c.streamWrite(ctx, args)
	case protocol.StreamClose:
		return c.streamClose(args)
	case "kv.read":
		return c.kvRead(ctx, args)
	case "kv.write":
		return c.kvWrite(ctx, args)
	case "file.read":
		return c.fileRead(ctx, args)
	case "file.write":
		return c.fileWrite(ctx, args)
	case "clock.read":
		return c.clockRead(ctx, args)
	case "log.write":
		return c.logWrite(ctx, args)
	case "message.send":
		return c.messageSend(ctx, args)
	case "schedule.create":
		return c.scheduleCreate(ctx, args)
	case "schedule.cancel":
		return c.scheduleCancel(ctx, args)
	case "schedule.read":
		return c.scheduleRead(ctx, args)
	case "skill.read":
		return c.skillRead(ctx, args)
	case "agent.run":
		return c.agentRun(ctx, args)
	case "memory.read":
		return c.memoryRead(ctx, args)
	case "memory.write":
		return c.memoryWrite(ctx, args)
	case "owner.approve":
		return c.ownerApprove(ctx, args)
	case "tool.call":
		return c.toolCall(ctx, args)
	case "model.complete":
		return c.modelComplete(ctx, args)
	case "secret.use":
		return nil, protocol.Errorf(protocol.Invalid, "secret.use is no effect of its own: name the secret in http.request, and the host puts it there")
	}
	if p, ok := capability.Lookup(name); ok && p.Domain {
		return nil, protocol.Errorf(protocol.NotFound, "%s is a power of tools: call a tool that has it with tool.call", name)
	} else if ok {
		return nil, protocol.Errorf(protocol.NotFound, "%s is not performed by this host", name)
	}
	return nil, protocol.Errorf(protocol.Invalid, "there is no effect %q", oneLine(name, 80))
}

func (c *Call) actor() policy.Entity { return policy.Entity{Type: "plugin", ID: c.caller.Plugin} }

// gated takes an effect of this plugin through the gate.
func (c *Call) gated(ctx context.Context, name, resource string, attrs capability.Attributes, args []byte, perform func(context.Context, *gate.Flight) error) error {
	return c.e.cfg.Gate.Do(ctx, gate.Effect{
		Capability: name, Actor: c.actor(), Plugin: c.caller.Plugin, Resource: resource,
		Attributes: attrs, Args: args, Origin: c.origin(), Perform: perform,
	})
}

// keep gives a stream a handle. Handles are never reused within a call.
func (c *Call) keep(s *stream) (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, errClosed
	}
	if len(c.streams) >= c.e.cfg.Limits.Streams {
		return 0, protocol.Errorf(protocol.Limit, "%d streams are open, the limit; close one with stream.close", len(c.streams))
	}
	if s.heads != nil {
		c.wg.Add(1) // for the goroutine of an upload; here, where Close can't be waiting yet
	}
	c.last++
	c.streams[c.last] = s
	return c.last, nil
}

func (c *Call) drop(handle uint64) {
	c.mu.Lock()
	delete(c.streams, handle)
	c.mu.Unlock()
}

func (c *Call) stream(handle uint64) (*stream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, ok := c.streams[handle]; ok {
		return s, nil
	}
	return nil, protocol.Errorf(protocol.NotFound, "there is no open stream %d", handle)
}

func (c *Call) streamRead(ctx context.Context, args []byte) ([]byte, error) {
	var a struct {
		Handle uint64 `json:"handle"`
		Max    int    `json:"max"`
	}
	if err := decode(protocol.StreamRead, args, &a); err != nil {
		return nil, err
	}
	if a.Max <= 0 || a.Max > protocol.MaxChunk {
		a.Max = protocol.MaxChunk
	}
	s, err := c.stream(a.Handle)
	if err != nil {
		return nil, err
	}
	data, eof, err := s.read(ctx, a.Max)
	if err != nil {
		return nil, err
	}
	return encode(struct {
		Data []byte `json:"data"`
		EOF  bool   `json:"eof"`
	}{data, eof})
}

func (c *Call) streamWrite(ctx context.Context, args []byte) ([]byte, error) {
	var a struct {
		Handle uint64 `json:"handle"`
		Data   []byte `json:"data"`
	}
	if err := decode(protocol.StreamWrite, args, &a); err != nil {
		return nil, err
	}
	if len(a.Data) > protocol.MaxChunk {
		return nil, protocol.Errorf(protocol.Limit, "stream.write: %d bytes, the limit of one piece is %d", len(a.Data), protocol.MaxChunk)
	}
	s, err := c.stream(a.Handle)
	if err != nil {
		return nil, err
	}
	return empty, s.write(ctx, a.Data)
}

// streamClose ends an upload's body, or else the stream.
func (c *Call) streamClose(args []byte) ([]byte, error) {
	var a struct {
		Handle uint64 `json:"handle"`
	}
	if err := decode(protocol.StreamClose, args, &a); err != nil {
		return nil, err
	}
	s, err := c.stream(a.Handle)
	if err != nil {
		return nil, err
	}
	if s.closeWrite() {
		return empty, nil
	}
	c.drop(a.Handle)
	s.finish(nil)
	return empty, nil
}

var empty = []byte("{}")
