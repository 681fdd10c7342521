package wasm

import (
	"os"

	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"
)

// reserved is a guest's memory in address space that is reserved once: growing
// neither copies nor leaves garbage, and is refused, instead of fatal, at a
// limit of the kernel.
type reserved struct {
	space []byte // all that it may become
	size  uint64 // of it, what can be read and written
}

func allocate(_, limit uint64) experimental.LinearMemory {
	space, err := unix.Mmap(-1, 0, int(max(limit, 1)), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return &reserved{} // refuses to grow
	}
	return &reserved{space: space}
}

// Reallocate implements experimental.LinearMemory; nil refuses.
func (r *reserved) Reallocate(size uint64) []byte {
	if size > uint64(len(r.space)) {
		return nil
	}
	if page := uint64(os.Getpagesize()); size > r.size {
		end := min((size+page-1)/page*page, uint64(len(r.space)))
		if err := unix.Mprotect(r.space[r.size:end], unix.PROT_READ|unix.PROT_WRITE); err != nil {
			return nil
		}
		r.size = end
	}
	return r.space[:size:size]
}

// Free implements experimental.LinearMemory.
func (r *reserved) Free() {
	if r.space != nil {
		_ = unix.Munmap(r.space)
		r.space, r.size = nil, 0
	}
}
