//go:build wasip1

package guest

import (
	"context"

	pdk "github.com/extism/go-pdk"

	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/protocol"
)

// exported is the module's plugin. An export of a Wasm module has no receiver
// and no closure, so this one variable stands in.
var exported *sdk.Plugin

// Export makes p answer the module's exports. Call it from a variable's
// initialiser, once.
func Export(p *sdk.Plugin) { exported = p }

//go:wasmexport describe
func describe() int32 { return answer(protocol.ExportDescribe) }

//go:wasmexport call
func call() int32 { return answer(protocol.ExportCall) }

//go:wasmexport complete
func complete() int32 { return answer(protocol.ExportComplete) }

//go:wasmexport poll
func poll() int32 { return answer(protocol.ExportPoll) }

//go:wasmexport send
func send() int32 { return answer(protocol.ExportSend) }

//go:wasmexport webhook
func webhook() int32 { return answer(protocol.ExportWebhook) }

// answer returns 0 when the call succeeded, 1 when the Extism error is set.
func answer(export string) int32 {
	if exported == nil {
		pdk.SetErrorString(failure(protocol.Errorf(protocol.Internal, "the module exports no plugin: call run.New in a variable's initialiser")))
		return 1
	}
	out, err := exported.Invoke(context.Background(), runtime{}, export, pdk.Input())
	if err != nil {
		pdk.SetErrorString(failure(err))
		return 1
	}
	pdk.Output(out)
	return 0
}

//go:wasmimport extism:host/user effect
func hostEffect(offset uint64) uint64

// runtime carries a plugin over the Extism kernel.
type runtime struct{}

func (runtime) Effect(_ context.Context, name string, args []byte) ([]byte, error) {
	in := pdk.AllocateBytes(envelope(name, args))
	defer in.Free()
	offset := hostEffect(in.Offset())
	if offset == 0 {
		return nil, protocol.Errorf(protocol.Internal, "%s: the host gave no outcome", name)
	}
	out := pdk.FindMemory(offset)
	defer out.Free()
	return outcome(name, out.ReadBytes())
}

func (r runtime) Emit(ctx context.Context, data []byte) error {
	_, err := r.Effect(ctx, protocol.Emit, data)
	return err
}

func (runtime) Config(key string) string {
	value, _ := pdk.GetConfig(key)
	return value
}

func (runtime) Log(level, message string) {
	levels := map[string]pdk.LogLevel{"trace": pdk.LogTrace, "debug": pdk.LogDebug, "warn": pdk.LogWarn, "error": pdk.LogError}
	l, ok := levels[level]
	if !ok {
		l = pdk.LogInfo
	}
	m := pdk.AllocateString(message)
	defer m.Free()
	pdk.LogMemory(l, m)
}
