package confine

import (
	"errors"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// nobody is the user inside every cell. Not zero: execve by a user that is not
// root drops every capability that a new user namespace gave.
const nobody = 65534

// Level is how much the parent takes away when it starts the child.
type Level struct {
	users bool    // a user namespace
	flags uintptr // the other namespaces
	root  bool    // the parent is root, so the child must become nobody
}

// Levels lists what to try, best first: kernels and containers may refuse
// user namespaces, or all of them. The last always works.
func Levels() []Level {
	root := os.Geteuid() == 0
	const rest = unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWIPC
	levels := []Level{{users: true, flags: rest, root: root}}
	if root {
		levels = append(levels, Level{flags: rest, root: true})
	}
	return append(levels, Level{root: root})
}

// OwnUsers reports whether the child gets a user namespace.
func (l Level) OwnUsers() bool { return l.users }

// Owner is the user and group, outside of the cell, to which files belong
// that the cell must be able to change; ok is false when they are the host's.
func (l Level) Owner() (uid, gid int, ok bool) { return nobody, nobody, l.root }

// Attr is how to start the child, and what that achieves. The caller must
// start it from a thread that lives as long as the child may: the parent-death
// signal follows the thread, not the process.
func (l Level) Attr() (*syscall.SysProcAttr, []Measure) {
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Cloneflags: l.flags}
	measures := []Measure{enforced(ProcessGroup, "")} // the child reports on the parent-death signal
	uid, gid := os.Geteuid(), os.Getegid()
	if l.root {
		uid, gid = nobody, nobody
		attr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	var names []string
	if l.users {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: uid, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: gid, Size: 1}}
		attr.GidMappingsEnableSetgroups = l.root
		names = append(names, "user")
	}
	if l.flags != 0 {
		names = append(names, "network", "process", "ipc")
	}
	switch len(names) {
	case 4:
		measures = append(measures, enforced(Namespaces, strings.Join(names, " ")))
	case 0:
		measures = append(measures, missing(Namespaces, "refused by the kernel"))
	default:
		measures = append(measures, missing(Namespaces, "only "+strings.Join(names, " ")+": user namespaces are refused by the kernel"))
	}
	return attr, measures
}

// Refused reports whether starting the child failed because the kernel grants
// no such namespaces, so that the next level is worth a try.
func Refused(err error) bool {
	for _, e := range []error{unix.EPERM, unix.EINVAL, unix.ENOSPC, unix.EUSERS, unix.ENOSYS} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// Descriptor is a path to an inherited descriptor. It works whatever folders
// lead to the file, and after the file was replaced.
func Descriptor(fd int) string { return "/proc/self/fd/" + itoa(fd) }
