//go:build unix

package cell

import "syscall"

// killGroup ends a process, which leads its group, and all it started.
func killGroup(pid int) {
	_ = syscall.Kill(-pid, syscall.SIGKILL) // fails if it is gone, which is as good
}
