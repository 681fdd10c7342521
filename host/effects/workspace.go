package effects

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/ambithost/ambit/host/plainfile"
	"github.com/ambithost/ambit/sdk/protocol"
)

// workspace keeps the writers of one folder in turn and counts what is there.
type workspace struct {
	turn  chan struct{}
	bytes int64
	files int
	asOf  time.Time // of the count; the owner may change files meanwhile
}

const (
	recount   = 10 * time.Second
	staleTemp = time.Hour
)

func (e *Effects) space(dir string) *workspace {
	w, _ := e.spaces.LoadOrStore(dir, &workspace{turn: make(chan struct{}, 1)})
	return w.(*workspace)
}

func (w *workspace) lock(ctx context.Context) error {
	select {
	case w.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (w *workspace) unlock() { <-w.turn }

// write puts a file in place, within the quota.
func (w *workspace) write(root *os.Root, p string, data []byte, appends bool, l Limits) error {
	if err := w.count(root, l); err != nil {
		return err
	}
	// Every missing folder counts too: folders are not for free.
	if w.files+1+strings.Count(p, "/") > l.WorkspaceFiles {
		return protocol.Errorf(protocol.Limit, "file.write: the workspace may hold %d files and folders; delete some first", l.WorkspaceFiles)
	}
	dir, name, err := folderOf(root, "file.write", p, true)
	if err != nil {
		return err
	}
	defer dir.Close()
	old, existed, err := w.before(dir, name, p)
	if err != nil {
		return err
	}
	if appends && existed {
		head, err := readPlain(dir, "file.write", name, p)
		if err != nil {
			return err
		}
		if len(head)+len(data) > maxFile {
			return protocol.Errorf(protocol.Limit, "file.write: %s would have %d bytes, the limit is %d", p, len(head)+len(data), maxFile)
		}
		data = append(head, data...)
	}
	if w.bytes-old+int64(len(data)) > l.WorkspaceBytes {
		return protocol.Errorf(protocol.Limit, "file.write: the workspace may hold %d bytes; delete some files first", l.WorkspaceBytes)
	}
	if err := replace(dir, name, data); err != nil {
		return err
	}
	w.bytes += int64(len(data)) - old
	if !existed {
		w.files += 1 + strings.Count(p, "/") // at most; the next count is exact
	}
	return nil
}

// before looks at what a write would replace: nothing, or a plain file.
func (w *workspace) before(dir *os.Root, name, shown string) (size int64, existed bool, err error) {
	info, err := dir.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, false, nil
	case err != nil:
		return 0, false, err
	case info.IsDir():
		return 0, false, protocol.Errorf(protocol.Invalid, "file.write: %s is a folder", shown)
	case !info.Mode().IsRegular():
		return 0, false, errLink("file.write", shown)
	}
	return info.Size(), true, nil
}

// remove deletes a plain file or an empty folder.
func (w *workspace) remove(root *os.Root, p string) error {
	dir, name, err := folderOf(root, "file.write", p, false)
	if err != nil {
		return err
	}
	defer dir.Close()
	info, err := dir.Lstat(name)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() && !info.IsDir() {
		return errLink("file.write", p)
	}
	if info.IsDir() {
		if d, err := dir.OpenFile(name, os.O_RDONLY|plainfile.Nonblock, 0); err == nil {
			names, _ := d.Readdirnames(1)
			_ = d.Close()
			if len(names) > 0 {
				return protocol.Errorf(protocol.Invalid, "file.write: folder %s is not empty", p)
			}
		}
	}
	w.asOf = time.Time{}
	return dir.Remove(name)
}

// count walks the workspace, unless it did so a moment ago, and clears away
// temporary files that a crash left.
func (w *workspace) count(root *os.Root, l Limits) error {
	if time.Since(w.asOf) < recount {
		return nil
	}
	w.bytes, w.files = 0, 0
	err := fs.WalkDir(root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == "." {
			return ignoreGone(err)
		}
		info, err := d.Info()
		if err != nil {
			return ignoreGone(err)
		}
		if strings.HasPrefix(d.Name(), tempPrefix) && info.Mode().IsRegular() && time.Since(info.ModTime()) > staleTemp {
			return root.Remove(p)
		}
		w.files++
		if info.Mode().IsRegular() {
			w.bytes += info.Size()
		}
		if w.files > l.WorkspaceFiles {
			return fs.SkipAll // full; how full does not matter
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.asOf = time.Now()
	return nil
}

// ignoreGone passes over what vanished or the owner has closed to the host.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}
