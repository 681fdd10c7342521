package confine

import (
	"runtime"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// Lock is the second stage, for a Wasm cell that has loaded its module: from
// here on nothing is opened, no socket made, and no memory made executable, so
// that even a guest that escaped wazero finds nothing to work with.
func Lock() Measure {
	runtime.LockOSThread() // no-new-privileges, then the filter, from one thread
	defer runtime.UnlockOSThread()
	filters, err := lockFilters(runtime.GOARCH)
	if err == nil {
		err = load(filters)
	}
	return measure(LoadLock, "no opening, no sockets, no new code", err)
}

func lockFilters(goarch string) ([]seccomp.Filter, error) {
	info, err := arch.GetInfo(goarch)
	if err != nil {
		return nil, err
	}
	never := append(nameCalls(), "openat", "unlinkat", "socket", "bind", "listen", "prctl")
	return []seccomp.Filter{
		refuse("mmap", when(is(2, seccomp.BitsSet, unix.PROT_EXEC))),
		refuse("mprotect", when(is(2, seccomp.BitsSet, unix.PROT_EXEC))),
		// Last: afterwards no further filter can be loaded.
		filter(seccomp.ActionAllow, seccomp.SyscallGroup{Action: seccomp.ActionErrno, Names: append(known(info, never), "seccomp")}),
	}, nil
}
