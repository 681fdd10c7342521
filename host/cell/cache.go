package cell

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ambithost/ambit/host/cell/confine"
	"github.com/ambithost/ambit/sdk/protocol"
)

// openCache opens a cache folder for a cell to inherit, and creates it.
func openCache(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, protocol.Errorf(protocol.Unavailable, "cell: compile cache: %v", err)
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, protocol.Errorf(protocol.Unavailable, "cell: compile cache: %v", err)
	}
	return f, nil
}

// draftCache makes the folder that a compiling cell fills, beside the live one
// and the property of the user as whom cells run.
func draftCache(live string) (string, error) {
	err := os.MkdirAll(live, 0o755)
	draft := ""
	if err == nil {
		draft, err = os.MkdirTemp(filepath.Dir(live), ".compile-")
	}
	if uid, gid, ok := confine.Levels()[0].Owner(); ok && err == nil {
		err = os.Chown(draft, uid, gid)
	}
	if err != nil {
		return "", protocol.Errorf(protocol.Unavailable, "cell: compile cache: %v", err)
	}
	return draft, nil
}

// compiledBefore tells whether a live folder holds anything.
func compiledBefore(live string) bool {
	entries, err := os.ReadDir(live)
	return err == nil && len(entries) > 0
}

// seedCache copies into a draft what the live folder holds, so that a module
// which was compiled before is checked again and not compiled again. A copy: the
// cell that gets it could write to it.
func seedCache(draft, live string) error {
	if err := os.CopyFS(draft, os.DirFS(live)); err != nil {
		return fmt.Errorf("compile cache: %w", err)
	}
	uid, gid, ok := confine.Levels()[0].Owner()
	if !ok {
		return nil
	}
	return filepath.WalkDir(draft, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, gid)
	})
}

// publishCache moves what a cell compiled into the live folder, as the host's
// property: running cells may read it and no cell may change it. It holds one
// folder for each version of the runtime.
func publishCache(draft, live string) error {
	if err := sealCache(draft); err != nil {
		return err
	}
	// Cells of a host that is root run as another user. What leads to the
	// folder does not matter: they inherit it open.
	if err := os.Chmod(live, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(draft)
	if err != nil {
		return err
	}
	for _, e := range entries {
		from, to := filepath.Join(draft, e.Name()), filepath.Join(live, e.Name())
		if err := os.Rename(from, to); err == nil {
			continue
		}
		// There is one. Its reader keeps what it has open.
		if err := os.Rename(to, filepath.Join(draft, e.Name()+".old")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.Rename(from, to); err != nil && !errors.Is(err, fs.ErrExist) { // another one was faster
			return err
		}
	}
	return nil
}

// sealCache takes over a folder and all in it. What is neither file nor folder
// is removed.
func sealCache(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		switch e.Type() {
		case fs.ModeDir:
			mode = 0o755
		case 0:
		default:
			return os.Remove(path)
		}
		if _, _, ok := confine.Levels()[0].Owner(); ok {
			if err := os.Lchown(path, os.Geteuid(), os.Getegid()); err != nil {
				return err
			}
		}
		return os.Chmod(path, mode)
	})
}
