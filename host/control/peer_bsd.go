//go:build darwin || freebsd

package control

import (
	"net"

	"golang.org/x/sys/unix"
)

// solLocal is SOL_LOCAL of sys/un.h, the level of LOCAL_PEERCRED.
const solLocal = 0

// peerUID asks the system who is at the other end (LOCAL_PEERCRED, which is
// what getpeereid(3) reads). known is false where it does not tell.
func peerUID(c *net.UnixConn) (uid int, known bool, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, true, err
	}
	var cred *unix.Xucred
	var optErr error
	err = raw.Control(func(fd uintptr) {
		cred, optErr = unix.GetsockoptXucred(int(fd), solLocal, unix.LOCAL_PEERCRED) //nolint:gosec // a descriptor fits
	})
	switch {
	case err != nil:
		return 0, true, err
	case optErr != nil:
		return 0, true, optErr
	}
	return int(cred.Uid), true, nil
}
