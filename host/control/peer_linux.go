package control

import (
	"net"

	"golang.org/x/sys/unix"
)

// peerUID asks the system who is at the other end (SO_PEERCRED, unix(7)).
// known is false where it does not tell.
func peerUID(c *net.UnixConn) (uid int, known bool, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, true, err
	}
	var cred *unix.Ucred
	var optErr error
	err = raw.Control(func(fd uintptr) {
		cred, optErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) //nolint:gosec // a descriptor fits
	})
	switch {
	case err != nil:
		return 0, true, err
	case optErr != nil:
		return 0, true, optErr
	}
	return int(cred.Uid), true, nil
}
