package plainfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/ambithost/ambit/host/plainfile"
)

// TestRead: a regular file is read whole or not at all, and nothing else is.
func TestRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("file", "four")
	if err := os.Symlink("file", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, c := range []struct {
		name  string
		limit int64
		err   error
	}{
		{"file", 4, nil}, {"file", 3, plainfile.ErrTooLarge}, {"link", 9, plainfile.ErrNotPlain}, {"folder", 9, plainfile.ErrNotPlain}, {"none", 9, os.ErrNotExist},
	} {
		data, _, err := plainfile.Read(root, c.name, c.limit)
		if !errors.Is(err, c.err) || c.err == nil && string(data) != "four" || c.err != nil && data != nil {
			t.Errorf("%s of %d bytes: %q, %v", c.name, c.limit, data, err)
		}
	}

	// Another file takes its place after it was looked at.
	before, err := root.Lstat("file")
	if err != nil {
		t.Fatal(err)
	}
	write("other", "evil")
	if err := os.Rename(filepath.Join(dir, "other"), filepath.Join(dir, "file")); err != nil {
		t.Fatal(err)
	}
	if f, _, err := plainfile.OpenSeen(root, before, "file"); !errors.Is(err, plainfile.ErrNotPlain) {
		t.Errorf("what took its place was opened: %v, %v", f, err)
	}
}
