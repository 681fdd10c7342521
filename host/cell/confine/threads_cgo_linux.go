//go:build cgo

package confine

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
)

// entered marks, in the environment, a process that Landlock confines since
// before its first instruction. Only a process that started itself has it, and
// verifyFiles does not take its word.
const entered = "AMBIT_CELL_ENTERED"

// restrictProcess relies on Enter: a program with cgo has threads that the Go
// runtime does not know. (libpsx, which go-landlock uses, finds them in
// /proc by process id, and waits for ever in a process namespace.)
func restrictProcess(int) error { return nil }

// libraries is where the loader of a program with cgo looks.
var libraries = []string{"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache"}

// Enter confines one thread by Landlock and executes this same program anew
// from it, which leaves that thread only; the
// shared libraries stay readable until Lock. In the process that comes of it, Enter
// returns. A released Ambit is built without cgo and has no need of this;
// test binaries do.
func Enter(p Plan) error {
	if os.Getenv(entered) != "" || p.Purpose == RunNative {
		return nil
	}
	runtime.LockOSThread()
	rules := append(p.rules(), pathRule{"/proc/self/exe", execute})
	for _, path := range libraries {
		if _, err := os.Stat(path); err == nil {
			rules = append(rules, pathRule{path, execute})
		}
	}
	if m := landlocked(restrictThread, rules...); !m.Enforced {
		return nil // Apply will find out and report it
	}
	if m := dieWithParent(); !m.Enforced { // the signal is a thread's
		return fmt.Errorf("parent-death signal: %s", m.Detail)
	}
	err := syscall.Exec("/proc/self/exe", os.Args, append(os.Environ(), entered+"=1"))
	return fmt.Errorf("execute this program again: %w", err)
}
