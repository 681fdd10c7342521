package confine

// runtimeCalls is what a static Go process with gRPC on a unix socket and
// wazero needs. Not among them, so refused: connect, kill, ptrace and every
// call on another process, io_uring, memfd, bpf, keys, mounts, namespaces,
// System V and POSIX IPC, chmod, chown, links, extended attributes, ioctl.
func runtimeCalls() []string {
	return []string{
		// files: Landlock decides which
		"read", "write", "readv", "writev", "pread64", "pwrite64", "close", "lseek", "fcntl",
		"openat", "fstat", "unlinkat",
		// memory
		"mmap", "mprotect", "munmap", "madvise", "mremap", "mincore", "brk",
		// threads, time, randomness
		"clone", "futex", "set_robust_list", "set_tid_address", "rseq", "sched_yield", "sched_getaffinity",
		"nanosleep", "clock_nanosleep", "clock_gettime", "clock_getres", "gettimeofday", "getrandom",
		"timer_create", "timer_settime", "timer_delete", "setitimer", "restart_syscall",
		// signals
		"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "tgkill",
		// itself
		"getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "uname", "arch_prctl",
		"prlimit64", "getrlimit", "prctl", "seccomp", "exit", "exit_group",
		// its socket and pipes
		"socket", "bind", "listen", "accept4", "getsockname", "getpeername", "setsockopt", "getsockopt",
		"recvfrom", "sendto", "recvmsg", "sendmsg", "shutdown", "pipe2",
		"epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_wait", "epoll_pwait2", "eventfd2", "poll", "ppoll",
	}
}

// nativeCalls is what a plugin's own binary may use beside that: Landlock lets
// execve reach that binary only, and the other calls reach nothing new.
func nativeCalls() []string {
	return []string{
		"execve", "dup", "dup3", "select", "pselect6", "sysinfo", "getrusage", "times",
		"membarrier", "sched_getparam", "sched_getscheduler", "sendmmsg", "recvmmsg", "umask", "getgroups",
	}
}

// nameCalls tell whether a file exists without opening it, which Landlock does
// not cover. Only a process that loads a compile cache needs them.
func nameCalls() []string {
	return []string{"newfstatat", "fstatat", "readlinkat", "mkdirat", "getdents64"}
}
