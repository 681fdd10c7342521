package wasm

import (
	"sync/atomic"

	"github.com/tetratelabs/wazero/experimental"
)

// meter allocates the memories of one instance and remembers the largest, to
// tell a guest that ran out of memory from one that failed otherwise.
type meter struct{ largest atomic.Uint64 }

// Allocate implements experimental.MemoryAllocator.
func (m *meter) Allocate(capacity, limit uint64) experimental.LinearMemory {
	return &metered{meter: m, memory: allocate(capacity, limit)}
}

type metered struct {
	meter  *meter
	memory experimental.LinearMemory
}

// Reallocate implements experimental.LinearMemory.
func (m *metered) Reallocate(size uint64) []byte {
	m.meter.largest.Store(max(size, m.meter.largest.Load())) // asked for, had or not
	return m.memory.Reallocate(size)
}

// Free implements experimental.LinearMemory.
func (m *metered) Free() { m.memory.Free() }
