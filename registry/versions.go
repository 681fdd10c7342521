package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/ambithost/ambit/registry/artifact"
	"github.com/ambithost/ambit/registry/trust"
	"github.com/ambithost/ambit/sdk/manifest"
)

// Pull fetches a plugin as [OCI.Pull] does; what an interrupted one left is gone on
// from. Two of one repository come after each other.
func (s *Store) Pull(ctx context.Context, oci OCI, ref Reference, progress func(done, all int64)) (*Fetched, error) {
	unlock, err := s.pulls.lock(ctx, ref.Repository())
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := os.MkdirAll(s.parts(), 0o700); err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	return oci.Pull(ctx, ref, PullOptions{Parts: s.parts(), Progress: progress})
}

func (s *Store) parts() string { return filepath.Join(s.dir, ".parts") }

// Hold notes an upgrade that waits for the owner; nil: none does.
func (s *Store) Hold(name string, h *Held) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.entries[name]
	if !ok {
		return fmt.Errorf("%w: %s", ErrNotInstalled, name)
	}
	e.Held = h
	return s.put(e)
}

// Rollback brings back the version that the installed one took the place of, which
// then is the previous one. Its files are checked first.
func (s *Store) Rollback(name string) (Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.entries[name]
	if !ok {
		return e, fmt.Errorf("%w: %s", ErrNotInstalled, name)
	}
	if e.Previous == nil {
		return e, fmt.Errorf("registry: no earlier version of %s is kept", name)
	}
	back := *e.Previous
	if err := s.checkFiles(back); err != nil {
		return e, err
	}
	kept := e
	kept.Previous, kept.Held = nil, nil
	back.Previous = &kept
	return back, s.put(back)
}

// Check verifies all that is kept of an installed plugin: manifest and module
// against the lock, the lock against the artifact that it came in, and the artifact
// against the signature. It asks no registry. [Store.Verify] is the part of it
// that stands before each start.
func (s *Store) Check(name string) error {
	e, ok := s.Lookup(name)
	if !ok {
		return fmt.Errorf("%w: %s", ErrNotInstalled, name)
	}
	return s.checkFiles(e)
}

func (s *Store) checkFiles(e Entry) error {
	text, err := s.read(e, "plugin.yaml", manifest.MaxBytes)
	if err != nil {
		return err
	}
	module, err := s.read(e, "module", MaxModule)
	if err != nil {
		return err
	}
	switch {
	case Digest(text) != e.ManifestDigest:
		return fmt.Errorf("registry: the manifest of %s %s was changed after install; it will not run (reinstall it)", e.Name, e.Version)
	case Digest(module) != e.Digest:
		return fmt.Errorf("registry: the module of %s %s was changed after install; it will not run (reinstall it)", e.Name, e.Version)
	case e.Artifact == "" && !e.Signed:
		return nil
	}
	oci, err := s.read(e, fileOCI, artifact.MaxManifest)
	if err != nil {
		return err
	}
	config, err := s.read(e, fileConfig, artifact.MaxConfig)
	if err != nil {
		return err
	}
	if Digest(oci) != e.Artifact {
		return fmt.Errorf("registry: the artifact of %s %s is not the one in the lock (reinstall it)", e.Name, e.Version)
	}
	o, err := artifact.Parse(oci)
	if err != nil {
		return err
	}
	if err := o.Agrees(config, artifact.Platform{OS: runtime.GOOS, Architecture: runtime.GOARCH}, e.ManifestDigest, e.Digest); err != nil {
		return fmt.Errorf("registry: %s %s: %w", e.Name, e.Version, err)
	}
	return s.checkSignature(e, text)
}

func (s *Store) checkSignature(e Entry, text []byte) error {
	bundle, err := s.read(e, fileBundle, trust.MaxBundle)
	if !e.Signed && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	v, err := trust.Verify(bundle, e.Artifact)
	if err != nil {
		return fmt.Errorf("registry: %s %s: %w", e.Name, e.Version, err)
	}
	m, err := manifest.Parse(text)
	if err != nil {
		return err
	}
	if !e.Signed || v.KeyID != e.Signer || !v.Release.Same(trust.ReleaseOf(m, e.Repository)) {
		return fmt.Errorf("registry: the signature of %s %s is another than the lock says (reinstall it)", e.Name, e.Version)
	}
	return nil
}

// Text is what a plugin's README says; empty if it has none.
func (s *Store) Text(e Entry) string {
	b, err := s.read(e, fileReadme, artifact.MaxText)
	if err != nil || slices.Contains(b, 0) {
		return ""
	}
	return string(b)
}

// License is the text of a plugin's licence; empty if it brought none.
func (s *Store) License(e Entry) string {
	b, err := s.read(e, fileLegal, artifact.MaxText)
	if err != nil || slices.Contains(b, 0) {
		return ""
	}
	return string(b)
}

func (s *Store) read(e Entry, name string, limit int64) ([]byte, error) {
	b, err := readCapped(filepath.Join(s.folder(e), name), limit)
	if err != nil {
		return nil, fmt.Errorf("registry: %s %s: %w", e.Name, e.Version, err)
	}
	return b, nil
}
