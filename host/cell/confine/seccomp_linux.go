package confine

import (
	"fmt"
	"os"
	"runtime"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// restrictCalls allows the system calls of a cell and refuses the rest with
// EPERM, those of another architecture's table among them.
func restrictCalls(p Plan) Measure {
	names := callNames(p.Purpose)
	filters, err := callFilters(names, os.Getpid(), runtime.GOARCH)
	if err == nil {
		err = load(filters)
	}
	return measure(Seccomp, fmt.Sprintf("%d system calls", len(names)), err)
}

// callNames lists what a cell of that purpose may call.
func callNames(p Purpose) []string {
	names := runtimeCalls()
	switch p {
	case RunNative:
		return append(names, nativeCalls()...)
	case Compile: // fills the cache
		names = append(names, "renameat", "renameat2", "fsync", "fdatasync", "ftruncate")
	}
	return append(names, nameCalls()...)
}

// callFilters builds a stack of filters; the kernel applies the strictest
// answer of all. go-seccomp-bpf v1.6 compares the next name with an argument
// instead of the call's number after a condition that did not match, so each
// filter has one conditional call at most, and the list of names comes last.
func callFilters(names []string, pid int, goarch string) ([]seccomp.Filter, error) {
	info, err := arch.GetInfo(goarch)
	if err != nil {
		return nil, err
	}
	filters := []seccomp.Filter{
		// Stream sockets of the unix kind. 0xE are the type bits that must be
		// clear beside SOCK_STREAM (1): SOCK_RAW is a datagram there.
		refuse("socket", when(is(0, seccomp.NotEqual, unix.AF_UNIX)), when(is(1, seccomp.BitsSet, 0xE)), when(is(1, seccomp.BitsNotSet, 1))),
		// Threads, no processes.
		refuse("clone", when(is(0, seccomp.BitsNotSet, unix.CLONE_THREAD)), when(is(0, seccomp.BitsSet, namespaceFlags))),
		// The Go runtime preempts its own threads by signal; nobody else's.
		refuse("tgkill", when(is(0, seccomp.NotEqual, uint64(pid)))),
		// Naming memory, and what a further filter needs; not clearing the
		// parent-death signal.
		refuse("prctl", none(0, unix.PR_SET_VMA, unix.PR_SET_NO_NEW_PRIVS)),
		// F_SETOWN and F_SETSIG would signal other processes.
		refuse("fcntl", none(1, unix.F_DUPFD, unix.F_GETFD, unix.F_SETFD, unix.F_GETFL, unix.F_SETFL, unix.F_DUPFD_CLOEXEC)),
		// Memory of its own only: no limit counts shared memory.
		refuse("mmap", when(is(3, seccomp.BitsSet, unix.MAP_SHARED))),
		// Its own limits only.
		refuse("prlimit64", when(is(0, seccomp.NotEqual, 0))),
	}
	groups := []seccomp.SyscallGroup{
		// clone3 hides its flags in memory; ENOSYS makes callers use clone.
		{Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS), Names: []string{"clone3"}},
		{Action: seccomp.ActionAllow, Names: known(info, names)},
	}
	return append(filters, filter(seccomp.ActionErrno, groups...)), nil
}

// known drops names that an architecture does not have: the tables differ.
func known(info *arch.Info, names []string) (kept []string) {
	for _, n := range names {
		if _, ok := info.SyscallNames[n]; ok {
			kept = append(kept, n)
		}
	}
	return kept
}

const namespaceFlags = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID |
	unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWTIME

// refuse answers EPERM to a call when any of the alternatives holds.
func refuse(call string, alternatives ...seccomp.ArgumentConditions) seccomp.Filter {
	var list []seccomp.NameWithConditions
	for _, c := range alternatives {
		list = append(list, seccomp.NameWithConditions{Name: call, Conditions: c})
	}
	return filter(seccomp.ActionAllow, seccomp.SyscallGroup{Action: seccomp.ActionErrno, NamesWithCondtions: list})
}

func is(arg uint32, op seccomp.Operation, value uint64) seccomp.Condition {
	return seccomp.Condition{Argument: arg, Operation: op, Value: value}
}

func when(c ...seccomp.Condition) seccomp.ArgumentConditions { return c }

// none holds when the argument, all 64 bits of it, is none of these.
func none(arg uint32, values ...uint64) (all seccomp.ArgumentConditions) {
	for _, v := range values {
		all = append(all, is(arg, seccomp.NotEqual, v))
	}
	return all
}

func filter(otherwise seccomp.Action, groups ...seccomp.SyscallGroup) seccomp.Filter {
	return seccomp.Filter{
		NoNewPrivs: true,
		Flag:       seccomp.FilterFlagTSync, // threads that run already, too
		Policy:     seccomp.Policy{DefaultAction: otherwise, Syscalls: groups},
	}
}

func load(filters []seccomp.Filter) error {
	for _, f := range filters {
		if err := seccomp.LoadFilter(f); err != nil {
			return err
		}
	}
	return nil
}
