package cli

import (
	"os"

	"golang.org/x/sys/windows"
)

// ownSession keeps a console that closes from taking the host with it.
func ownSession() *windows.SysProcAttr {
	return &windows.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.DETACHED_PROCESS}
}

// endSignals ask a program to end.
func endSignals() []os.Signal { return []os.Signal{os.Interrupt} }
