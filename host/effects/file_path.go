package effects

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/ambithost/ambit/host/plainfile"
	"github.com/ambithost/ambit/sdk/protocol"
)

const (
	maxPath    = 1024
	maxParts   = 32
	tempPrefix = ".ambit-" // our own files; plugins neither see nor name them
)

// checkPath holds a path to its one spelling: relative, slash-separated, clean.
// Scope, policy and the file system then mean the same file. "." is the
// workspace itself; folder says that the path ended in a slash.
func checkPath(what, raw string) (p string, folder bool, err error) {
	bad := func(why string) (string, bool, error) {
		return "", false, protocol.Errorf(protocol.Invalid, "%s: path %q: %s", what, oneLine(raw, 200), why)
	}
	if raw == "." || raw == "./" {
		return ".", true, nil
	}
	p = strings.TrimSuffix(raw, "/")
	switch {
	case len(raw) > maxPath:
		return bad("too long")
	case badName(raw) || strings.ContainsAny(raw, "\\\u2028\u2029"):
		return bad("want UTF-8 without control characters and backslashes")
	case p == "" || path.IsAbs(p) || path.Clean(p) != p || !filepath.IsLocal(filepath.FromSlash(p)):
		return bad(`want a path relative to the workspace, without ".", ".." and empty parts`)
	}
	parts := strings.Split(p, "/")
	if len(parts) > maxParts {
		return bad("too many folders")
	}
	for _, part := range parts {
		if len(part) > 255 || strings.HasPrefix(part, tempPrefix) {
			return bad("a part of it is too long or reserved")
		}
	}
	return p, p != raw, nil
}

// errLink is the answer to links and special files in a plugin's path. A link
// would make the scope of a path meaningless, so none is followed, wherever it
// leads.
func errLink(what, p string) error {
	return protocol.Errorf(protocol.Denied, "%s: %s is, or leads through, a link or a special file; plugins use plain files and folders only", what, p)
}

// folderOf opens the folder that holds p, one step at a time. Each step is
// looked at, opened and compared, so that a link put there in between is
// noticed. With create missing folders are made. The caller closes it.
func folderOf(root *os.Root, what, p string, create bool) (dir *os.Root, name string, err error) {
	parts := strings.Split(p, "/")
	dir, err = root.OpenRoot(".")
	if err != nil {
		return nil, "", err
	}
	for i, part := range parts[:len(parts)-1] {
		next, err := step(dir, what, part, strings.Join(parts[:i+1], "/"), create)
		_ = dir.Close()
		if err != nil {
			return nil, "", err
		}
		dir = next
	}
	return dir, parts[len(parts)-1], nil
}

// step opens the folder name in dir.
func step(dir *os.Root, what, name, shown string, create bool) (*os.Root, error) {
	before, err := dir.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) && create {
		if err := dir.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		before, err = dir.Lstat(name)
	}
	if err != nil {
		return nil, err
	}
	if !before.IsDir() {
		if before.Mode().IsRegular() {
			return nil, protocol.Errorf(protocol.Invalid, "%s: %s is a file, not a folder", what, shown)
		}
		return nil, errLink(what, shown)
	}
	return enter(dir, before, what, name, shown)
}

// enter opens the folder that was looked at before, or nothing.
func enter(dir *os.Root, before fs.FileInfo, what, name, shown string) (*os.Root, error) {
	next, err := dir.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	after, err := next.Stat(".")
	if err != nil || !os.SameFile(before, after) {
		return nil, errors.Join(errLink(what, shown), next.Close())
	}
	return next, nil
}

// openFile opens a regular file for reading. It does not wait for the other
// end of a pipe.
func openFile(dir *os.Root, what, name, shown string) (*os.File, fs.FileInfo, error) {
	before, err := dir.Lstat(name)
	if err != nil {
		return nil, nil, err
	}
	if before.IsDir() {
		return nil, nil, protocol.Errorf(protocol.Invalid, "%s: %s is a folder; to list it end the path in /", what, shown)
	}
	return openSeen(dir, before, what, name, shown)
}

// openSeen opens the file that was looked at before, or nothing.
func openSeen(dir *os.Root, before fs.FileInfo, what, name, shown string) (*os.File, fs.FileInfo, error) {
	f, info, err := plainfile.OpenSeen(dir, before, name)
	if errors.Is(err, plainfile.ErrNotPlain) {
		err = errLink(what, shown)
	}
	return f, info, err
}
