package wasm

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	extism "github.com/extism/go-sdk"
	"github.com/tetratelabs/wazero"

	"github.com/ambithost/ambit/host/cell/hostile"
)

// raw is a guest in this very process, as a host without cells would run it. A
// timeout turns wazero's interruption checks on.
func raw(b *testing.B, module []byte, timeoutMS uint64) *extism.Plugin {
	b.Helper()
	p, err := extism.NewPlugin(context.Background(), extism.Manifest{
		Wasm: []extism.Wasm{extism.WasmData{Data: module}}, Timeout: timeoutMS,
	}, extism.PluginConfig{EnableWasi: true, RuntimeConfig: wazero.NewRuntimeConfigCompiler()}, []extism.HostFunction{effectFunction()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = p.Close(context.Background()) })
	return p
}

// BenchmarkRaw is a call that does nothing, without a cell.
func BenchmarkRaw(b *testing.B) {
	p := raw(b, hostile.Echo(), 0)
	for b.Loop() {
		if _, _, err := p.Call("call", []byte("x")); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRawCompute is processor work without a cell.
func BenchmarkRawCompute(b *testing.B) {
	file := filepath.Join(b.TempDir(), "guest.wasm")
	cmd := exec.Command("go", "build", "-ldflags=-s -w", "-buildmode=c-shared", "-o", file, "../testdata/guest")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%s", out)
	}
	module, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	for name, timeout := range map[string]uint64{"plain": 0, "with a timeout": 600_000} {
		b.Run(name, func(b *testing.B) {
			p := raw(b, module, timeout)
			for b.Loop() {
				if _, _, err := p.Call("sum", nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
