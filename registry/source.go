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
	From     string // for people: a path, a reference, or "embedded"

	origin origin
}

// origin is what is known of a plugin that came from a registry; the zero value of
// one that did not.
type origin struct {
	repository, artifact, signer string
	files                        map[string][]byte // kept beside the module, by name
}

// Names of the files that are kept beside a module from a registry: what it takes
// to verify it again without the registry, and what there is to read.
const (
	fileOCI    = "oci.json"
	fileConfig = "config.json"
	fileBundle = "bundle.json"
	fileReadme = "README.md"
	fileLegal  = "LICENSE"
)

// Source is the plugin as it is installed, signed by by; nil is by nobody.
func (f *Fetched) Source(by *SignedBy) *Source {
	o := origin{repository: f.Ref.Repository(), artifact: f.Digest, files: map[string][]byte{fileOCI: f.OCI, fileConfig: f.Contents.Config}}
	for name, b := range map[string][]byte{fileReadme: f.Contents.README, fileLegal: f.Contents.License} {
		if b != nil {
			o.files[name] = b
		}
	}
	if by != nil {
		o.signer, o.files[fileBundle] = by.KeyID, by.Bundle
	}
	return &Source{Manifest: f.Contents.Text, Module: f.Contents.Module, From: f.Ref.Short(), origin: o}
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
