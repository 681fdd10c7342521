package control

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ambithost/ambit/sdk/protocol"
)

// maxSocketPath is what fits everywhere: sun_path holds 104 bytes on macOS and
// the BSDs, 108 on Linux, the terminating zero included.
const maxSocketPath = 103

const (
	socketName = "control.sock"
	lockName   = "host.lock"
)

// SocketPath returns where the host of a home listens: control.sock in it, or,
// when that path is longer than a socket address can be, control.sock in the
// folder ambit-UID-HASH of /tmp (on Windows of the user's folder for temporary
// files), HASH being the first 16 hex digits of the SHA-256 of the home's
// absolute path.
func SocketPath(home string) (string, error) {
	path, _, err := socketPath(home)
	return path, err
}

func socketPath(home string) (path string, fallback bool, err error) {
	abs, err := filepath.Abs(home)
	if err != nil {
		return "", false, fmt.Errorf("home %s: %w", home, err)
	}
	if p := filepath.Join(abs, socketName); len(p) <= maxSocketPath {
		return p, false, nil
	}
	sum := sha256.Sum256([]byte(abs))
	tmp := "/tmp" // not TMPDIR: a host and a client started elsewhere must agree
	if runtime.GOOS == "windows" {
		tmp = os.TempDir()
	}
	dir := "ambit-" + strconv.Itoa(os.Getuid()) + "-" + hex.EncodeToString(sum[:8])
	return filepath.Join(tmp, dir, socketName), true, nil
}

// HomeLock is held by the one host of a home.
type HomeLock struct {
	home string
	file *os.File
	once sync.Once
	err  error
}

// Lock makes home if need be, closes it to other users, and takes its lock. It
// fails with unavailable when another host holds it, naming that host's
// process. The system frees the lock when the process ends, however it ends.
func Lock(home string) (*HomeLock, error) {
	abs, err := filepath.Abs(home)
	if err != nil {
		return nil, fmt.Errorf("home %s: %w", home, err)
	}
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return nil, protocol.Errorf(protocol.Unavailable, "home: %v", err)
	}
	if err := closeToOthers(abs); err != nil {
		return nil, err
	}
	name := filepath.Join(abs, lockName)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the owner's own home
	if err != nil {
		return nil, protocol.Errorf(protocol.Unavailable, "home: %v", err)
	}
	if err := waitLock(f); err != nil {
		defer f.Close()
		if !errors.Is(err, errLocked) {
			return nil, protocol.Errorf(protocol.Unavailable, "lock %s: %v", name, err)
		}
		return nil, &Error{Code: protocol.Unavailable,
			Message: fmt.Sprintf("another host%s already runs on %s", process(holder(f)), abs),
			Hint:    "use it as it is, or end it first; for a second, separate host set AMBIT_HOME to another folder"}
	}
	l := &HomeLock{home: abs, file: f}
	if err := writePID(f); err != nil {
		return nil, errors.Join(protocol.Errorf(protocol.Unavailable, "lock %s: %v", name, err), l.Close())
	}
	return l, nil
}

// waitLock takes the lock. Where its holder is dead, a process that it had just
// begun to start may still have the file for a moment: that is waited for.
func waitLock(f *os.File) error {
	for try := 0; ; try++ {
		err := lockFile(f)
		pid := holder(f)
		if !errors.Is(err, errLocked) || try == 100 || pid == 0 || alive(pid) {
			return err
		}
		<-time.After(30 * time.Millisecond) // three seconds in all, before there is anything to cancel
	}
}

// Home is the locked home's absolute path.
func (l *HomeLock) Home() string { return l.home }

// Close frees the lock, also where a process that is just being started still has
// the file. The file stays: to delete it would let two hosts each lock their own.
func (l *HomeLock) Close() error {
	l.once.Do(func() { l.err = errors.Join(unlockFile(l.file), l.file.Close()) })
	return l.err
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// holder is the process that wrote the lock file; 0 if that can't be read.
func holder(f *os.File) int {
	b := make([]byte, 20)
	n, _ := f.ReadAt(b, 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil || pid <= 0 {
		return 0
	}
	return pid
}

func process(pid int) string {
	if pid == 0 {
		return ""
	}
	return fmt.Sprintf(" (process %d)", pid)
}

// closeToOthers makes sure that only its owner enters dir. It changes the mode
// of a folder that is Ambit's own or empty, and of no other: AMBIT_HOME=/tmp
// must not lock everyone out of /tmp.
func closeToOthers(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return protocol.Errorf(protocol.Unavailable, "home: %v", err)
	}
	if !info.IsDir() {
		return protocol.Errorf(protocol.Invalid, "home %s is not a folder", dir)
	}
	if !modesCount || info.Mode().Perm()&0o077 == 0 {
		return ownedByUs(dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return protocol.Errorf(protocol.Unavailable, "home: %v", err)
	}
	_, missing := os.Lstat(filepath.Join(dir, lockName))
	if len(entries) > 0 && missing != nil {
		return &Error{Code: protocol.Invalid,
			Message: fmt.Sprintf("home %s is open to other users (mode %04o) and holds files that are not Ambit's", dir, info.Mode().Perm()),
			Hint:    "choose an empty folder, or run: chmod 700 " + dir}
	}
	if err := ownedByUs(dir); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o700); err != nil { //nolint:gosec // a folder needs x
		return protocol.Errorf(protocol.Unavailable, "home: %v", err)
	}
	return nil
}

// Listen opens the control socket of a locked home. Holding the lock proves
// that a socket found there is a dead host's, so it is removed.
func Listen(l *HomeLock) (net.Listener, error) {
	path, fallback, err := socketPath(l.home)
	if err != nil {
		return nil, err
	}
	if fallback {
		dir := filepath.Dir(path)
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, protocol.Errorf(protocol.Unavailable, "control socket: %v", err)
		}
		if err := checkFallback(dir); err != nil {
			return nil, err
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, protocol.Errorf(protocol.Unavailable, "control socket: remove the one a dead host left: %v", err)
	}
	lis, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, protocol.Errorf(protocol.Unavailable, "control socket: %v", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(protocol.Errorf(protocol.Unavailable, "control socket: %v", err), lis.Close())
	}
	return lis, nil
}

// checkFallback distrusts a folder in a place where everyone may write: it must
// be a folder (no link), ours, and closed to others.
func checkFallback(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() || modesCount && info.Mode().Perm() != 0o700 {
		return protocol.Errorf(protocol.Denied, "control socket: %s is not a folder of mode 0700: someone else may have made it; remove it, or choose a shorter AMBIT_HOME", dir)
	}
	return ownedByUs(dir)
}
