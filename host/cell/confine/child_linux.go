package confine

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

func itoa(n int) string { return strconv.Itoa(n) }

// Apply confines this process according to the plan, for good; call [Enter]
// before it. The order matters: Landlock needs system calls that seccomp then
// takes away.
func Apply(p Plan) []Measure {
	// No-new-privileges is a thread's: the filters must be loaded from the one
	// that has it. A native cell goes on to execve from this same thread.
	runtime.LockOSThread()
	if p.Purpose != RunNative {
		defer runtime.UnlockOSThread()
	}
	measures := []Measure{dieWithParent(), nullStdin(), credentials(), limits(p)}
	measures = append(measures, restrictFiles(p))
	return append(measures, restrictCalls(p))
}

// dieWithParent renews the signal that the parent asked for. It is a thread's:
// the process's first thread has it, and a native cell executes its program
// from this one, which then is the only one left.
func dieWithParent() Measure {
	err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0)
	return measure(ParentDeath, "SIGKILL", err)
}

// nullStdin verifies that the parent gave this process none of its own
// standard input, perhaps a terminal.
func nullStdin() Measure {
	var st unix.Stat_t
	err := unix.Fstat(0, &st)
	if err == nil && (st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != unix.Mkdev(1, 3)) {
		err = errors.New("it is not /dev/null")
	}
	return measure(Stdin, "/dev/null", err)
}

// credentials verifies what the parent asked for: the kernel's word, not ours.
// No-new-privileges is set here so that it holds even without seccomp.
func credentials() Measure {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return missing(Credentials, "no-new-privileges: "+err.Error())
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData // 64 capabilities, in halves
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return missing(Credentials, "capabilities: "+err.Error())
	}
	if sets != [2]unix.CapUserData{} {
		return missing(Credentials, fmt.Sprintf("it has capabilities: %+v", sets))
	}
	if os.Geteuid() == 0 {
		return missing(Credentials, "still root")
	}
	return enforced(Credentials, fmt.Sprintf("user %d, no capabilities", os.Geteuid()))
}
