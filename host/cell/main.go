package cell

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/ambithost/ambit/host/cell/confine"
	"github.com/ambithost/ambit/host/cell/wasm"
	"github.com/ambithost/ambit/sdk/native"
	"github.com/ambithost/ambit/sdk/protocol"
	"github.com/ambithost/ambit/sdk/protocol/cellpb"
	"github.com/ambithost/ambit/sdk/protocol/session"
)

// Main is what the executable does when a driver started it as a cell: it
// confines its own process and becomes the plugin. It returns an exit code
// only if it could not.
func Main() int {
	var o order
	if err := json.Unmarshal([]byte(os.Getenv(orderVariable)), &o); err != nil {
		fmt.Fprintln(os.Stderr, "ambit cell: this is started by the host; to run a plugin, install it: ambit install")
		return 2
	}
	if err := confine.Enter(o.Plan); err != nil {
		fmt.Fprintln(os.Stderr, "ambit cell:", err)
		return 1
	}
	environment := replaceEnvironment()
	tell := os.NewFile(uintptr(o.ReportFD), "report")
	module, err := o.read()
	if err == nil && o.Plan.Purpose == confine.RunNative {
		err = checkStatic(module)
	}
	said := report{Measures: []confine.Measure{environment}}
	if err == nil {
		said.Measures = append(said.Measures, confine.Apply(o.Plan)...)
	}
	if err != nil {
		said.Error = protocol.AsError(err)
	}
	if encodeErr := json.NewEncoder(tell).Encode(said); encodeErr != nil || said.Error != nil {
		return 1
	}
	_ = tell.Close() // the plugin must not be able to add to it
	switch o.Plan.Purpose {
	case confine.RunNative:
		err = become(o)
	case confine.RunWasm:
		native.Serve(wasm.New(wasm.Options{Module: module, Cache: o.Plan.Cache, MemoryMB: o.MemoryMB, Loaded: lock}))
	case confine.Compile:
		native.Serve(&compiler{order: o, bytes: module})
	}
	fmt.Fprintln(os.Stderr, "ambit cell:", err)
	return 1
}

// replaceEnvironment leaves what a cell needs.
func replaceEnvironment() confine.Measure {
	kept := confine.CleanEnviron(os.Environ())
	os.Clearenv()
	for _, e := range kept {
		for i := range e {
			if e[i] == '=' {
				_ = os.Setenv(e[:i], e[i+1:]) // they were valid a moment ago
				break
			}
		}
	}
	return confine.Measure{Name: confine.Environment, Enforced: true}
}

// read reads the module and checks that it is the one that was installed: the
// bytes that are checked are the bytes that run.
func (o *order) read() ([]byte, error) {
	f := os.NewFile(uintptr(o.ModuleFD), "module")
	o.held = f // else the collector would close what is executed next
	if o.ModuleFD == 0 {
		var err error
		if f, err = os.Open(o.Module); err != nil {
			return nil, protocol.Errorf(protocol.Unavailable, "cell: module: %v", err)
		}
		defer f.Close()
	}
	b, err := io.ReadAll(io.LimitReader(f, maxModule+1))
	if err != nil || len(b) > maxModule {
		return nil, protocol.Errorf(protocol.Invalid, "module %s: more than %d bytes, or unreadable: %v", filepath.Base(o.Module), maxModule, err)
	}
	if sum := sha256.Sum256(b); o.Digest != "" && o.Digest != "sha256:"+hex.EncodeToString(sum[:]) {
		return nil, protocol.Errorf(protocol.Invalid, "module %s was changed after it was installed: its digest is sha256:%x, not %s", filepath.Base(o.Module), sum, o.Digest)
	}
	return b, nil
}

// checkStatic refuses a program that needs a dynamic loader: its cell lets it
// read and execute nothing but itself.
func checkStatic(program []byte) error {
	if runtime.GOOS != "linux" {
		return nil
	}
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return protocol.Errorf(protocol.Invalid, "the plugin's program is no Linux executable: %v", err)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return protocol.Errorf(protocol.Invalid, "the plugin's program is linked dynamically, which can't run in a cell: build it static (CGO_ENABLED=0 go build)")
		}
	}
	return nil
}

// lock is the second stage of a Wasm cell's confinement.
func lock() []*cellpb.Measure {
	m := confine.Lock()
	return []*cellpb.Measure{{Name: m.Name, Enforced: m.Enforced, Detail: m.Detail}}
}

// compiler is the handler of a compiling cell: it serves nothing.
type compiler struct {
	order  order
	bytes  []byte
	module *wasm.Module
	err    error
}

// Setup compiles.
func (c *compiler) Setup(ctx context.Context, _ map[string]string) error {
	c.module, c.err = wasm.Compile(ctx, c.bytes, c.order.Plan.Cache, c.order.MemoryMB)
	return c.err
}

// Exports lists the module's.
func (c *compiler) Exports() []string { return c.module.Exports }

// Report adds what the module imports, or which import it is refused for.
func (c *compiler) Report(h *cellpb.Hello) { c.module.Report(h, c.err) }

// Invoke refuses.
func (c *compiler) Invoke(context.Context, *session.Call) ([]byte, error) {
	return nil, errors.New("this cell only compiles")
}
