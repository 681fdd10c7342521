//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	ossignal "os/signal"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// execute runs other programs: a shell, itself, and one that is no file.
func execute(_ Targets, r *report) {
	for _, argv := range [][]string{{"/bin/sh", "-c", "exit 0"}, {os.Args[0]}, {"/proc/self/exe"}} {
		pid, err := syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{Files: []uintptr{0, 1, 2}})
		if err == nil {
			var ws syscall.WaitStatus
			_, _ = syscall.Wait4(pid, &ws, 0, nil)
		}
		r.try("start "+argv[0], err)
	}
	r.try("become a shell", unix.Exec("/bin/sh", []string{"sh", "-c", "exit 0"}, nil))
	fd, err := unix.MemfdCreate("hostile", 0)
	r.try("memfd_create", err)
	if err == nil {
		_, _ = unix.Write(fd, []byte("#!/bin/sh\n"))
	}
	empty := []byte{0}
	r.call("execveat", unix.SYS_EXECVEAT, uintptr(fd), uintptr(unsafe.Pointer(&empty[0])), 0, 0)
}

// fork makes processes; a child ends at once.
func fork(_ Targets, r *report) {
	child := func(what string, number uintptr, flags ...uintptr) {
		args := [2]uintptr{}
		copy(args[:], flags)
		pid, _, errno := unix.RawSyscall(number, args[0], args[1], 0)
		if errno != 0 {
			r.try(what, errno)
			return
		}
		if pid == 0 {
			unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
		r.try(what, nil)
	}
	child("clone", unix.SYS_CLONE, uintptr(unix.SIGCHLD))
	child("clone with its own parent", unix.SYS_CLONE, uintptr(unix.SIGCHLD|unix.CLONE_PARENT))
	child("clone in new namespaces", unix.SYS_CLONE, uintptr(unix.SIGCHLD|unix.CLONE_NEWUSER|unix.CLONE_NEWNET))
	args := [11]uint64{4: uint64(unix.SIGCHLD)} // struct clone_args: exit_signal
	child("clone3", unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args))
	legacyFork(child)
}

// signal reaches for the host's process and for all others.
func signal(t Targets, r *report) {
	// Zero asks only whether one may; nothing is harmed where it succeeds.
	pid := uintptr(t.HostPID)
	r.call("kill host", unix.SYS_KILL, pid, 0, 0, 0)
	r.call("kill parent", unix.SYS_KILL, uintptr(os.Getppid()), 0, 0, 0)
	r.call("kill all", unix.SYS_KILL, ^uintptr(0), 0, 0, 0)
	r.call("tkill host", unix.SYS_TKILL, pid, 0, 0, 0)
	r.call("tgkill host", unix.SYS_TGKILL, pid, pid, 0, 0)
	r.call("tgkill host, high bits", unix.SYS_TGKILL, 1<<32|pid, pid, 0, 0)
	r.call("pidfd_open", unix.SYS_PIDFD_OPEN, pid, 0, 0, 0)
	r.call("pidfd_send_signal", unix.SYS_PIDFD_SEND_SIGNAL, 0, 0, 0, 0)
	var info [128]byte
	r.call("rt_sigqueueinfo", unix.SYS_RT_SIGQUEUEINFO, pid, 0, uintptr(unsafe.Pointer(&info)), 0)
	limit := unix.Rlimit{Cur: 1 << 16, Max: 1 << 16}
	r.call("set the host's limits", unix.SYS_PRLIMIT64, pid, unix.RLIMIT_NOFILE, uintptr(unsafe.Pointer(&limit)), 0)
	r.call("get the host's limits", unix.SYS_PRLIMIT64, pid, unix.RLIMIT_NOFILE, 0, uintptr(unsafe.Pointer(&limit)))
	var set unix.CPUSet
	set.Set(0)
	r.try("set the host's affinity", unix.SchedSetaffinity(t.HostPID, &set))
	r.try("set the host's priority", unix.Setpriority(unix.PRIO_PROCESS, t.HostPID, 19))
}

// spy reads other processes' memory.
func spy(t Targets, r *report) {
	pid := uintptr(t.HostPID)
	r.try("ptrace attach", unix.PtraceAttach(t.HostPID))
	r.try("ptrace seize", unix.PtraceSeize(t.HostPID))
	r.call("ptrace me", unix.SYS_PTRACE, unix.PTRACE_TRACEME, 0, 0, 0)
	buf := make([]byte, 8)
	local := []unix.Iovec{{Base: &buf[0], Len: 8}}
	_, err := unix.ProcessVMReadv(t.HostPID, local, []unix.RemoteIovec{{Base: 0x400000, Len: 8}}, 0)
	r.try("process_vm_readv", err)
	_, err = unix.ProcessVMWritev(t.HostPID, local, []unix.RemoteIovec{{Base: 0x400000, Len: 8}}, 0)
	r.try("process_vm_writev", err)
	r.call("kcmp", unix.SYS_KCMP, pid, uintptr(os.Getpid()), 0, 0)
	r.call("pidfd_getfd", unix.SYS_PIDFD_GETFD, 0, 0, 0, 0)
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{}))}
	_, err = unix.PerfEventOpen(&attr, 0, -1, -1, 0)
	r.try("perf_event_open", err)
}

// namespaces makes or enters namespaces, in which it would be root.
func namespaces(t Targets, r *report) {
	for name, flag := range map[string]int{"user": unix.CLONE_NEWUSER, "net": unix.CLONE_NEWNET, "mount": unix.CLONE_NEWNS, "pid": unix.CLONE_NEWPID} {
		r.call("unshare "+name, unix.SYS_UNSHARE, uintptr(flag), 0, 0, 0)
	}
	r.try("setns", unix.Setns(0, 0))
	r.try("mount", unix.Mount("none", t.Dir, "tmpfs", 0, ""))
	r.try("pivot_root", unix.PivotRoot("/", "/"))
	r.call("open_tree", unix.SYS_OPEN_TREE, 0, 0, 0, 0)
	r.call("fsopen", unix.SYS_FSOPEN, 0, 0, 0, 0)
	r.try("setuid", unix.Setuid(0))
	r.try("setgroups", unix.Setgroups([]int{0}))
}

// kernel uses parts of the kernel with a history of holes.
func kernel(_ Targets, r *report) {
	var params [120]byte
	r.call("io_uring_setup", unix.SYS_IO_URING_SETUP, 4, uintptr(unsafe.Pointer(&params)), 0, 0)
	r.call("bpf", unix.SYS_BPF, 0, uintptr(unsafe.Pointer(&params)), 72, 0)
	r.call("userfaultfd", unix.SYS_USERFAULTFD, unix.O_CLOEXEC|1, 0, 0, 0)
	r.call("keyctl", unix.SYS_KEYCTL, unix.KEYCTL_GET_KEYRING_ID, ^uintptr(2), 1, 0)
	r.call("memfd_secret", unix.SYS_MEMFD_SECRET, 0, 0, 0, 0)
	r.call("personality", unix.SYS_PERSONALITY, 0xffffffff, 0, 0, 0)
	r.call("syslog", unix.SYS_SYSLOG, 10, 0, 0, 0)
	r.call("shmget", unix.SYS_SHMGET, 0, 4096, 0o1600, 0)
	r.call("msgget", unix.SYS_MSGGET, 0, 0o1600, 0, 0)
	r.call("semget", unix.SYS_SEMGET, 0, 1, 0o1600, 0)
	r.call("init_module", unix.SYS_INIT_MODULE, 0, 0, 0, 0)
	r.call("fanotify_init", unix.SYS_FANOTIFY_INIT, 0, 0, 0, 0)
	r.call("open_by_handle_at", unix.SYS_OPEN_BY_HANDLE_AT, 0, 0, 0, 0)
}

// escapeParent arranges to live on when the host dies.
func escapeParent(_ Targets, r *report) {
	r.try("clear the parent-death signal", unix.Prctl(unix.PR_SET_PDEATHSIG, 0, 0, 0, 0))
	r.call("clear the parent-death signal, high bits", unix.SYS_PRCTL, 1<<32|unix.PR_SET_PDEATHSIG, 0, 0, 0)
	_, err := unix.Setsid()
	r.try("setsid", err)
	r.try("setpgid", unix.Setpgid(0, 0))
	r.try("become a reaper", unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
}

// memoryBomb touches memory until it is ended.
func memoryBomb(Targets, *report) {
	var kept [][]byte
	for {
		b := make([]byte, 8<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		kept = append(kept, b)
		runtime.KeepAlive(kept)
	}
}

// sharedBomb touches memory that is shared, with nobody: limits on private
// memory do not count it, nor does who subtracts shared pages.
func sharedBomb(_ Targets, r *report) {
	for {
		b, err := unix.Mmap(-1, 0, 8<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
		if err != nil {
			r.try("map more", err)
			return
		}
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
	}
}

// spin runs on every processor and ignores every signal that can be ignored.
func spin(Targets, *report) {
	ossignal.Ignore()
	for range runtime.NumCPU() {
		go func() {
			for {
			}
		}()
	}
	for {
	}
}

// threadBomb takes a thread for each of 10,000 goroutines.
func threadBomb(_ Targets, r *report) {
	block := make(chan struct{})
	for range 10_000 {
		go func() {
			runtime.LockOSThread()
			<-block
		}()
	}
	<-block
}

// forkBomb forks until it is refused; a child forks on.
func forkBomb(_ Targets, r *report) {
	made := 0
	for range 1000 {
		pid, _, errno := unix.RawSyscall(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0)
		if errno == 0 && pid != 0 {
			made++
		}
	}
	if made > 0 {
		r.try(fmt.Sprintf("fork %d processes", made), nil)
		return
	}
	r.try("fork 1000 times", unix.EPERM)
}

// stderrFlood writes lines without an end to the host's log, then spins.
func stderrFlood(Targets, *report) {
	block := bytes.Repeat([]byte("flooding"), 8<<10)
	for {
		if _, err := os.Stderr.Write(block); err != nil {
			return
		}
	}
}
