package confine

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

const (
	// makeSocket is what go-plugin does in its folder: it creates a file to
	// find a free name, removes it, and binds a socket there.
	makeSocket = ll.AccessFSMakeReg | ll.AccessFSMakeSock | ll.AccessFSRemoveFile | ll.AccessFSReadFile | ll.AccessFSWriteFile
	readFolder = ll.AccessFSReadFile | ll.AccessFSReadDir
	fillFolder = readFolder | ll.AccessFSMakeDir | ll.AccessFSMakeReg | ll.AccessFSWriteFile | ll.AccessFSRemoveFile | ll.AccessFSTruncate
	execute    = ll.AccessFSExecute | ll.AccessFSReadFile
)

// everything lists, for an ABI version, all that a ruleset can handle and so
// take away: file access rights, TCP and UDP ports, and what reaches out of
// the domain (abstract sockets, signals).
// https://docs.kernel.org/userspace-api/landlock.html
func everything(abi int) ll.RulesetAttr {
	files := []uint64{1: 1<<13 - 1, 2: 1<<14 - 1, 3: 1<<15 - 1, 4: 1<<15 - 1, 5: 1<<16 - 1, 6: 1<<16 - 1, 7: 1<<16 - 1, 8: 1<<16 - 1, 9: 1<<17 - 1}
	attr := ll.RulesetAttr{HandledAccessFS: files[min(abi, len(files)-1)]}
	switch {
	case abi >= 10:
		attr.HandledAccessNet = 1<<4 - 1
	case abi >= 4:
		attr.HandledAccessNet = 1<<2 - 1
	}
	if abi >= 6 {
		attr.Scoped = 1<<2 - 1
	}
	return attr
}

type pathRule struct {
	path   string
	access uint64
}

// rules are the files that a plan leaves.
func (p Plan) rules() []pathRule {
	list := []pathRule{{p.Socket, makeSocket}}
	if p.Cache != "" {
		access := uint64(readFolder)
		if p.Purpose == Compile {
			access = fillFolder
		}
		list = append(list, pathRule{p.Cache, access})
	}
	if p.Purpose == RunNative {
		list = append(list, pathRule{p.Program, execute})
	}
	return list
}

// restrictFiles leaves the process only the files of its plan. Landlock does
// not cover stat, chmod and (before ABI 9) unix sockets: seccomp does.
func restrictFiles(p Plan) Measure {
	if p.Purpose == RunNative {
		return landlocked(restrictThread, p.rules()...) // execve ends all other threads
	}
	return landlocked(restrictProcess, p.rules()...)
}

// landlocked makes a ruleset and puts it in force.
func landlocked(enforce func(ruleset int) error, rules ...pathRule) Measure {
	abi, err := ll.LandlockGetABIVersion()
	if err != nil || abi < 1 {
		return missing(Landlock, "not in this kernel, or switched off")
	}
	handled := everything(abi)
	fd, err := ll.LandlockCreateRuleset(&handled, 0)
	if err != nil {
		return missing(Landlock, err.Error())
	}
	defer unix.Close(fd)
	for _, r := range rules {
		if err := allowPath(fd, r, handled.HandledAccessFS); err != nil {
			return missing(Landlock, err.Error())
		}
	}
	if err := enforce(fd); err != nil {
		return missing(Landlock, err.Error())
	}
	return verifyFiles(abi)
}

func allowPath(ruleset int, r pathRule, handled uint64) error {
	fd, err := unix.Open(r.path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("rule for %s: %w", r.path, err)
	}
	defer unix.Close(fd)
	rule := ll.PathBeneathAttr{ParentFd: fd, AllowedAccess: r.access & handled}
	if err := ll.LandlockAddPathBeneathRule(ruleset, &rule, 0); err != nil {
		return fmt.Errorf("rule for %s: %w", r.path, err)
	}
	return nil
}

// restrictThread confines the calling thread and what it executes. It needs
// no-new-privileges on that thread, and the thread locked.
func restrictThread(ruleset int) error {
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	return ll.LandlockRestrictSelf(ruleset, 0)
}

// verifyFiles tries what Landlock must refuse.
func verifyFiles(abi int) Measure {
	d, err := os.Open("/")
	if err == nil {
		_ = d.Close()
		return missing(Landlock, "the root folder could still be opened")
	}
	if !errors.Is(err, unix.EACCES) {
		return missing(Landlock, err.Error())
	}
	return enforced(Landlock, fmt.Sprintf("ABI %d", abi))
}
