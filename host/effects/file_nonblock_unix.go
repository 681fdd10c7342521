//go:build unix

package effects

import "syscall"

const openNonblock = syscall.O_NONBLOCK
