package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// skipped is a child's exit code where the kernel does not allow the test.
const skipped = 77

// TestFullDisk fills a real file system, and meets a real file size limit, in a
// process of its own.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	for name, attr := range map[string]*syscall.SysProcAttr{
		"tmpfs": {
			Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		},
		"rlimit": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			exe, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(exe)
			cmd.Env = append(os.Environ(), childEnv+"="+name+":"+t.TempDir())
			cmd.SysProcAttr = attr
			out, err := cmd.CombinedOutput()
			if cmd.ProcessState == nil && attr != nil {
				t.Skipf("no user namespace here: %v", err)
			}
			if cmd.ProcessState.ExitCode() == skipped {
				t.Skipf("%s", out)
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
}

func childFull(what string) int {
	kind, dir, _ := strings.Cut(what, ":")
	var fill, empty func() error
	switch kind {
	case "tmpfs":
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
			fmt.Println("no tmpfs here:", err)
			return skipped
		}
		ballast := filepath.Join(dir, "ballast")
		fill = func() error {
			err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600)
			if !errors.Is(err, syscall.ENOSPC) {
				return fmt.Errorf("filling the disk: %v", err)
			}
			return nil
		}
		empty = func() error { return os.Remove(ballast) }
	case "rlimit":
		signal.Ignore(unix.SIGXFSZ)
		limit := func(n uint64) error {
			return unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: n, Max: unix.RLIM_INFINITY})
		}
		var now unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &now); err != nil || now.Max != unix.RLIM_INFINITY {
			fmt.Println("the file size is limited already:", err)
			return skipped
		}
		fill = func() error { return limit(6000) }
		empty = func() error { return limit(unix.RLIM_INFINITY) }
	}
	if err := runFull(filepath.Join(dir, "log"), fill, empty); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// runFull drives a log into a full disk and out of it.
func runFull(dir string, full, empty func() error) error {
	ctx := context.Background()
	cfg := Config{Dir: dir, SyncEvery: 5 * time.Millisecond, PublishEvery: 5 * time.Millisecond}
	l, err := Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer l.Close()
	var acked []uint64
	add := func(i int) error {
		index, err := l.Append(ctx, Record{Kind: Turn, Turn: fmt.Sprint(i)}, nil, i%2 == 0)
		if err == nil {
			acked = append(acked, index)
		}
		return err
	}
	for round := range 3 {
		if err := add(round); err != nil {
			return err
		}
		if err := full(); err != nil {
			return err
		}
		for err = nil; err == nil; { // whatever room is left
			err = add(round)
		}
		if !errors.Is(err, ErrUnavailable) || !(errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EFBIG)) {
			return fmt.Errorf("append on a full disk: %v", err)
		}
		if l.Err() == nil {
			return errors.New("Err is nil on a full disk")
		}
		if err := empty(); err != nil {
			return err
		}
		for until := time.Now().Add(time.Minute); l.Err() != nil; time.Sleep(time.Millisecond) {
			if time.Now().After(until) {
				return fmt.Errorf("the log does not come back: %v", l.Err())
			}
		}
		if err := add(round); err != nil {
			return err
		}
	}
	n := 0
	if err := l.Read(ctx, 0, func(index uint64, r Record) error {
		if len(acked) > 0 && index == acked[0] {
			acked = acked[1:]
			if r.Kind != Turn {
				return fmt.Errorf("entry %d was acknowledged and is %+v", index, r)
			}
		}
		n++
		return nil
	}); err != nil {
		return err
	}
	if len(acked) > 0 {
		return fmt.Errorf("entries %v of %d are missing", acked, n)
	}
	if err := l.Close(); err != nil {
		return err
	}
	r, err := Verify(ctx, VerifyConfig{Dir: dir, Key: l.VerifierKey()})
	if err != nil || !r.OK() {
		return fmt.Errorf("verify: %v %s", err, strings.Join(r.Problems, "\n"))
	}
	return nil
}
