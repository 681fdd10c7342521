//go:build linux

package main

import "golang.org/x/sys/unix"

// legacyFork tries the calls that later architectures no longer have.
func legacyFork(child func(string, uintptr, ...uintptr)) {
	child("fork", unix.SYS_FORK)
}
