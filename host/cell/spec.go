package cell

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/ambithost/ambit/host/cell/confine"
	"github.com/ambithost/ambit/host/cell/wasm"
	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Refusal is the error of a module that can never run here; Import names the
// import at fault, if one is.
type Refusal = wasm.Refusal

// Spec is what a cell runs and within which bounds.
type Spec struct {
	Plugin  string
	Digest  string // "sha256:…" of the module; checked by the cell before it runs; empty: not checked
	Runtime manifest.Runtime
	Module  string // absolute path
	// Cache is the folder of this digest's compiled code (Wasm). [Driver.Inspect]
	// fills it; running cells see it read-only. Empty: compile at each start.
	Cache    string
	Config   map[string]string
	MemoryMB int           // 0: 256
	Timeout  time.Duration // of one call; 0: 2 minutes
	Idle     time.Duration // the pool stops the cell after so long without a call; 0: 5 minutes
	Warm     bool          // never stop it for being idle
}

const (
	defaultMemoryMB = 256
	defaultTimeout  = 2 * time.Minute
	defaultIdle     = 5 * time.Minute
)

func (s Spec) withDefaults() (Spec, error) {
	if err := manifest.CheckName(s.Plugin); err != nil {
		return s, protocol.Errorf(protocol.Invalid, "cell: %v", err)
	}
	if s.Runtime != manifest.Wasm && s.Runtime != manifest.Native {
		return s, protocol.Errorf(protocol.Invalid, "cell: plugin %s: runtime %q, want wasm or native", s.Plugin, s.Runtime)
	}
	if !filepath.IsAbs(s.Module) || s.Cache != "" && !filepath.IsAbs(s.Cache) {
		return s, protocol.Errorf(protocol.Invalid, "cell: plugin %s: module and cache must be absolute paths", s.Plugin)
	}
	if s.Digest != "" && (!strings.HasPrefix(s.Digest, "sha256:") || len(s.Digest) != len("sha256:")+64) {
		return s, protocol.Errorf(protocol.Invalid, "cell: plugin %s: digest %q, want sha256: and 64 hex digits", s.Plugin, s.Digest)
	}
	if s.MemoryMB <= 0 {
		s.MemoryMB = defaultMemoryMB
	}
	if s.Timeout <= 0 {
		s.Timeout = defaultTimeout
	}
	if s.Idle <= 0 {
		s.Idle = defaultIdle
	}
	return s, nil
}

// Memory beside the guest's own, in MiB: runner, compiled code, several
// instances, collection lag of the Go runtime.
const (
	overheadWasm    = 128
	overheadNative  = 64
	memoryToCompile = 1024
)

// residentMB is how much a cell may touch before it is killed.
func (s Spec) residentMB(p confine.Purpose) int {
	switch p {
	case confine.Compile:
		return memoryToCompile
	case confine.RunWasm:
		return s.MemoryMB + overheadWasm
	}
	return s.MemoryMB + overheadNative
}

// dataMB is the kernel's bound on private memory: it stops what touches memory
// faster than the watcher looks. A memory that grows is copied, hence twice.
func (s Spec) dataMB(p confine.Purpose) int { return 2*s.residentMB(p) + 128 }

// Call is one call of an export.
type Call struct {
	Export string
	Input  []byte
	Agent  string // for whom: KillAgent ends cells that work for it
	// Effect performs what the plugin asks for. It runs in goroutines of its
	// own, several at once, and must return when ctx ends. Nil refuses all.
	Effect func(ctx context.Context, name string, args []byte) ([]byte, error)
	// Emit receives pieces of output in order, before Call returns. Nil drops
	// them.
	Emit func([]byte)
}

// Inspection is what a module says about itself.
type Inspection struct {
	Exports  []string
	Imports  []string          // "module.name"; Wasm only
	MinPages uint32            // Wasm memory, 64 KiB each
	MaxPages uint32            // 0: none declared
	Measures []confine.Measure // of the cell that looked
}

// Info describes a running cell.
type Info struct {
	Plugin    string
	Digest    string
	PID       int
	Isolation string
	Measures  []confine.Measure
	Started   time.Time
	Calls     int // in progress
}
