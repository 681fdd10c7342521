package confine

import "syscall"

// Attr is how to start the child.
func (Level) Attr() (*syscall.SysProcAttr, []Measure) {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}, []Measure{missing(ProcessGroup, "not on windows"), missing(ParentDeath, "not on windows")}
}
