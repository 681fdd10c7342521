package wasm

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	extism "github.com/extism/go-sdk"

	"github.com/ambithost/ambit/sdk/protocol"
)

// importing is a module that imports one function of type () → () from each.
func importing(imports ...Import) []byte {
	body := []byte{byte(len(imports))}
	for _, i := range imports {
		body = append(append(body, byte(len(i.Module))), i.Module...)
		body = append(append(body, byte(len(i.Name))), i.Name...)
		switch body = append(body, i.Kind); i.Kind {
		case 2: // memory: limits
			body = append(body, 0, 1)
		case 3: // global: an immutable i32
			body = append(body, 0x7f, 0)
		default:
			body = append(body, 0)
		}
	}
	out := append([]byte("\x00asm\x01\x00\x00\x00"), 1, 4, 1, 0x60, 0, 0, 2)
	for n := len(body); ; n >>= 7 {
		if n < 0x80 {
			out = append(out, byte(n))
			break
		}
		out = append(out, byte(n)|0x80)
	}
	return append(out, body...)
}

func from(module, name string) Import { return Import{Module: module, Name: name} }

func TestParse(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		module     []byte
		refused    string // the import named; "-" for none
		reason     string
		wantImport int
	}{
		"empty":                     {nil, "-", "not WebAssembly", 0},
		"text":                      {[]byte("hello, world"), "-", "not WebAssembly", 0},
		"smallest":                  {[]byte("\x00asm\x01\x00\x00\x00"), "", "", 0},
		"component":                 {[]byte("\x00asm\x0d\x00\x01\x00"), "-", "component", 0},
		"future version":            {[]byte("\x00asm\x02\x00\x00\x00"), "-", "version", 0},
		"truncated":                 {importing(from(moduleWASI, "fd_write"))[:20], "-", "malformed", 0},
		"effect":                    {importing(from(moduleUser, "effect")), "", "", 1},
		"WASI and kernel":           {importing(from(moduleWASI, "fd_write"), from(moduleKernel, "alloc")), "", "", 2},
		"another host":              {importing(from("env", "spawn")), "env.spawn", "want an import of", 0},
		"another function":          {importing(from(moduleUser, "kv_read")), moduleUser + ".kv_read", "the only host function", 0},
		"unknown kernel":            {importing(from(moduleKernel, "exec")), moduleKernel + ".exec", "no such function", 0},
		"second of two":             {importing(from(moduleUser, "effect"), from("env", "now")), "env.now", "want an import of", 0},
		"a name not UTF-8":          {importing(from("\xff", "x")), "-", "UTF-8", 0},
		"a thousand bytes of zeros": {append([]byte("\x00asm\x01\x00\x00\x00"), make([]byte, 1000)...), "", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := Parse(test.module)
			if test.refused == "" {
				if err != nil || len(m.Imports) != test.wantImport {
					t.Fatalf("got %+v, %v", m, err)
				}
				return
			}
			refusal, ok := errors.AsType[*Refusal](err)
			if !ok || protocol.CodeOf(err) != protocol.Invalid || !strings.Contains(err.Error(), test.reason) {
				t.Fatalf("error %v, want a refusal for %q", err, test.reason)
			}
			if want := strings.TrimPrefix(test.refused, "-"); refusal.Import != want {
				t.Errorf("it names import %q, want %q", refusal.Import, want)
			}
		})
	}
}

func TestParseRefusesWhatIsNoFunction(t *testing.T) {
	t.Parallel()
	for _, kind := range []byte{2, 3} {
		_, err := Parse(importing(Import{Module: moduleWASI, Name: "memory", Kind: kind}))
		if refusal, ok := errors.AsType[*Refusal](err); !ok || refusal.Import != moduleWASI+".memory" {
			t.Errorf("kind %d: %v", kind, err)
		}
	}
}

// TestKernelFunctions holds our list of the kernel's functions to what go-sdk
// offers: it links each, and nothing else.
func TestKernelFunctions(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	// The types differ; a wrong one is another error than a missing function.
	link := func(name string) error {
		c, err := extism.NewCompiledPlugin(ctx, extism.Manifest{Wasm: []extism.Wasm{extism.WasmData{Data: importing(from(moduleKernel, name))}}},
			extism.PluginConfig{EnableWasi: true}, nil)
		if err != nil {
			return err
		}
		defer c.Close(ctx)
		_, err = c.Instance(ctx, extism.PluginInstanceConfig{})
		return err
	}
	for _, name := range kernelFunctions {
		if err := link(name); err != nil && strings.Contains(err.Error(), "is not exported") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := link("absent"); err == nil || !strings.Contains(err.Error(), "is not exported") {
		t.Errorf("a function that is not there: %v", err)
	}
}

func TestCheckWASI(t *testing.T) {
	t.Parallel()
	wants := func(name string) error {
		return checkWASI(t.Context(), &Module{Imports: []Import{from(moduleWASI, name)}})
	}
	if err := wants("fd_write"); err != nil {
		t.Error(err)
	}
	err := wants("fork")
	if refusal, ok := errors.AsType[*Refusal](err); !ok || refusal.Import != moduleWASI+".fork" {
		t.Errorf("an unknown function of WASI: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(importing(from(moduleUser, "effect"), Import{Module: "env", Name: "x", Kind: 2}))
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x05\x04\x01\x01\x01\x02\x07\x05\x01\x01a\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(bytes.Clone(b))
		if err != nil && protocol.CodeOf(err) != protocol.Invalid {
			t.Errorf("code %q", protocol.CodeOf(err))
		}
		if err == nil && len(m.Imports)+len(m.Exports) > len(b) {
			t.Errorf("%d imports and %d exports out of %d bytes", len(m.Imports), len(m.Exports), len(b))
		}
	})
}
