package wasm

import (
	"context"
	"encoding/json"

	extism "github.com/extism/go-sdk"

	"github.com/ambithost/ambit/sdk/protocol"
	"github.com/ambithost/ambit/sdk/protocol/session"
)

// envelope is what a GuestEffect may be longer than its arguments.
const envelope = 4 << 10

// effectFunction is the one door: JSON protocol.GuestEffect in, JSON
// protocol.GuestOutcome out.
func effectFunction() extism.HostFunction {
	return extism.NewHostFunctionWithStack(functionEffect, func(ctx context.Context, p *extism.CurrentPlugin, stack []uint64) {
		out := effect(ctx, p, stack[0])
		at, err := p.WriteBytes(out)
		if err != nil {
			panic(protocol.Errorf(protocol.Limit, "effect: no memory for %d bytes of outcome", len(out))) // wazero makes it a trap
		}
		stack[0] = at
	}, []extism.ValueType{extism.ValueTypePTR}, []extism.ValueType{extism.ValueTypePTR})
}

func effect(ctx context.Context, p *extism.CurrentPlugin, at uint64) []byte {
	call, ok := ctx.Value(callKey{}).(*session.Call)
	if !ok { // a start function
		return outcome(nil, protocol.Errorf(protocol.Invalid, "effect outside of a call"))
	}
	if n, err := p.Length(at); err != nil || n > protocol.MaxArgs+envelope {
		return outcome(nil, protocol.Errorf(protocol.Limit, "effect: %d bytes, the limit is %d", n, protocol.MaxArgs))
	}
	in, err := p.ReadBytes(at)
	if err != nil {
		return outcome(nil, protocol.Errorf(protocol.Invalid, "effect: %v", err))
	}
	var want protocol.GuestEffect
	if err := json.Unmarshal(in, &want); err != nil {
		return outcome(nil, protocol.Errorf(protocol.Invalid, "effect: want a JSON object with name and args: %v", err))
	}
	if want.Args == nil {
		want.Args = json.RawMessage("{}")
	}
	if want.Name == protocol.Emit {
		return outcome(nil, call.Emit(want.Args))
	}
	return outcome(call.Effect(ctx, want.Name, want.Args))
}

// outcome encodes by hand: the result is JSON already, perhaps megabytes.
func outcome(result []byte, err error) []byte {
	if err != nil {
		b, merr := json.Marshal(protocol.GuestOutcome{Error: protocol.AsError(err)})
		if merr != nil { // two strings always encode
			return []byte(`{"error":{"code":"internal","message":"encoding"}}`)
		}
		return b
	}
	if len(result) == 0 {
		result = []byte("{}")
	}
	out := make([]byte, 0, len(result)+16)
	out = append(out, `{"result":`...)
	out = append(out, result...)
	return append(out, '}')
}
