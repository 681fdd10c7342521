package control

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ambithost/ambit/sdk/protocol"
)

func TestOneHostAHome(t *testing.T) {
	t.Parallel()
	home := shortHome(t)
	first, err := Lock(home)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Lock(home)
	if protocol.CodeOf(err) != protocol.Unavailable || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("a second lock: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Lock(home)
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	_ = again.Close()
	if err := again.Close(); err != nil {
		t.Errorf("Close twice: %v", err)
	}
}

func TestModes(t *testing.T) {
	t.Parallel()
	home := shortHome(t)
	if err := os.Mkdir(home, 0o755); err != nil {
		t.Fatal(err)
	}
	lock, err := Lock(home) // empty: it may be closed to others
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	lis, err := Listen(lock)
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	for path, want := range map[string]os.FileMode{home: 0o700, filepath.Join(home, socketName): 0o600, filepath.Join(home, lockName): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", path, info.Mode(), err, want)
		}
	}
}

// TestForeignFolder: AMBIT_HOME=/tmp must not close /tmp to everyone else.
func TestForeignFolder(t *testing.T) {
	t.Parallel()
	home := shortHome(t)
	if err := os.Mkdir(home, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "someone's"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Lock(home)
	if protocol.CodeOf(err) != protocol.Invalid {
		t.Errorf("got %v", err)
	}
	if info, err := os.Stat(home); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("its mode was changed: %v %v", info.Mode(), err)
	}
}

func TestDeadHostsSocket(t *testing.T) {
	t.Parallel()
	home := shortHome(t)
	lock, err := Lock(home)
	if err != nil {
		t.Fatal(err)
	}
	lis, err := Listen(lock)
	if err != nil {
		t.Fatal(err)
	}
	lis.(*net.UnixListener).SetUnlinkOnClose(false) // as after SIGKILL
	_, _ = lis.Close(), lock.Close()
	c := NewClient(home)
	defer c.Close()
	_, err = c.Status(t.Context())
	if e := AsError(err); !errors.Is(err, ErrNotRunning) || e.Code != protocol.Unavailable || !strings.Contains(e.Hint, "ambit up") {
		t.Errorf("with a dead host's socket: %#v", err)
	}
	again, err := Lock(home)
	if err != nil {
		t.Fatal(err)
	}
	lis, err = Listen(again)
	if err != nil {
		t.Fatalf("a dead host's socket is in the way: %v", err)
	}
	serveOn(t, &partial{}, lis, home, again)
	if _, err := c.Status(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNoHost(t *testing.T) {
	t.Parallel()
	c := NewClient(shortHome(t))
	defer c.Close()
	_, err := c.Plugins(t.Context())
	if e := AsError(err); !errors.Is(err, ErrNotRunning) || !strings.Contains(e.Hint, "ambit up") {
		t.Errorf("got %#v", err)
	}
}

func TestLongHome(t *testing.T) {
	t.Parallel()
	home := filepath.Join(shortHome(t), strings.Repeat("long/", 30))
	lock, err := Lock(home)
	if err != nil {
		t.Fatal(err)
	}
	lis, err := Listen(lock)
	if err != nil {
		t.Fatal(err)
	}
	c, _ := serveOn(t, &partial{}, lis, home, lock)
	path, err := SocketPath(home)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(filepath.Dir(path)) })
	if len(path) > maxSocketPath || strings.HasPrefix(path, home) {
		t.Errorf("listens at %s", path)
	}
	if _, err := c.Status(t.Context()); err != nil {
		t.Error(err)
	}
	// Someone else could have made that folder first and opened it.
	if err := os.Chmod(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if _, err := c.Status(t.Context()); protocol.CodeOf(err) != protocol.Denied {
		t.Errorf("a folder open to others was trusted: %v", err)
	}
}
