//go:build unix && !linux

package confine

import "syscall"

// Attr is how to start the child: in a process group of its own.
func (Level) Attr() (*syscall.SysProcAttr, []Measure) {
	return &syscall.SysProcAttr{Setpgid: true}, []Measure{enforced(ProcessGroup, ""), missing(ParentDeath, "not on this system")}
}
