package confine

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// limits bounds what the kernel counts. Memory that is touched is watched by
// the host as well: no limit counts resident pages.
func limits(p Plan) Measure {
	type limit struct {
		name     string
		resource int
		max      uint64
	}
	list := []limit{
		{"core", unix.RLIMIT_CORE, 0},
		{"nofile", unix.RLIMIT_NOFILE, 128},
		{"memlock", unix.RLIMIT_MEMLOCK, 0},
		{"msgqueue", unix.RLIMIT_MSGQUEUE, 0},
		{"fsize", unix.RLIMIT_FSIZE, fileSize(p.Purpose)},
	}
	if p.DataMB > 0 {
		list = append(list, limit{"data", unix.RLIMIT_DATA, uint64(p.DataMB) << 20})
	}
	detail := "core nofile memlock msgqueue fsize data"
	if p.OwnUsers {
		// Without a user namespace this would count every process of the
		// same user, the host's own among them.
		list = append(list, limit{"nproc", unix.RLIMIT_NPROC, 64})
		detail += " nproc"
	}
	for _, l := range list {
		if err := unix.Setrlimit(l.resource, &unix.Rlimit{Cur: l.max, Max: l.max}); err != nil {
			return missing(Rlimits, fmt.Sprintf("%s: %v", l.name, err))
		}
	}
	return enforced(Rlimits, detail)
}

// fileSize: only a compiling cell writes anything; a running one creates its
// socket, which has no size.
func fileSize(p Purpose) uint64 {
	if p == Compile {
		return 512 << 20
	}
	return 0
}
