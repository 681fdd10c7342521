package registry

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ambithost/ambit/registry/artifact"
	"github.com/ambithost/ambit/sdk/manifest"
)

// MaxModule caps the size of a module in bytes.
const MaxModule = artifact.MaxModule

// Source is a plugin as it was found, before anything of it is trusted.
type Source struct {
	Manifest []byte // nil for a bare module
	Module   []byte
	From     string // for people: a path, or "embedded"
}

// FromPath reads a plugin from disk: a folder with a plugin.yaml, the
// plugin.yaml itself, or a bare .wasm module without manifest.
func FromPath(path string) (*Source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	if info.IsDir() {
		path = filepath.Join(path, "plugin.yaml")
	}
	switch ext := filepath.Ext(path); ext {
	case ".yaml", ".yml":
		return fromManifest(path)
	case ".wasm":
		module, err := readCapped(path, MaxModule)
		if err != nil {
			return nil, err
		}
		return &Source{Module: module, From: path}, nil
	}
	return nil, fmt.Errorf("registry: %s: want a folder with a plugin.yaml, a plugin.yaml, or a .wasm module", path)
}

func fromManifest(path string) (*Source, error) {
	text, err := readCapped(path, manifest.MaxBytes)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("registry: %s has no plugin.yaml", filepath.Dir(path))
	}
	if err != nil {
		return nil, err
	}
	m, err := manifest.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("registry: %s: %w", path, err)
	}
	module, err := readCapped(filepath.Join(filepath.Dir(path), m.Module), MaxModule)
	if err != nil {
		return nil, fmt.Errorf("registry: the module of %s: %w", m.Name, err)
	}
	return &Source{Manifest: text, Module: module, From: filepath.Dir(path)}, nil
}

func readCapped(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("registry: %s is not a regular file", path)
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("registry: %s has %d bytes, the limit is %d", path, info.Size(), limit)
	}
	return os.ReadFile(path) //nolint:gosec // the owner named it
}

// nameOf makes a plugin name from a file name.
func nameOf(path string) string {
	base := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	var b strings.Builder
	for _, r := range strings.ToLower(base) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' && b.Len() > 0 {
			b.WriteRune(r)
		} else if b.Len() > 0 && b.Len() < 39 {
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String(), "-")
}
