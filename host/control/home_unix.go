//go:build unix

package control

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/ambithost/ambit/sdk/protocol"
)

// modesCount says whether the file mode keeps others out.
const modesCount = true

var errLocked = errors.New("locked by another process")

// errRefused is what connecting to a dead host's socket gives.
const errRefused = unix.ECONNREFUSED

func lockFile(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) //nolint:gosec // a descriptor fits
	if errors.Is(err, unix.EWOULDBLOCK) {
		return errLocked
	}
	return err
}

func unlockFile(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_UN) } //nolint:gosec // a descriptor fits

// alive reports whether a process exists, whoever's it is.
func alive(pid int) bool { return !errors.Is(unix.Kill(pid, 0), unix.ESRCH) }

func ownedByUs(path string) error {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return fmt.Errorf("stat %s: %w", path, err)
	}
	if int(st.Uid) != os.Geteuid() {
		return protocol.Errorf(protocol.Denied, "%s belongs to user %d, not to you (%d)", path, st.Uid, os.Geteuid())
	}
	return nil
}
