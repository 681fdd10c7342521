package cell

import (
	"context"

	"github.com/ambithost/ambit/sdk/protocol"
	"github.com/ambithost/ambit/sdk/protocol/cellpb"
)

// maxEffectName is longer than any capability's name.
const maxEffectName = 64

// effect starts what a plugin asks for; an error ends the cell. The session
// library of an honest plugin keeps within these bounds by waiting.
func (c *Cell) effect(r *running, e *cellpb.Effect) *protocol.Error {
	if len(e.Args) > protocol.MaxArgs || len(e.Name) > maxEffectName {
		return protocol.Errorf(protocol.Limit, "plugin %s: an effect with a name of %d and arguments of %d bytes", c.spec.Plugin, len(e.Name), len(e.Args))
	}
	c.mu.Lock()
	full := c.effects >= maxEffects
	c.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	_, twice := r.effects[e.Id]
	switch {
	case r.closed:
		return nil
	case twice:
		return protocol.Errorf(protocol.Invalid, "plugin %s broke the protocol: effect %d asked for twice", c.spec.Plugin, e.Id)
	case full || len(r.effects) >= maxEffectsOfCall:
		return protocol.Errorf(protocol.Limit, "plugin %s asks for too many effects at once: the limit is %d in one call, %d in all", c.spec.Plugin, maxEffectsOfCall, maxEffects)
	}
	r.effects[e.Id] = struct{}{}
	c.count(1)
	r.work.Go(func() { c.perform(r, e) })
	return nil
}

// count keeps track of effects in flight. Only the reader adds, so the limit
// that it checked before still holds.
func (c *Cell) count(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.effects += n
}

// perform runs one effect to its end and answers.
func (c *Cell) perform(r *running, e *cellpb.Effect) {
	var out []byte
	var err error
	if r.ctx.Err() != nil { // nobody wants this call any more
		err = endOf(r.ctx)
	} else {
		out, err = effectOf(r.call)(r.ctx, e.Name, e.Args)
	}
	if err == nil && len(out) > protocol.MaxArgs {
		err = protocol.Errorf(protocol.Limit, "%s: a result of %d bytes, the limit is %d", e.Name, len(out), protocol.MaxArgs)
	}
	answer := &cellpb.Outcome{Id: e.Id, Result: out}
	if err != nil {
		pe := protocol.AsError(err)
		answer = &cellpb.Outcome{Id: e.Id, Error: &cellpb.Error{Code: string(pe.Code), Message: plain(pe.Message, protocol.MaxLog), RetryAfterMs: uint64(pe.RetryAfter)}}
	}
	// No longer in flight before the plugin can know it.
	r.mu.Lock()
	delete(r.effects, e.Id)
	r.mu.Unlock()
	c.count(-1)
	select {
	case c.out <- &cellpb.Frame{Call: r.id, Body: &cellpb.Frame_Outcome{Outcome: answer}}:
	case <-c.dying:
	case <-r.ended:
	}
}

func effectOf(call Call) func(context.Context, string, []byte) ([]byte, error) {
	if call.Effect != nil {
		return call.Effect
	}
	return func(_ context.Context, name string, _ []byte) ([]byte, error) {
		return nil, protocol.Errorf(protocol.Denied, "%s: no effects in this call", plain(name, maxEffectName))
	}
}
