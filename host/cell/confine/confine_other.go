//go:build !linux

package confine

import (
	"runtime"
	"strconv"
)

// Level is how much the parent takes away when it starts the child: here
// nothing.
type Level struct{}

// Levels lists what to try.
func Levels() []Level { return []Level{{}} }

// OwnUsers reports whether the child gets a user namespace.
func (Level) OwnUsers() bool { return false }

// Owner is the user to which the cell's files must belong; never another one.
func (Level) Owner() (uid, gid int, ok bool) { return 0, 0, false }

// Refused reports whether the next level is worth a try: there is none.
func Refused(error) bool { return false }

// Enter has nothing to do here.
func Enter(Plan) error { return nil }

// Apply reports that nothing of this exists here.
func Apply(Plan) []Measure {
	var list []Measure
	for _, name := range []string{Namespaces, Credentials, Rlimits, Landlock, Seccomp} {
		list = append(list, missing(name, "not on "+runtime.GOOS))
	}
	return list
}

// Lock reports that it does not exist here.
func Lock() Measure { return missing(LoadLock, "not on "+runtime.GOOS) }

// Descriptor names an inherited descriptor.
func Descriptor(fd int) string { return "/dev/fd/" + strconv.Itoa(fd) }
