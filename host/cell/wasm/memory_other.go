//go:build !linux

package wasm

import "github.com/tetratelabs/wazero/experimental"

// slice is a guest's memory in the Go heap.
type slice struct{ b []byte }

func allocate(capacity, _ uint64) experimental.LinearMemory {
	return &slice{b: make([]byte, 0, capacity)}
}

// Reallocate implements experimental.LinearMemory.
func (s *slice) Reallocate(size uint64) []byte {
	if size > uint64(cap(s.b)) {
		// A quarter on top: a guest that grows by a page at a time must not
		// copy everything each time.
		grown := make([]byte, len(s.b), size+size/4)
		copy(grown, s.b)
		s.b = grown
	}
	s.b = s.b[:size]
	return s.b
}

// Free implements experimental.LinearMemory.
func (s *slice) Free() { s.b = nil }
