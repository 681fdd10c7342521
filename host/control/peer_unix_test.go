//go:build unix

package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ambithost/ambit/sdk/protocol"
)

const ready = "ready" // the other user's server listens

// TestOtherUser opens the file modes, so that only the peer check is left, and
// comes as another user; then that user serves, and we come as a client.
func TestOtherUser(t *testing.T) {
	if role := os.Getenv("CONTROL_TEST_ROLE"); role != "" {
		otherUser(t, role, os.Getenv("CONTROL_TEST_SOCKET"))
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("to become another user takes root")
	}
	home := shortHome(t)
	lock, err := Lock(home)
	if err != nil {
		t.Fatal(err)
	}
	lis, err := Listen(lock)
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, &partial{}, lis, home, lock)
	sock := filepath.Join(home, socketName)
	for path, mode := range map[string]os.FileMode{filepath.Dir(home): 0o755, home: 0o755, sock: 0o666} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := as(t, "client", sock).CombinedOutput(); err != nil {
		t.Errorf("as a client: %v\n%s", err, out)
	}

	theirs := shortHome(t)
	if err := os.MkdirAll(theirs, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{filepath.Dir(theirs), theirs} {
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	cmd := as(t, "server", filepath.Join(theirs, socketName))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != ready {
	}
	if lines.Text() != ready {
		t.Fatalf("the other user's server did not start: %v", lines.Err())
	}
	c := NewClient(theirs)
	defer c.Close()
	err = c.SetSecret(context.Background(), "KEY", []byte("secret"))
	if protocol.CodeOf(err) != protocol.Denied || !strings.Contains(err.Error(), "can't be trusted") {
		t.Errorf("a secret was given to another user's server: %v", err)
	}
}

// TestDeadHolder: a process that the dead host was just starting still has the
// lock. It is gone in a moment, and a new host waits for that.
func TestDeadHolder(t *testing.T) {
	t.Parallel()
	home := shortHome(t)
	dead, err := Lock(home)
	if err != nil {
		t.Fatal(err)
	}
	heir := exec.Command("sleep", "0.5")
	heir.ExtraFiles = []*os.File{dead.file} // shares the lock
	gone := exec.Command("true")
	if err := errors.Join(heir.Start(), gone.Run()); err != nil {
		t.Skip(err)
	}
	defer func() { _ = heir.Wait() }()
	if _, err := dead.file.WriteAt(fmt.Appendf(nil, "%d\n      ", gone.Process.Pid), 0); err != nil {
		t.Fatal(err)
	}
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Lock(home)
	if err != nil {
		t.Fatal(err)
	}
	_ = again.Close()
}

func as(t *testing.T, role, sock string) *exec.Cmd {
	t.Helper()
	exe := filepath.Join(filepath.Dir(sock), "ambit-control-test")
	b, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(exe, b, 0o755); err != nil { //nolint:gosec // another user runs it
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^TestOtherUser$", "-test.v")
	cmd.Dir = "/"
	cmd.Env = []string{"CONTROL_TEST_ROLE=" + role, "CONTROL_TEST_SOCKET=" + sock}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534, NoSetGroups: true}}
	return cmd
}

func otherUser(t *testing.T, role, sock string) {
	if role == "server" {
		lis, err := net.Listen("unix", sock)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(sock, 0o777); err != nil {
			t.Fatal(err)
		}
		fmt.Println(ready)
		_ = http.Serve(lis, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "{}") }))
		return
	}
	h := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", sock)
	}}}
	res, err := h.Get("http://ambit/v1/status")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("user %d was answered with %s", os.Getuid(), res.Status)
	}
}
