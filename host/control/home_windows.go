package control

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// modesCount says whether the file mode keeps others out. On Windows it does
// not: the access list that the user's profile folder passes on does.
const modesCount = false

var errLocked = errors.New("locked by another process")

// errRefused is what connecting to a dead host's socket gives.
const errRefused = windows.WSAECONNREFUSED

// lockFile locks a byte far behind the content, so that the process id in the
// file stays readable for others.
func lockFile(f *os.File) error {
	at := &windows.Overlapped{Offset: 1 << 30}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return errLocked
	}
	return err
}

// unlockFile leaves it to the file's end, which no other process can put off here.
func unlockFile(*os.File) error { return nil }

// alive: a lock ends with its process here, so whoever holds it lives.
func alive(int) bool { return true }

func ownedByUs(string) error { return nil }
