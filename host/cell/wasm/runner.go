// Package wasm runs one Wasm module inside its own cell: it is the only
// importer of Extism and wazero. Start at [New]; the [Runner] is a
// session.Handler. [Compile] is what a compiling cell does instead.
//
// Guarantees: a guest reaches the host through effect and nothing else (hyper-mcp's
// host functions can be imported, and reach nothing); it has no files and no
// sockets; WASI's clock and randomness are real; a trap costs the instance in
// which it happened and no other call. Interruption checks are off, so guests run
// at full speed and a spinning one ends only with its process: killing that is
// the host's part.
package wasm

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"
	"sync"

	extism "github.com/extism/go-sdk"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/ambithost/ambit/sdk/protocol"
	"github.com/ambithost/ambit/sdk/protocol/cellpb"
	"github.com/ambithost/ambit/sdk/protocol/session"
)

// MaxInstances is how many calls one cell runs at once; more wait.
const MaxInstances = 8

// DefaultMemoryMB caps a guest's memory when Options sets none.
const DefaultMemoryMB = 256

// ColdCache is the code of a load that failed because the compiled module is
// not in the cache, which a running cell can't write.
const ColdCache protocol.Code = "cold_cache"

// Options configure a Runner.
type Options struct {
	Module   []byte
	Cache    string // folder of compiled modules; empty: compile in memory
	MemoryMB int    // of a guest instance; 0 means DefaultMemoryMB
	// Loaded runs once the module is loaded and before any of its code runs,
	// and returns what to report beside.
	Loaded func() []*cellpb.Measure
}

// Runner serves a module's exports.
type Runner struct {
	options  Options
	loaded   chan struct{} // closed when load ended
	module   *Module
	plugin   *extism.CompiledPlugin
	err      error
	measures []*cellpb.Measure

	config map[string]string // set once, by Setup
	slots  chan struct{}
	mu     sync.Mutex
	idle   []*instance
}

// New begins to load a module; Setup waits for it. It replaces this process's
// default HTTP client: a cell has no other way out than effect.
func New(o Options) *Runner {
	carryHTTP()
	extism.SetLogLevel(extism.LogLevelInfo)
	r := &Runner{options: o, loaded: make(chan struct{}), slots: make(chan struct{}, MaxInstances)}
	go func() { // Setup waits for it
		defer close(r.loaded)
		r.err = r.load()
	}()
	return r
}

func (r *Runner) load() (err error) {
	if r.module, err = Parse(r.options.Module); err != nil {
		return err
	}
	r.plugin, err = compile(context.Background(), r.module, r.options.Module, r.options.Cache, r.options.MemoryMB)
	r.options.Module = nil
	return err
}

// Setup waits until the module is loaded, locks the cell, and makes the first
// instance.
func (r *Runner) Setup(_ context.Context, config map[string]string) error {
	<-r.loaded
	if r.options.Loaded != nil {
		r.measures = r.options.Loaded()
	}
	if r.err != nil {
		return r.err
	}
	r.config = config
	first, err := r.instantiate()
	if err != nil {
		return err
	}
	r.idle = append(r.idle, first)
	debug.FreeOSMemory() // what compiling left behind is a third of the cell
	return nil
}

// Exports lists the module's functions that can be called.
func (r *Runner) Exports() []string { return r.module.Exports }

// Report adds the imports, the memory and the lock.
func (r *Runner) Report(h *cellpb.Hello) {
	h.Measures = append(h.Measures, r.measures...)
	r.module.Report(h, r.err)
}

// Report says in a hello what a module imports, and which import it was
// refused for. The module may be nil: it could not be read.
func (m *Module) Report(h *cellpb.Hello, err error) {
	if refused, ok := errors.AsType[*Refusal](err); ok {
		h.RefusedImport = refused.Import
		h.Error = &cellpb.Error{Code: string(protocol.Invalid), Message: refused.Reason}
	}
	if m == nil {
		return
	}
	for _, i := range m.Imports {
		h.Imports = append(h.Imports, i.String())
	}
	h.MemoryMinPages, h.MemoryMaxPages = m.MinPages, m.MaxPages
}

// Invoke runs one export in an instance of its own for as long as it takes.
func (r *Runner) Invoke(ctx context.Context, call *session.Call) ([]byte, error) {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return nil, protocol.AsError(ctx.Err())
	}
	i, err := r.instance()
	if err != nil {
		return nil, err
	}
	out, alive, err := i.call(ctx, call)
	if alive {
		r.mu.Lock()
		r.idle = append(r.idle, i)
		r.mu.Unlock()
	} else {
		i.close()
	}
	return out, err
}

func (r *Runner) instance() (*instance, error) {
	r.mu.Lock()
	if n := len(r.idle); n > 0 {
		i := r.idle[n-1]
		r.idle = r.idle[:n-1]
		r.mu.Unlock()
		return i, nil
	}
	r.mu.Unlock()
	return r.instantiate()
}

func (r *Runner) instantiate() (_ *instance, err error) {
	i := new(instance)
	defer func() {
		if p := recover(); p != nil { // wazero, when it gets no memory at all
			err = protocol.Errorf(protocol.Limit, "instantiate: %v", p)
		}
	}()
	ctx := experimental.WithMemoryAllocator(context.Background(), &i.memory)
	ctx = experimental.WithCloseNotifier(ctx, experimental.CloseNotifyFunc(func(context.Context, uint32) { i.closed.Store(true) }))
	p, err := r.plugin.Instance(ctx, extism.PluginInstanceConfig{
		ModuleConfig: wazero.NewModuleConfig().
			WithSysWalltime().WithSysNanotime().WithSysNanosleep(). // WASI's own stand still
			WithRandSource(rand.Reader).
			WithStdout(&lines{to: i, level: "info"}).
			WithStderr(&lines{to: i, level: "warn"}),
	})
	if err != nil {
		return nil, protocol.Errorf(protocol.Failed, "instantiate: %s", firstLine(err))
	}
	p.Config = r.config
	p.SetLogger(func(level extism.LogLevel, message string) { i.log(levelName(level), message) })
	i.plugin = p
	i.limit = uint64(memoryMB(r.options.MemoryMB)) << 20
	return i, nil
}

// Compile parses and compiles a module into a cache folder and runs none of
// it.
func Compile(ctx context.Context, module []byte, cache string, memoryMB int) (*Module, error) {
	m, err := Parse(module)
	if err != nil {
		return m, err
	}
	p, err := compile(ctx, m, module, cache, memoryMB)
	if err != nil {
		return m, err
	}
	return m, p.Close(ctx)
}

func compile(ctx context.Context, m *Module, module []byte, cache string, mb int) (*extism.CompiledPlugin, error) {
	config := wazero.NewRuntimeConfigCompiler()
	if cache != "" {
		c, err := wazero.NewCompilationCacheWithDir(cache)
		if err != nil { // its folder for this version of wazero is not there
			return nil, protocol.Errorf(ColdCache, "compile cache: %v", err)
		}
		config = config.WithCompilationCache(c)
	}
	if err := checkWASI(ctx, m); err != nil {
		return nil, err
	}
	manifest := extism.Manifest{
		Wasm: []extism.Wasm{extism.WasmData{Data: module}},
		// Timeout stays 0: it would turn interruption checks on.
		Memory:       &extism.ManifestMemory{MaxPages: uint32(memoryMB(mb)) * 16, MaxHttpResponseBytes: -1, MaxVarBytes: -1},
		AllowedHosts: []string{"*"}, // the gate decides, on every hop
	}
	p, err := extism.NewCompiledPlugin(ctx, manifest, extism.PluginConfig{
		EnableWasi:                true,
		RuntimeConfig:             config,
		EnableHttpResponseHeaders: true,
	}, m.hostFunctions())
	if err != nil {
		return nil, cacheError(err)
	}
	return p, nil
}

func memoryMB(mb int) int {
	if mb <= 0 {
		return DefaultMemoryMB
	}
	return min(mb, 4095)
}

// cacheError tells a cache that could not be written from a bad module.
func cacheError(err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		return protocol.Errorf(ColdCache, "the compiled module is not in the cache: %v", err)
	}
	return fmt.Errorf("%w", &Refusal{Reason: firstLine(err)})
}
