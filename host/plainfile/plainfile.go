// Package plainfile reads files of folders that others may write to. Start at
// [Read].
//
// Guarantees: what is read is one regular file within the folder that was looked at
// and found to be one, no link, device or pipe, also when it is swapped meanwhile;
// opening waits for nobody; no more is read than was asked for.
package plainfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// The errors of a file that is not read.
var (
	ErrNotPlain = errors.New("it is no plain file")
	ErrTooLarge = errors.New("it is too large")
)

// Nonblock is what a file is opened with besides, so that a pipe is not waited for.
const Nonblock = openNonblock

// Open opens a regular file of a folder for reading.
func Open(dir *os.Root, name string) (*os.File, fs.FileInfo, error) {
	before, err := dir.Lstat(name)
	if err != nil {
		return nil, nil, err
	}
	return OpenSeen(dir, before, name)
}

// OpenSeen opens the regular file that was looked at before, or nothing.
func OpenSeen(dir *os.Root, before fs.FileInfo, name string) (*os.File, fs.FileInfo, error) {
	if !before.Mode().IsRegular() {
		return nil, nil, ErrNotPlain
	}
	f, err := dir.OpenFile(name, os.O_RDONLY|openNonblock, 0)
	if err != nil {
		return nil, nil, err
	}
	after, err := f.Stat()
	if err != nil || !after.Mode().IsRegular() || !os.SameFile(before, after) {
		return nil, nil, errors.Join(ErrNotPlain, f.Close())
	}
	return f, after, nil
}

// Read reads a regular file of at most limit bytes.
func Read(dir *os.Root, name string, limit int64) ([]byte, fs.FileInfo, error) {
	f, info, err := Open(dir, name)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	}
	if err != nil {
		return nil, nil, err
	}
	return data, info, nil
}
