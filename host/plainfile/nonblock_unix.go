//go:build unix

package plainfile

import "syscall"

const openNonblock = syscall.O_NONBLOCK
