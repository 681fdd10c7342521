package audit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// file is the active journal file. The seam exists so that tests can make a
// disk fail in ways a real one does only once.
type file interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
	Datasync() error
	Close() error
}

// osFile is a file on a real disk.
type osFile struct{ *os.File }

// Datasync makes the content durable; times and the like may lag.
func (f osFile) Datasync() error { return datasync(f.File) }

// openJournal opens an existing journal file for writing.
func openJournal(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// staged is a set of files that become visible one by one, each whole and
// durable. Writing all, then syncing all, lets the file system share commits.
type staged struct {
	tmp   string // folder for files not yet in place, on the same disk
	files []stagedFile
	dirs  map[string]struct{}
}

type stagedFile struct {
	f    *os.File
	path string
}

// maxStaged bounds the open descriptors.
const maxStaged = 64

func newStaged(tmp string) *staged {
	return &staged{tmp: tmp, dirs: map[string]struct{}{}}
}

// add writes data to a file that commit will put at path.
func (s *staged) add(path string, data []byte) error {
	if len(s.files) >= maxStaged {
		if err := s.flush(); err != nil {
			return err
		}
	}
	f, err := os.CreateTemp(s.tmp, "new-*") // mode 0600
	if err != nil {
		return err
	}
	s.files = append(s.files, stagedFile{f, path})
	if _, err := f.Write(data); err != nil {
		return err
	}
	return s.mkdir(filepath.Dir(path))
}

// mkdir makes a folder and remembers every folder whose entries changed.
func (s *staged) mkdir(dir string) error {
	if _, ok := s.dirs[dir]; ok {
		return nil
	}
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		if err := s.mkdir(filepath.Dir(dir)); err != nil {
			return err
		}
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	s.dirs[dir] = struct{}{}
	return nil
}

// flush puts the files written so far in place.
func (s *staged) flush() error {
	for _, sf := range s.files {
		if err := sf.f.Sync(); err != nil {
			return fmt.Errorf("sync %s: %w", sf.path, err)
		}
	}
	for len(s.files) > 0 {
		sf := s.files[0]
		if err := sf.f.Close(); err != nil {
			return err
		}
		if err := os.Rename(sf.f.Name(), sf.path); err != nil {
			return err
		}
		s.files = s.files[1:]
	}
	return nil
}

// commit puts all files in place and makes their names durable.
func (s *staged) commit() error {
	if err := s.flush(); err != nil {
		return err
	}
	for dir := range s.dirs {
		if err := syncDir(dir); err != nil {
			return fmt.Errorf("sync folder %s: %w", dir, err)
		}
	}
	clear(s.dirs)
	return nil
}

// discard removes what commit has not put in place.
func (s *staged) discard() {
	for _, sf := range s.files {
		sf.f.Close()
		os.Remove(sf.f.Name())
	}
	s.files = nil
}

// writeDurable replaces one file so that a crash leaves the old or the new one.
func writeDurable(tmp, path string, data []byte) error {
	s := newStaged(tmp)
	defer s.discard()
	if err := s.add(path, data); err != nil {
		return err
	}
	return s.commit()
}

// readCapped reads a file that should have at most limit bytes.
func readCapped(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s: larger than the %d bytes such a file can have", path, limit)
	}
	return data, nil
}
