package wasm

import (
	"context"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// The host modules that a guest may import from.
const (
	moduleKernel   = "extism:host/env"
	moduleUser     = "extism:host/user"
	moduleWASI     = wasi_snapshot_preview1.ModuleName
	functionEffect = "effect"
)

// kernelFunctions is what go-sdk v1.7 offers in extism:host/env; a test
// imports them all. Documented at https://extism.org/docs/concepts/runtime.
var kernelFunctions = []string{
	"alloc", "free", "length", "length_unsafe", "reset", "memory_bytes",
	"load_u8", "load_u64", "store_u8", "store_u64",
	"input_set", "input_length", "input_offset", "input_load_u8", "input_load_u64",
	"output_set", "output_length", "output_offset",
	"error_set", "error_get", "config_get", "var_get", "var_set",
	"http_request", "http_status_code", "http_headers",
	"get_log_level", "log_trace", "log_debug", "log_info", "log_warn", "log_error",
}

// checkWASI refuses, by name, a function that WASI preview 1 does not have.
// Instantiation would fail on it too, but at the first call.
func checkWASI(ctx context.Context, m *Module) error {
	var wanted []Import
	for _, i := range m.Imports {
		if i.Module == moduleWASI {
			wanted = append(wanted, i)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer rt.Close(ctx)
	wasi, err := wasi_snapshot_preview1.NewBuilder(rt).Compile(ctx)
	if err != nil {
		return err
	}
	have := wasi.ExportedFunctions()
	for _, i := range wanted {
		if _, ok := have[i.Name]; !ok {
			return &Refusal{Import: i.String(), Reason: "WASI preview 1 has no such function"}
		}
	}
	return nil
}
