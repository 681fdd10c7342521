// Package durable writes files that are whole or not there. [Write] replaces a
// file; a crash at any moment leaves the old one or the new one.
package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Write writes beside path, syncs, renames over it, and syncs the folder.
func Write(path string, b []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	defer os.Remove(f.Name()) // fails once renamed, as it should
	_, err = f.Write(b)
	if err := errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return Sync(filepath.Dir(path))
}
