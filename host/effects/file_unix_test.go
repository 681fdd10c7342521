//go:build unix

package effects

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/ambithost/ambit/sdk/protocol"
)

func TestLinksAndSpecialFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, err := range []error{
		os.MkdirAll(filepath.Join(w.dir, "private"), 0o700),
		os.MkdirAll(filepath.Join(w.dir, "notes"), 0o700),
		os.WriteFile(filepath.Join(w.dir, "private/key"), []byte("private"), 0o600),
		os.Symlink("../private", filepath.Join(w.dir, "notes/dir")), // inside the workspace, outside the scope
		os.Symlink("../private/key", filepath.Join(w.dir, "notes/file")),
		os.Symlink("/etc", filepath.Join(w.dir, "notes/etc")),
		os.Symlink("nowhere", filepath.Join(w.dir, "notes/dangling")),
		syscall.Mkfifo(filepath.Join(w.dir, "notes/fifo"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	c := w.files(t, `["notes/"]`)
	for _, p := range []string{"notes/dir/key", "notes/file", "notes/etc/passwd", "notes/dangling", "notes/fifo", "notes/fifo/x"} {
		refused(t, protocol.Denied, c, "file.read", `{"path":`+quote(p)+`}`)
		refused(t, protocol.Denied, c, "file.write", `{"path":`+quote(p)+`,"data_base64":"eA=="}`)
		refused(t, protocol.Denied, c, "file.write", `{"path":`+quote(p)+`,"delete":true}`)
	}
	refused(t, protocol.Denied, c, "file.read", `{"path":"notes/dir/"}`)
	refused(t, protocol.Denied, c, "file.read", `{"path":"private/key"}`) // the scope
	refused(t, protocol.Denied, c, "file.read", `{"path":"."}`)
	if list := must(t, c, "file.read", `{"path":"notes/"}`)["entries"].([]any); len(list) != 0 {
		t.Errorf("the list shows links: %v", list)
	}
	if b, _ := os.ReadFile(filepath.Join(w.dir, "private/key")); string(b) != "private" {
		t.Error("the private file was changed")
	}
}

// TestSwapBetweenLookAndOpen: the moment that a race has to hit.
func TestSwapBetweenLookAndOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(p string) string { return filepath.Join(dir, p) }
	for _, err := range []error{
		os.Mkdir(at("folder"), 0o700), os.Mkdir(at("private"), 0o700), os.WriteFile(at("file"), nil, 0o600), os.WriteFile(at("secret"), nil, 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	folder, err := root.Lstat("folder")
	if err != nil {
		t.Fatal(err)
	}
	file, err := root.Lstat("file")
	if err != nil {
		t.Fatal(err)
	}
	if next, err := enter(root, folder, "file.read", "folder", "folder"); err != nil {
		t.Errorf("an unchanged folder: %v", err)
	} else {
		_ = next.Close()
	}
	for _, err := range []error{
		os.Remove(at("folder")), os.Remove(at("file")), os.Symlink("private", at("folder")), os.Symlink("secret", at("file")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := enter(root, folder, "file.read", "folder", "folder"); protocol.CodeOf(err) != protocol.Denied {
		t.Errorf("a folder that became a link: %v", err)
	}
	if _, _, err := openSeen(root, file, "file.read", "file", "file"); protocol.CodeOf(err) != protocol.Denied {
		t.Errorf("a file that became a link: %v", err)
	}
}
