package effects

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// TestSwapRace: another program swaps a folder and a file for links and back,
// each swap in one step, while a plugin reads and writes below.
func TestSwapRace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(p string) string { return filepath.Join(dir, p) }
	for _, err := range []error{
		os.MkdirAll(at("notes/x"), 0o700), os.MkdirAll(at("private"), 0o700),
		os.WriteFile(at("private/f"), []byte("private"), 0o600), os.WriteFile(at("notes/x/f"), []byte("public"), 0o600),
		os.WriteFile(at("notes/y"), []byte("public"), 0o600),
		os.Symlink("../private", at("notes/link")), os.Symlink("../private/f", at("notes/filelink")),
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
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for _, pair := range [][2]string{{"notes/x", "notes/link"}, {"notes/y", "notes/filelink"}} {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_ = unix.Renameat2(unix.AT_FDCWD, at(pair[0]), unix.AT_FDCWD, at(pair[1]), unix.RENAME_EXCHANGE)
				}
			}
		})
	}
	read := func(p string) (ok bool) {
		folder, name, err := folderOf(root, "file.read", p, false)
		if err != nil {
			return false
		}
		defer folder.Close()
		data, err := readPlain(folder, "file.read", name, p)
		if bytes.Equal(data, []byte("private")) {
			t.Errorf("%s was read through a link", p)
		}
		return err == nil
	}
	w := &workspace{turn: make(chan struct{}, 1)}
	reads := 0
	for range 1000 {
		for _, p := range []string{"notes/x/f", "notes/y"} {
			if read(p) {
				reads++
			}
		}
		_ = w.write(root, "notes/x/g", nil, false, Limits{}.withDefaults())
	}
	close(stop)
	wg.Wait()
	if entries, _ := os.ReadDir(at("private")); len(entries) != 1 {
		t.Errorf("written through a link: %v", entries)
	}
	if reads == 0 {
		t.Error("no read came through: the test tried nothing")
	}
}
