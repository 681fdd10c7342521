//go:build unix

package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

// ownSession keeps a terminal that closes from taking the host with it.
func ownSession() *unix.SysProcAttr { return &unix.SysProcAttr{Setsid: true} }

// endSignals ask a program to end.
func endSignals() []os.Signal { return []os.Signal{os.Interrupt, unix.SIGTERM, unix.SIGHUP} }
