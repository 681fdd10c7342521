package confine

import (
	"encoding/binary"
	"testing"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

const testPID = 4711

// verdict runs filters as the kernel does: all of them, the strictest answer
// counts. Words are big-endian because package bpf reads packets; the halves
// of an argument are where a little-endian machine has them.
func verdict(t *testing.T, filters []seccomp.Filter, audit uint32, nr int, args ...uint64) uint32 {
	t.Helper()
	data := make([]byte, 64)
	binary.BigEndian.PutUint32(data, uint32(nr))
	binary.BigEndian.PutUint32(data[4:], audit)
	for i, a := range args {
		binary.BigEndian.PutUint32(data[16+8*i:], uint32(a))
		binary.BigEndian.PutUint32(data[20+8*i:], uint32(a>>32))
	}
	strictest := uint32(seccomp.ActionAllow)
	for _, f := range filters {
		program, err := f.Policy.Assemble()
		if err != nil {
			t.Fatal(err)
		}
		vm, err := bpf.NewVM(program)
		if err != nil {
			t.Fatal(err)
		}
		got, err := vm.Run(data)
		if err != nil {
			t.Fatal(err)
		}
		if v := uint32(got); v < strictest { // errno is a lower number than allow
			strictest = v
		}
	}
	return strictest
}

func filtersOf(t *testing.T, p Purpose) []seccomp.Filter {
	t.Helper()
	list, err := callFilters(callNames(p), testPID, "amd64")
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestFilters(t *testing.T) {
	t.Parallel()
	info, err := arch.GetInfo("amd64")
	if err != nil {
		t.Fatal(err)
	}
	const high = 1 << 32
	for _, test := range []struct {
		call  string
		args  []uint64
		allow bool
	}{
		{"read", nil, true},
		{"futex", nil, true},
		{"socket", []uint64{unix.AF_UNIX, unix.SOCK_STREAM}, true},
		{"socket", []uint64{unix.AF_UNIX, unix.SOCK_STREAM | unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK}, true},
		{"socket", []uint64{unix.AF_INET, unix.SOCK_STREAM}, false},
		{"socket", []uint64{unix.AF_INET6, unix.SOCK_DGRAM}, false},
		{"socket", []uint64{unix.AF_UNIX, unix.SOCK_DGRAM}, false},
		{"socket", []uint64{unix.AF_UNIX, unix.SOCK_RAW}, false},
		{"socket", []uint64{unix.AF_UNIX, unix.SOCK_SEQPACKET}, false},
		{"socket", []uint64{high | unix.AF_UNIX, unix.SOCK_STREAM}, false},
		{"connect", nil, false},
		{"clone", []uint64{unix.CLONE_VM | unix.CLONE_THREAD | unix.CLONE_SIGHAND}, true},
		{"clone", []uint64{uint64(unix.SIGCHLD)}, false},
		{"clone", []uint64{unix.CLONE_THREAD | unix.CLONE_NEWUSER}, false},
		{"clone3", nil, false},
		{"fork", nil, false},
		{"tgkill", []uint64{testPID, 1, 23}, true},
		{"tgkill", []uint64{1, 1, 9}, false},
		{"tgkill", []uint64{high | testPID, 1, 9}, false},
		{"kill", []uint64{testPID, 9}, false},
		{"prctl", []uint64{unix.PR_SET_VMA}, true},
		{"prctl", []uint64{unix.PR_SET_PDEATHSIG}, false},
		{"prctl", []uint64{high | unix.PR_SET_PDEATHSIG}, false},
		{"prctl", []uint64{unix.PR_SET_DUMPABLE}, false},
		{"fcntl", []uint64{0, unix.F_SETFL}, true},
		{"fcntl", []uint64{0, unix.F_SETOWN}, false},
		{"fcntl", []uint64{0, high | unix.F_SETOWN}, false},
		{"prlimit64", []uint64{0}, true},
		{"prlimit64", []uint64{1}, false},
		{"mmap", []uint64{0, 4096, unix.PROT_READ, unix.MAP_PRIVATE | unix.MAP_ANON}, true},
		{"mmap", []uint64{0, 4096, unix.PROT_READ, unix.MAP_SHARED | unix.MAP_ANON}, false},
		{"ioctl", []uint64{0, unix.TIOCSTI}, false},
		{"ptrace", nil, false}, {"process_vm_readv", nil, false}, {"io_uring_setup", nil, false},
		{"bpf", nil, false}, {"memfd_create", nil, false}, {"mount", nil, false}, {"setuid", nil, false},
		{"fchmodat", nil, false}, {"fchownat", nil, false}, {"utimensat", nil, false}, {"symlinkat", nil, false},
		{"execveat", nil, false}, {"pidfd_open", nil, false}, {"setsid", nil, false}, {"shmget", nil, false},
	} {
		nr, ok := info.SyscallNames[test.call]
		if !ok {
			t.Fatalf("no call %s", test.call)
		}
		for _, p := range []Purpose{RunWasm, Compile, RunNative} {
			got := verdict(t, filtersOf(t, p), uint32(info.ID), nr, test.args...)
			if allowed := got == uint32(seccomp.ActionAllow); allowed != test.allow {
				t.Errorf("%s: %s%x: verdict %x, want allowed %v", p, test.call, test.args, got, test.allow)
			}
		}
	}
}

// TestFiltersByPurpose: what differs between cells.
func TestFiltersByPurpose(t *testing.T) {
	t.Parallel()
	info, err := arch.GetInfo("amd64")
	if err != nil {
		t.Fatal(err)
	}
	for call, allowed := range map[string][]Purpose{
		"execve":     {RunNative},
		"newfstatat": {RunWasm, Compile},
		"renameat":   {Compile},
		"openat":     {RunWasm, Compile, RunNative},
	} {
		for _, p := range []Purpose{RunWasm, Compile, RunNative} {
			want := false
			for _, a := range allowed {
				want = want || a == p
			}
			got := verdict(t, filtersOf(t, p), uint32(info.ID), info.SyscallNames[call]) == uint32(seccomp.ActionAllow)
			if got != want {
				t.Errorf("%s: %s allowed %v, want %v", p, call, got, want)
			}
		}
	}
}

// TestForeignTables: the same numbers mean other calls in other tables.
func TestForeignTables(t *testing.T) {
	t.Parallel()
	info, err := arch.GetInfo("amd64")
	if err != nil {
		t.Fatal(err)
	}
	f := filtersOf(t, RunNative)
	for _, nr := range []int{0, 1, 3, 11, 57, 102, 120, 0x40000000, 0x40000000 + 59} {
		if nr >= 0x40000000 { // x32: same audit architecture
			if verdict(t, f, uint32(info.ID), nr) == uint32(seccomp.ActionAllow) {
				t.Errorf("x32 call %d is allowed", nr)
			}
			continue
		}
		if verdict(t, f, 0x40000003, nr) == uint32(seccomp.ActionAllow) { // AUDIT_ARCH_I386
			t.Errorf("i386 call %d is allowed", nr)
		}
	}
}

func TestLockFilters(t *testing.T) {
	t.Parallel()
	info, err := arch.GetInfo("amd64")
	if err != nil {
		t.Fatal(err)
	}
	f, err := lockFilters("amd64")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		call  string
		args  []uint64
		allow bool
	}{
		{"mmap", []uint64{0, 0, unix.PROT_READ | unix.PROT_WRITE}, true},
		{"mmap", []uint64{0, 0, unix.PROT_READ | unix.PROT_EXEC}, false},
		{"mprotect", []uint64{0, 0, unix.PROT_EXEC}, false},
		{"mprotect", []uint64{0, 0, unix.PROT_READ | unix.PROT_WRITE}, true},
		{"openat", nil, false}, {"newfstatat", nil, false}, {"socket", nil, false}, {"bind", nil, false}, {"seccomp", nil, false},
		{"read", nil, true}, {"futex", nil, true}, {"accept4", nil, true},
	} {
		got := verdict(t, f, uint32(info.ID), info.SyscallNames[test.call], test.args...) == uint32(seccomp.ActionAllow)
		if got != test.allow {
			t.Errorf("%s%x allowed %v, want %v", test.call, test.args, got, test.allow)
		}
	}
}

// TestArm64: the library assembles for the machine it runs on only, so this
// checks what it would stumble over on the other architecture: a name that is
// not in its table. And no call may be missing there that a cell needs.
func TestArm64(t *testing.T) {
	t.Parallel()
	info, err := arch.GetInfo("arm64")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []Purpose{RunWasm, Compile, RunNative} {
		list, err := callFilters(callNames(p), testPID, "arm64")
		if err != nil {
			t.Fatal(err)
		}
		lock, err := lockFilters("arm64")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range append(list, lock...) {
			for _, g := range f.Policy.Syscalls {
				names := g.Names
				for _, c := range g.NamesWithCondtions {
					names = append(names, c.Name)
				}
				for _, n := range names {
					if _, ok := info.SyscallNames[n]; !ok {
						t.Errorf("%s: %s is not in the table", p, n)
					}
				}
			}
		}
	}
	missing := map[string]bool{}
	for _, n := range runtimeCalls() {
		if _, ok := info.SyscallNames[n]; !ok {
			missing[n] = true
		}
	}
	for _, onlyAmd64 := range []string{"arch_prctl", "epoll_wait", "poll", "getrlimit"} {
		delete(missing, onlyAmd64)
	}
	if len(missing) > 0 {
		t.Errorf("not in the table of arm64: %v", missing)
	}
}
