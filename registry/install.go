package registry

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ambithost/ambit/registry/durable"
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

	text   []byte
	store  *Store
	dir    string
	origin origin
}

// Repository is "host/namespace/name"; empty if it did not come from a registry.
func (c *Candidate) Repository() string { return c.origin.repository }

// Artifact is the digest of the OCI manifest.
func (c *Candidate) Artifact() string { return c.origin.artifact }

// Signer is the id of the key; empty if it is not signed.
func (c *Candidate) Signer() string { return c.origin.signer }

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
	c = &Candidate{Digest: Digest(src.Module), Size: int64(len(src.Module)), Source: src.From, Module: filepath.Join(dir, "module"), store: s, dir: dir, origin: src.origin}
	// 0755: a native module is executed by an unprivileged cell. The folders
	// above are the owner's alone.
	if err := durable.Write(c.Module, src.Module, 0o755); err != nil {
		return nil, err
	}
	for name, b := range src.origin.files {
		if err := durable.Write(filepath.Join(dir, name), b, 0o600); err != nil {
			return nil, err
		}
	}
	c.text = src.Manifest
	if c.text == nil {
		if c.Manifest, c.text, err = generate(c.Module, nameOf(src.From)); err != nil {
			return nil, err
		}
	} else if c.Manifest, err = manifest.Parse(c.text); err != nil {
		return nil, err
	}
	return c, durable.Write(filepath.Join(dir, "plugin.yaml"), c.text, 0o600)
}

// Text is the manifest as it is written.
func (c *Candidate) Text() []byte { return c.text }

// Discard forgets a candidate. After Commit it does nothing.
func (c *Candidate) Discard() error { return os.RemoveAll(c.dir) }

// Commit moves a candidate into place and pins it in the lock. The version that
// it takes the place of is kept for [Store.Rollback], an older one deleted after
// the lock is written. What is installed already is left as it is.
func (s *Store) Commit(c *Candidate, now time.Time) (Entry, error) {
	e := Entry{
		Name: c.Manifest.Name, Version: c.Manifest.Version, Runtime: c.Manifest.Runtime, Digest: c.Digest,
		ManifestDigest: Digest(c.text), Size: c.Size, Source: c.Source, Installed: now.UTC().Truncate(time.Second),
		Repository: c.origin.repository, Artifact: c.origin.artifact, Signer: c.origin.signer, Signed: c.origin.signer != "",
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
	old, replaced := s.entries[e.Name]
	dest := s.folder(e)
	if replaced && s.folder(old) != dest {
		kept := old
		kept.Previous, kept.Held = nil, nil
		e.Previous = &kept
	} else if replaced {
		e.Previous = old.Previous
	}
	if e.Previous != nil && s.folder(*e.Previous) == dest { // back to what was before
		e.Previous = nil
	}
	if err := os.MkdirAll(filepath.Dir(dest), 0o700); err != nil {
		return e, fmt.Errorf("registry: %w", err)
	}
	if err := os.RemoveAll(dest); err != nil { // the same module, reinstalled
		return e, fmt.Errorf("registry: %w", err)
	}
	if err := os.Rename(c.dir, dest); err != nil {
		return e, fmt.Errorf("registry: %w", err)
	}
	if err := durable.Sync(filepath.Dir(dest)); err != nil {
		return e, fmt.Errorf("registry: %w", err)
	}
	if err := s.put(e); err != nil {
		return e, err
	}
	return e, s.sweepPlugin(e.Name)
}

// put pins an entry, in the lock first. s.mu is held.
func (s *Store) put(e Entry) error {
	old, replaced := s.entries[e.Name]
	s.entries[e.Name] = e
	if err := s.save(); err != nil {
		delete(s.entries, e.Name)
		if replaced {
			s.entries[e.Name] = old
		}
		return err
	}
	return nil
}

// sweepPlugin deletes the folders of a plugin that the lock knows nothing of.
// s.mu is held.
func (s *Store) sweepPlugin(name string) error {
	var keep []string
	if e, ok := s.entries[name]; ok {
		keep = append(keep, s.folder(e))
		if e.Previous != nil {
			keep = append(keep, s.folder(*e.Previous))
		}
	}
	there, err := filepath.Glob(filepath.Join(s.dir, name, "*"))
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	var errs []error
	for _, dir := range there {
		if !slices.Contains(keep, dir) {
			errs = append(errs, os.RemoveAll(dir))
		}
	}
	return errors.Join(errs...)
}

// partsAge is how long what came of an interrupted download is kept.
const partsAge = 7 * 24 * time.Hour

// Sweep deletes what an install that was cut off left behind. Call it before
// anything is staged.
func (s *Store) Sweep(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	left, err := filepath.Glob(filepath.Join(s.dir, ".stage-*"))
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	parts, err := filepath.Glob(filepath.Join(s.parts(), "*"))
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	for _, part := range parts {
		if info, err := os.Lstat(part); err == nil && now.Sub(info.ModTime()) > partsAge {
			left = append(left, part)
		}
	}
	var errs []error
	for _, dir := range left {
		errs = append(errs, os.RemoveAll(dir))
	}
	names, err := os.ReadDir(s.dir)
	errs = append(errs, err)
	for _, n := range names {
		if len(s.entries) == 0 { // perhaps the lock was lost, and is found again
			break
		}
		if manifest.CheckName(n.Name()) == nil {
			errs = append(errs, s.sweepPlugin(n.Name()))
		}
	}
	return errors.Join(errs...)
}
