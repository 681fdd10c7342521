package secret

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"

	"github.com/ambithost/ambit/sdk/protocol"
)

// EnvIdentity names the environment variable with the path of the identity
// file, for owners who keep it away from the secrets.
const EnvIdentity = "AMBIT_SECRETS_IDENTITY"

// Config says where secrets live.
type Config struct {
	// Dir holds secrets.age and the choice of backend. Required; made with
	// mode 0700 if it does not exist.
	Dir string
	// Identity is the file with the key that opens secrets.age. Empty: the
	// file that EnvIdentity names, else identity.age in Dir.
	Identity string
	// Keyring allows the operating system's keyring. It is used if it works
	// on first use; the choice is kept, so that secrets do not seem to vanish
	// when a keyring is locked.
	Keyring bool
	Logger  hclog.Logger // nil: silent
}

// backend is one place where secrets can be. Calls come one at a time.
type backend interface {
	load(ctx context.Context, name string) ([]byte, bool, error)
	save(ctx context.Context, name string, value []byte) error
	remove(ctx context.Context, name string) (bool, error)
	names(ctx context.Context) ([]string, error)
}

// Store holds named secrets. It is safe for concurrent use within one process;
// the host that owns the folder is that process.
type Store struct {
	mu   sync.Mutex
	kind string
	back backend
}

// The kinds of backend, as [Store.Backend] and the file "backend" name them.
const (
	kindFile    = "file"
	kindKeyring = "keyring"
)

// Open chooses the backend, or takes the one chosen before. It writes nothing
// secret; the identity is made at the first [Store.Set].
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Dir == "" {
		return nil, errors.New("secret: Config.Dir is required")
	}
	if cfg.Logger == nil {
		cfg.Logger = hclog.NewNullLogger()
	}
	if cfg.Identity == "" {
		cfg.Identity = os.Getenv(EnvIdentity)
	}
	if cfg.Identity == "" {
		cfg.Identity = filepath.Join(cfg.Dir, "identity.age")
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	kind, err := chosen(cfg.Dir)
	if err != nil {
		return nil, err
	}
	s := &Store{kind: kind}
	if kind == kindFile || kind == "" && !cfg.Keyring {
		s.kind, s.back = kindFile, newAgeFile(cfg.Dir, cfg.Identity)
		return s, nil
	}
	ring := newRing(cfg.Dir)
	probe := ring.probe(ctx)
	switch {
	case probe == nil:
		s.kind, s.back = kindKeyring, ring
		return s, choose(cfg.Dir, kindKeyring)
	case kind == kindKeyring:
		// Locked, perhaps: what needs a secret fails until it answers, and
		// nothing else does.
		cfg.Logger.Warn("the secrets are in the system's keyring, which does not answer: unlock it", "reason", probe.Error())
		s.back = ring
		return s, nil
	}
	cfg.Logger.Info("secrets are kept in an encrypted file: no working keyring", "reason", probe.Error())
	s.kind, s.back = kindFile, newAgeFile(cfg.Dir, cfg.Identity)
	return s, nil
}

// chosen reads the choice made before: by the marker, or by there being a file
// of secrets.
func chosen(dir string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, "backend"))
	switch kind := strings.TrimSpace(string(b)); {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Lstat(filepath.Join(dir, "secrets.age")); err == nil {
			return kindFile, nil
		}
		return "", nil
	case err != nil:
		return "", fmt.Errorf("secret: %w", err)
	case kind == kindFile || kind == kindKeyring:
		return kind, nil
	}
	return "", fmt.Errorf("secret: %s: want the word %q or %q", filepath.Join(dir, "backend"), kindFile, kindKeyring)
}

func choose(dir, kind string) error {
	return writeAtomic(filepath.Join(dir, "backend"), []byte(kind+"\n"))
}

// Backend says where the secrets are: "file" or "keyring".
func (s *Store) Backend() string { return s.kind }

// Get returns a secret. The error of a missing one has the code not_found.
func (s *Store) Get(ctx context.Context, name string) (Value, error) {
	if err := CheckName(name); err != nil {
		return Value{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok, err := s.back.load(ctx, name)
	if err != nil {
		return Value{}, fmt.Errorf("secret %s: %w", name, err)
	}
	if !ok {
		return Value{}, protocol.Errorf(protocol.NotFound, "there is no secret %s; the owner adds it with: ambit secret set %s", name, name)
	}
	defer clear(b)
	return NewValue(b)
}

// Set stores or replaces a secret.
func (s *Store) Set(ctx context.Context, name string, value []byte) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if _, err := NewValue(value); err != nil {
		return fmt.Errorf("secret %s: %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.back.save(ctx, name, value); err != nil {
		return fmt.Errorf("secret %s: %w", name, err)
	}
	return nil
}

// Add stores a secret under a name that is free. The error of one that is taken
// has the code denied.
func (s *Store) Add(ctx context.Context, name string, value []byte) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if _, err := NewValue(value); err != nil {
		return fmt.Errorf("secret %s: %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, taken, err := s.back.load(ctx, name)
	if err != nil {
		return fmt.Errorf("secret %s: %w", name, err)
	}
	if taken {
		clear(old)
		return protocol.Errorf(protocol.Denied, "there is a secret %s already", name)
	}
	if err := s.back.save(ctx, name, value); err != nil {
		return fmt.Errorf("secret %s: %w", name, err)
	}
	return nil
}

// List returns the names of all secrets, sorted.
func (s *Store) List(ctx context.Context) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names, err := s.back.names(ctx)
	if err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	return names, nil
}

// Remove forgets a secret. The error of a missing one has the code not_found.
func (s *Store) Remove(ctx context.Context, name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	had, err := s.back.remove(ctx, name)
	if err != nil {
		return fmt.Errorf("secret %s: %w", name, err)
	}
	if !had {
		return protocol.Errorf(protocol.NotFound, "there is no secret %s", name)
	}
	return nil
}
