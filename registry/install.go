package registry

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ambithost/ambit/sdk/manifest"
)

// Candidate is a plugin that was copied into the store's staging folder and is
// not installed. What is shown to the owner is read from this copy, and this
// copy is what [Store.Commit] installs.
type Candidate struct {
	Manifest *manifest.Manifest
	Digest   string // of the module
	Size     int64
	Source   string
	Module   string // path of the staged module

	text  []byte
	store *Store
	dir   string
}

// Stage copies a source. A bare module gets the manifest that generate makes
// for it; it is given the path of the staged module and a name for it.
func (s *Store) Stage(src *Source, generate func(modulePath, name string) (*manifest.Manifest, []byte, error)) (c *Candidate, err error) {
	dir, err := os.MkdirTemp(s.dir, ".stage-*")
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	c = &Candidate{Digest: Digest(src.Module), Size: int64(len(src.Module)), Source: src.From, Module: filepath.Join(dir, "module"), store: s, dir: dir}
	// 0755: a native module is executed by an unprivileged cell. The folders
	// above are the owner's alone.
	if err := writeFile(c.Module, src.Module, 0o755); err != nil {
		return nil, err
	}
	c.text = src.Manifest
	if c.text == nil {
		if c.Manifest, c.text, err = generate(c.Module, nameOf(src.From)); err != nil {
			return nil, err
		}
	} else if c.Manifest, err = manifest.Parse(c.text); err != nil {
		return nil, err
	}
	return c, writeFile(filepath.Join(dir, "plugin.yaml"), c.text, 0o600)
}

// Text is the manifest as it is written.
func (c *Candidate) Text() []byte { return c.text }

// Discard forgets a candidate. After Commit it does nothing.
func (c *Candidate) Discard() error { return os.RemoveAll(c.dir) }

// Commit moves a candidate into place and pins it in the lock. The version
// that it replaces is deleted after the lock is written.
func (s *Store) Commit(c *Candidate, now time.Time) (Entry, error) {
	e := Entry{
		Name: c.Manifest.Name, Version: c.Manifest.Version, Runtime: c.Manifest.Runtime, Digest: c.Digest,
		ManifestDigest: Digest(c.text), Size: c.Size, Source: c.Source, Installed: now.UTC().Truncate(time.Second),
	}
	b, err := readCapped(c.Module, MaxModule)
	if err != nil {
		return e, err
	}
	if Digest(b) != c.Digest {
		return e, fmt.Errorf("registry: the staged module of %s changed while it was looked at; nothing was installed", e.Name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	dest := s.folder(e)
	if err := os.MkdirAll(filepath.Dir(dest), 0o700); err != nil {
		return e, fmt.Errorf("registry: %w", err)
	}
	if err := os.RemoveAll(dest); err != nil { // the same module, reinstalled
		return e, fmt.Errorf("registry: %w", err)
	}
	if err := os.Rename(c.dir, dest); err != nil {
		return e, fmt.Errorf("registry: %w", err)
	}
	old, replaced := s.entries[e.Name]
	s.entries[e.Name] = e
	if err := s.save(); err != nil {
		delete(s.entries, e.Name)
		if replaced {
			s.entries[e.Name] = old
		}
		return e, err
	}
	if replaced && old.Digest != e.Digest {
		return e, os.RemoveAll(s.folder(old))
	}
	return e, nil
}

// Sweep deletes what an install that was cut off left behind. Call it before
// anything is staged.
func (s *Store) Sweep() error {
	left, err := filepath.Glob(filepath.Join(s.dir, ".stage-*"))
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	var errs []error
	for _, dir := range left {
		errs = append(errs, os.RemoveAll(dir))
	}
	return errors.Join(errs...)
}
