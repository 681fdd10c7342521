// Package registry holds what is installed: the modules and manifests on disk,
// and the lock file that pins each by digest. Start at [Open].
//
// Guarantees: what runs is what the lock says, to the byte, or nothing; a
// change of the lock is atomic; nothing in a plugin runs because it was
// installed (there are no install hooks).
package registry

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ambithost/ambit/registry/durable"
	"github.com/ambithost/ambit/sdk/manifest"
)

// Entry pins one installed plugin.
type Entry struct {
	Name           string           `json:"name"`
	Version        string           `json:"version"`
	Runtime        manifest.Runtime `json:"runtime"`
	Digest         string           `json:"digest"`          // "sha256:…" of the module
	ManifestDigest string           `json:"manifest_digest"` // "sha256:…" of plugin.yaml
	Size           int64            `json:"size"`            // of the module, bytes
	Source         string           `json:"source"`
	Signed         bool             `json:"signed"`
	Installed      time.Time        `json:"installed"`
	// Of what came from an OCI registry: "host/namespace/name", the digest of the
	// OCI manifest, and if it is signed the id of the key.
	Repository string `json:"repository,omitempty"`
	Artifact   string `json:"artifact,omitempty"`
	Signer     string `json:"signer,omitempty"`
	// Previous is what it took the place of and what a rollback brings back; it
	// has none itself.
	Previous *Entry `json:"previous,omitempty"`
	// Held is an upgrade that waits for the owner.
	Held *Held `json:"held,omitempty"`
}

// Held is a newer version that asks for more and was not installed.
type Held struct {
	Version  string    `json:"version"`
	Artifact string    `json:"artifact"` // digest of the OCI manifest
	More     []string  `json:"more"`     // what it asks for that the installed version does not
	Since    time.Time `json:"since"`
}

// Publisher is the namespace that it came from; empty for what came from none.
func (e Entry) Publisher() string {
	i := strings.LastIndexByte(e.Repository, '/')
	return e.Repository[:max(i, 0)]
}

// ErrNotInstalled is returned for a name that the lock does not hold.
var ErrNotInstalled = errors.New("registry: not installed")

// Store is the folder of installed plugins and its lock file.
type Store struct {
	dir  string // plugins/<name>/<hex digest>/{plugin.yaml,module,…}
	lock string

	mu      sync.Mutex
	entries map[string]Entry

	pulls oneAtATime
}

type lockFile struct {
	Format  int     `json:"lock"`
	Plugins []Entry `json:"plugins"`
}

// Open reads the lock file; a missing one is an empty store.
func Open(dir, lock string) (*Store, error) {
	s := &Store{dir: dir, lock: lock, entries: map[string]Entry{}}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	b, err := os.ReadFile(lock) //nolint:gosec // the owner's own home
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	var f lockFile
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil || f.Format != 1 {
		return nil, fmt.Errorf("registry: %s is damaged or from a newer Ambit: lock %d, %w", lock, f.Format, err)
	}
	for _, e := range f.Plugins {
		if err := e.check(); err != nil {
			return nil, fmt.Errorf("registry: %s: %w", lock, err)
		}
		s.entries[e.Name] = e
	}
	return s, nil
}

// check holds an entry of the lock against what paths are made of.
func (e *Entry) check() error {
	if err := manifest.CheckName(e.Name); err != nil {
		return err
	}
	for _, digest := range []string{e.Digest, e.Artifact} {
		if _, err := digestHex(digest); err != nil && (digest != "" || e.Digest == "") {
			return fmt.Errorf("%s: %w", e.Name, err)
		}
	}
	if e.Previous == nil {
		return nil
	}
	if e.Previous.Name != e.Name || e.Previous.Previous != nil {
		return fmt.Errorf("%s: its previous version is another plugin's", e.Name)
	}
	return e.Previous.check()
}

// List returns what is installed, by name.
func (s *Store) List() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list()
}

func (s *Store) list() []Entry {
	out := make([]Entry, 0, len(s.entries))
	for _, e := range s.entries {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Lookup finds an installed plugin.
func (s *Store) Lookup(name string) (Entry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.entries[name]
	return e, ok
}

// Manifest reads and checks the manifest of an installed plugin against the
// lock.
func (s *Store) Manifest(name string) (*manifest.Manifest, error) {
	e, ok := s.Lookup(name)
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrNotInstalled, name)
	}
	text, err := readCapped(filepath.Join(s.folder(e), "plugin.yaml"), manifest.MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("registry: %s: %w", name, err)
	}
	if Digest(text) != e.ManifestDigest {
		return nil, fmt.Errorf("registry: the manifest of %s was changed after install; it will not run (reinstall it)", name)
	}
	return manifest.Parse(text)
}

// Verify checks the module of an installed plugin against the lock. Whoever
// runs the module checks the bytes it runs again.
func (s *Store) Verify(name string) error {
	e, ok := s.Lookup(name)
	if !ok {
		return fmt.Errorf("%w: %s", ErrNotInstalled, name)
	}
	b, err := readCapped(s.Module(e), MaxModule)
	if err != nil {
		return fmt.Errorf("registry: %s: %w", name, err)
	}
	if Digest(b) != e.Digest {
		return fmt.Errorf("registry: the module of %s was changed after install; it will not run (reinstall it)", name)
	}
	return nil
}

// Module is the path of an installed module.
func (s *Store) Module(e Entry) string { return filepath.Join(s.folder(e), "module") }

// folder is where an entry's files are. Two artifacts may have the same module.
func (s *Store) folder(e Entry) string {
	digest := e.Digest
	if e.Artifact != "" {
		digest = e.Artifact
	}
	hexed, err := digestHex(digest)
	if err != nil {
		hexed = "invalid" // entries are checked when they enter the store
	}
	return filepath.Join(s.dir, e.Name, hexed)
}

// Remove takes a plugin out of the lock, then deletes its files.
func (s *Store) Remove(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.entries[name]; !ok {
		return fmt.Errorf("%w: %s", ErrNotInstalled, name)
	}
	old := s.entries[name]
	delete(s.entries, name)
	if err := s.save(); err != nil {
		s.entries[name] = old
		return err
	}
	return os.RemoveAll(filepath.Join(s.dir, name))
}

// save replaces the lock file atomically and durably. s.mu is held.
func (s *Store) save() error {
	b, err := json.MarshalIndent(lockFile{Format: 1, Plugins: s.list()}, "", "  ")
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	if err := durable.Write(s.lock, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	return nil
}

// Digest is the digest of some bytes as the lock spells it.
func Digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func digestHex(digest string) (string, error) {
	hexed, ok := strings.CutPrefix(digest, "sha256:")
	if b, err := hex.DecodeString(hexed); !ok || err != nil || len(b) != sha256.Size {
		return "", fmt.Errorf("digest %q: want sha256: and 64 hex digits", digest)
	}
	return hexed, nil
}
