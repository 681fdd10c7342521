package effects

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

const (
	maxFile    = 8 << 20
	maxEntries = 2000
)

// fileEntry is one line of a folder's list.
type fileEntry struct {
	Name     string `json:"name"`
	Dir      bool   `json:"dir"`
	Size     int64  `json:"size"`
	Modified string `json:"modified"`
}

func (c *Call) fileRead(ctx context.Context, args []byte) ([]byte, error) {
	var a struct {
		Path string `json:"path"`
	}
	if err := decode("file.read", args, &a); err != nil {
		return nil, err
	}
	p, folder, err := checkPath("file.read", a.Path)
	if err != nil {
		return nil, err
	}
	var result any
	err = c.gated(ctx, "file.read", p, capability.Attributes{"path": p}, args, func(ctx context.Context, _ *gate.Flight) error {
		root, err := c.workspace("file.read")
		if err != nil {
			return err
		}
		defer root.Close()
		if folder {
			result, err = listFolder(root, p)
		} else {
			err = c.recall(ctx, c.keptFile(p), func() (err error) {
				result, err = readFile(root, p)
				return err
			})
		}
		return c.fileError("file.read", p, err)
	})
	if err != nil {
		return nil, err
	}
	return encode(result)
}

// workspace opens the calling agent's folder.
func (c *Call) workspace(what string) (*os.Root, error) {
	if c.e.cfg.Workspace == nil {
		return nil, protocol.Errorf(protocol.Unavailable, "%s: this host has no workspaces", what)
	}
	dir, err := c.e.cfg.Workspace(c.caller.Origin.Agent)
	if err != nil {
		return nil, c.e.unavailable(what, err)
	}
	root, err := os.OpenRoot(dir)
	return root, c.e.unavailable(what, err)
}

// fileError gives a file system's error a code, without the host's own paths.
func (c *Call) fileError(what, p string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return protocol.Errorf(protocol.NotFound, "%s: there is no %s", what, p)
	case errors.Is(err, fs.ErrPermission):
		return protocol.Errorf(protocol.Failed, "%s: the host may not use %s", what, p)
	}
	if pe, ok := errors.AsType[*fs.PathError](err); ok && strings.Contains(pe.Err.Error(), "escapes") {
		return errLink(what, p)
	}
	return c.e.unavailable(what, err)
}

func readFile(root *os.Root, p string) (any, error) {
	dir, name, err := folderOf(root, "file.read", p, false)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	data, err := readPlain(dir, "file.read", name, p)
	if err != nil {
		return nil, err
	}
	return struct {
		Data []byte `json:"data_base64"`
		Size int    `json:"size"`
	}{data, len(data)}, nil
}

func readPlain(dir *os.Root, what, name, shown string) ([]byte, error) {
	f, info, err := openFile(dir, what, name, shown)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, protocol.Errorf(protocol.Limit, "%s: %s has %d bytes, the limit is %d", what, shown, info.Size(), maxFile)
	}
	return data, nil
}

// listFolder leaves out what plugins can't use: links, special files, names
// with control characters, and the host's own temporary files.
func listFolder(root *os.Root, p string) (any, error) {
	var where string
	if p != "." {
		where = p + "/"
	}
	dir, _, err := folderOf(root, "file.read", where+"-", false)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	f, err := dir.Open(".")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	result := struct {
		Entries   []fileEntry `json:"entries"`
		Truncated bool        `json:"truncated,omitempty"`
	}{Entries: []fileEntry{}}
	for {
		batch, err := f.ReadDir(256)
		for _, d := range batch {
			info, err := d.Info()
			if err != nil || !listed(info) {
				continue
			}
			if len(result.Entries) == maxEntries {
				result.Truncated = true
				break
			}
			entry := fileEntry{Name: d.Name(), Dir: info.IsDir(), Modified: info.ModTime().UTC().Format(time.RFC3339)}
			if !entry.Dir {
				entry.Size = info.Size()
			}
			result.Entries = append(result.Entries, entry)
		}
		if err != nil || result.Truncated {
			slices.SortFunc(result.Entries, func(a, b fileEntry) int { return strings.Compare(a.Name, b.Name) })
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return result, err
		}
	}
}

func listed(info fs.FileInfo) bool {
	name := info.Name()
	return (info.Mode().IsRegular() || info.IsDir()) && !badName(name) && !strings.HasPrefix(name, tempPrefix) && !strings.Contains(name, `\`)
}

func (c *Call) fileWrite(ctx context.Context, args []byte) ([]byte, error) {
	var a struct {
		Path   string  `json:"path"`
		Data   *[]byte `json:"data_base64"`
		Append bool    `json:"append"`
		Delete bool    `json:"delete"`
	}
	if err := decode("file.write", args, &a); err != nil {
		return nil, err
	}
	p, folder, err := checkPath("file.write", a.Path)
	if err != nil {
		return nil, err
	}
	if p == "." || folder && !a.Delete {
		return nil, protocol.Errorf(protocol.Invalid, "file.write: name a file, not a folder")
	}
	if (a.Data == nil) != a.Delete || a.Append && a.Delete {
		return nil, protocol.Errorf(protocol.Invalid, "file.write: give data_base64 or delete")
	}
	attrs := capability.Attributes{"path": p}
	if a.Data != nil {
		if len(*a.Data) > maxFile {
			return nil, protocol.Errorf(protocol.Limit, "file.write: %d bytes, the limit is %d", len(*a.Data), maxFile)
		}
		attrs["bytes"] = int64(len(*a.Data))
	}
	err = c.gated(ctx, "file.write", p, attrs, args, func(ctx context.Context, _ *gate.Flight) error {
		root, err := c.workspace("file.write")
		if err != nil {
			return err
		}
		defer root.Close()
		w := c.e.space(root.Name())
		if err := w.lock(ctx); err != nil {
			return err
		}
		defer w.unlock()
		if a.Delete {
			if err := w.remove(root, p); err != nil {
				return c.fileError("file.write", p, err)
			}
			return c.forgetLabels(ctx, c.keptFile(p))
		}
		return c.keepLabels(ctx, c.keptFile(p), a.Append, func() error {
			return c.fileError("file.write", p, w.write(root, p, *a.Data, a.Append, c.e.cfg.Limits))
		})
	})
	if err != nil {
		return nil, err
	}
	return empty, nil
}

// replace writes a file beside its target and renames it into place: a reader,
// or a crash, finds the old content or the new, never a part.
func replace(dir *os.Root, name string, data []byte) error {
	temp := tempPrefix + rand.Text()
	f, err := dir.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = dir.Rename(temp, name)
	}
	if err != nil {
		return errors.Join(err, dir.Remove(temp))
	}
	return nil
}
