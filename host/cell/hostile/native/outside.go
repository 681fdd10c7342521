//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	ossignal "os/signal"
	"path/filepath"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// network connects out, to the host's loopback, and listens.
func network(t Targets, r *report) {
	dial := func(network, address string) {
		conn, err := (&net.Dialer{Timeout: time.Second}).Dial(network, address)
		if err == nil {
			conn.Close()
		}
		r.try("dial "+network, err)
	}
	dial("tcp", t.TCP)
	dial("tcp", "192.0.2.1:443")
	dial("udp", "192.0.2.1:53")
	dial("unix", t.Unix)
	dial("unix", "@"+t.Abstract)
	dial("unixgram", t.Unix)
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", address)
		if err == nil {
			l.Close()
		}
		r.try("listen "+address, err)
	}
	_, err := net.LookupHost("example.com")
	r.try("look up a name", err)
}

// sockets makes sockets of families that have no business in a plugin.
func sockets(_ Targets, r *report) {
	for _, s := range []struct {
		name             string
		domain, typ, pro int
	}{
		{"tcp", unix.AF_INET, unix.SOCK_STREAM, 0},
		{"udp", unix.AF_INET, unix.SOCK_DGRAM, 0},
		{"icmp", unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP},
		{"tcp6", unix.AF_INET6, unix.SOCK_STREAM, 0},
		{"packet", unix.AF_PACKET, unix.SOCK_RAW, 0},
		{"netlink", unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE},
		{"vsock", unix.AF_VSOCK, unix.SOCK_STREAM, 0},
		{"alg", unix.AF_ALG, unix.SOCK_SEQPACKET, 0},
		{"unix datagram", unix.AF_UNIX, unix.SOCK_DGRAM, 0},
		{"unix raw", unix.AF_UNIX, unix.SOCK_RAW, 0},
		{"unix seqpacket", unix.AF_UNIX, unix.SOCK_SEQPACKET, 0},
	} {
		fd, err := unix.Socket(s.domain, s.typ, s.pro)
		if err == nil {
			unix.Close(fd)
		}
		r.try("socket "+s.name, err)
	}
	// A filter that compares all 64 bits of an int argument lets this by: the
	// kernel looks at the low 32 only.
	r.call("socket tcp with high bits", unix.SYS_SOCKET, 1<<32|unix.AF_INET, unix.SOCK_STREAM, 0, 0)
	r.call("socketpair datagram", unix.SYS_SOCKETPAIR, unix.AF_UNIX, unix.SOCK_DGRAM, 0, uintptr(unsafe.Pointer(new([2]int32))))
}

// read opens what is not the plugin's.
func read(t Targets, r *report) {
	self := os.Getpid()
	for _, name := range []string{t.File, "/etc/passwd", "/etc/shadow", "/proc/self/environ", "/proc/self/maps", "/proc/1/environ",
		fmt.Sprintf("/proc/%d/environ", t.HostPID), fmt.Sprintf("/proc/%d/mem", t.HostPID), fmt.Sprintf("/proc/%d/mem", self),
		"/proc/self/root/etc/passwd", "/sys/kernel/notes", "/dev/mem", "/dev/kmsg"} {
		_, err := os.ReadFile(name)
		r.try("read "+shown(t, name), err)
	}
	for _, name := range []string{"/", "/tmp", "/proc", "/dev", t.Dir, filepath.Dir(t.File), "/etc"} {
		_, err := os.ReadDir(name)
		r.try("list "+shown(t, name), err)
	}
	if entries, err := os.ReadDir(".."); err == nil {
		r.try(fmt.Sprintf("list .. (%d entries)", len(entries)), nil)
	}
}

// write makes and changes files outside.
func write(t Targets, r *report) {
	inDir := filepath.Join(t.Dir, "planted")
	for _, name := range []string{"/tmp/ambit-hostile-planted", inDir, "/dev/shm/ambit-hostile-planted"} {
		r.try("create "+shown(t, name), os.WriteFile(name, []byte("x"), 0o666))
	}
	f, err := os.OpenFile(t.File, os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		f.Close()
	}
	r.try("open the secret for writing", err)
	r.try("truncate", os.Truncate(t.File, 0))
	r.try("mkdir", os.Mkdir(filepath.Join(t.Dir, "folder"), 0o777))
	r.try("rename", os.Rename(t.File, inDir))
	r.try("remove", os.Remove(t.File))
	r.try("symlink", os.Symlink("/etc/passwd", filepath.Join(t.Dir, "link")))
	r.try("hard link", os.Link(t.File, filepath.Join(t.Dir, "hard")))
	r.try("mkfifo", unix.Mkfifo(filepath.Join(t.Dir, "fifo"), 0o666))
	r.try("bind a socket outside", bindUnix(filepath.Join(t.Dir, "socket")))
}

func bindUnix(name string) error {
	l, err := net.Listen("unix", name)
	if err == nil {
		l.Close()
	}
	return err
}

// metadata changes what Landlock does not cover.
func metadata(t Targets, r *report) {
	r.try("chmod", os.Chmod(t.File, 0o777))
	r.try("chmod a folder", os.Chmod(t.Dir, 0o700))
	r.try("chown", os.Lchown(t.File, os.Getuid(), os.Getgid()))
	r.try("utime", os.Chtimes(t.File, time.Unix(1, 0), time.Unix(1, 0)))
	r.try("setxattr", unix.Setxattr(t.File, "user.hostile", []byte("x"), 0))
	r.try("chdir", os.Chdir("/tmp"))
	r.try("chroot", unix.Chroot("/tmp"))
	name, err := unix.BytePtrFromString(t.File)
	if err != nil {
		r.try("name", err)
		return
	}
	const fchmodat2 = 452
	at := int64(unix.AT_FDCWD)
	r.call("fchmodat2", fchmodat2, uintptr(at), uintptr(unsafe.Pointer(name)), 0o777, 0)
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err == nil {
		_, err = unix.InotifyAddWatch(fd, filepath.Dir(t.File), unix.IN_ALL_EVENTS)
		unix.Close(fd)
	}
	r.try("watch a folder", err)
}

// environment looks for the host's values where a process can find its own.
func environment(t Targets, r *report) {
	found := errors.New("not there")
	for _, e := range os.Environ() {
		if strings.Contains(e, t.Canary) {
			found = nil
		}
		if strings.HasPrefix(e, "HOME=") || strings.HasPrefix(e, "PATH=") || strings.HasPrefix(e, "USER=") {
			r.try("environment has "+strings.SplitN(e, "=", 2)[0], nil)
		}
	}
	r.try("find the host's canary", found)
	found = errors.New("not there")
	for _, a := range os.Args {
		if strings.Contains(a, t.Canary) {
			found = nil
		}
	}
	r.try("find the canary in the arguments", found)
}

// descriptors looks for open files the host forgot to close.
func descriptors(_ Targets, r *report) {
	for fd := range 1024 {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) != nil {
			continue
		}
		if fmt.Sprintf("/proc/self/fd/%d", fd) == os.Getenv("PLUGIN_UNIX_SOCKET_DIR") {
			continue // its own folder
		}
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG, unix.S_IFDIR, unix.S_IFBLK:
			r.try(fmt.Sprintf("descriptor %d is a file, mode %o", fd, st.Mode), nil)
		case unix.S_IFCHR:
			if unix.Major(st.Rdev) != 1 || unix.Minor(st.Rdev) != 3 { // /dev/null
				r.try(fmt.Sprintf("descriptor %d is device %d:%d", fd, unix.Major(st.Rdev), unix.Minor(st.Rdev)), nil)
			}
		}
	}
	_, err := unix.IoctlGetTermios(0, unix.TCGETS)
	r.try("use the host's terminal", err)
	char := byte('x')
	r.call("type into the terminal", unix.SYS_IOCTL, 0, unix.TIOCSTI, uintptr(unsafe.Pointer(&char)), 0)
	r.call("type into the terminal, high bits", unix.SYS_IOCTL, 0, 1<<32|unix.TIOCSTI, uintptr(unsafe.Pointer(&char)), 0)
}

// socketFolder uses the one folder the cell may write to for more than its
// socket: files there fill the host's disk.
func socketFolder(_ Targets, r *report) {
	dir := os.Getenv("PLUGIN_UNIX_SOCKET_DIR")
	ossignal.Ignore(unix.SIGXFSZ) // an error, then, and not its end
	r.try("store a file in the socket folder", os.WriteFile(filepath.Join(dir, "hoard"), make([]byte, 1<<20), 0o600))
	r.try("make a folder in the socket folder", os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	r.try("link out of the socket folder", os.Symlink("/", filepath.Join(dir, "root")))
}

// shown keeps the test's paths out of the report.
func shown(t Targets, name string) string {
	for value, word := range map[string]string{t.File: "the secret", t.Dir: "the folder"} {
		if name == value {
			return word
		}
	}
	return name
}
