package trust

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

const (
	privateBlock = "PRIVATE KEY"
	publicBlock  = "PUBLIC KEY"
)

// Key is a publisher's key pair. It prints as its id.
type Key struct{ private ed25519.PrivateKey }

// NewKey makes a key.
func NewKey() (*Key, error) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, fmt.Errorf("trust: %w", err)
	}
	return &Key{private}, nil
}

// Public is the half that others may see.
func (k *Key) Public() ed25519.PublicKey { return k.private.Public().(ed25519.PublicKey) }

// ID names the key; see [KeyID].
func (k *Key) ID() string { return KeyID(k.Public()) }

// String is the id.
func (k *Key) String() string { return k.ID() }

// GoString is the id.
func (k *Key) GoString() string { return k.ID() }

// KeyID is "sha256:" and the hex SHA-256 of a public key's PKIX DER form.
func KeyID(public ed25519.PublicKey) string {
	sum := sha256.Sum256(der(public))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// IsKeyID reports whether a text has the form of a key's id.
func IsKeyID(s string) bool {
	hexed, ok := strings.CutPrefix(s, "sha256:")
	b, err := hex.DecodeString(hexed)
	return ok && err == nil && len(b) == sha256.Size && hexed == strings.ToLower(hexed)
}

// EncodePublic is a public key as PEM.
func EncodePublic(public ed25519.PublicKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: der(public)})
}

// ParsePublic reads a public key as PEM.
func ParsePublic(b []byte) (ed25519.PublicKey, error) {
	block, rest := pem.Decode(b)
	if len(b) > maxKeyFile || block == nil || block.Type != publicBlock || len(strings.TrimSpace(string(rest))) > 0 {
		return nil, errors.New("trust: want one public key as PEM")
	}
	return parseDER(block.Bytes)
}

// der is a public key's PKIX form. An Ed25519 key always has one.
func der(public ed25519.PublicKey) []byte {
	b, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil
	}
	return b
}

func parseDER(b []byte) (ed25519.PublicKey, error) {
	key, err := x509.ParsePKIXPublicKey(b)
	if err != nil {
		return nil, fmt.Errorf("trust: public key: %w", err)
	}
	public, ok := key.(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("trust: the public key is a %T; want Ed25519", key)
	}
	return public, nil
}

// Save writes the private key to a new file that its owner alone can read, in a
// folder that is made if need be. An existing file is never written over.
func (k *Key) Save(path string) error {
	b, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return fmt.Errorf("trust: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("trust: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the owner's own home
	if err != nil {
		return fmt.Errorf("trust: %w", err)
	}
	_, err = f.Write(pem.EncodeToMemory(&pem.Block{Type: privateBlock, Bytes: b}))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("trust: %w", errors.Join(err, os.Remove(path)))
	}
	return nil
}

// LoadKey reads a private key. A file that others than its owner can read or
// write is refused: the key may be theirs by now.
func LoadKey(path string) (*Key, error) {
	f, err := os.Open(path) //nolint:gosec // the owner named it
	if err != nil {
		return nil, fmt.Errorf("trust: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("trust: %w", err)
	}
	if !info.Mode().IsRegular() || open(info.Mode()) {
		return nil, fmt.Errorf("trust: %s is open to others (%s); if nobody has read it, close it: chmod 600 %s", path, info.Mode(), path)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, fmt.Errorf("trust: %w", err)
	}
	block, rest := pem.Decode(b)
	if block == nil || block.Type != privateBlock || len(strings.TrimSpace(string(rest))) > 0 {
		return nil, fmt.Errorf("trust: %s holds no private key", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("trust: %s holds a damaged key", path) // the reason could quote it
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("trust: %s holds a key of another kind; want Ed25519", path)
	}
	return &Key{private}, nil
}

// open reports whether others may reach a file. Windows keeps that elsewhere.
func open(mode fs.FileMode) bool { return runtime.GOOS != "windows" && mode.Perm()&0o077 != 0 }
