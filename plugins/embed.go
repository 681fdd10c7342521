// Package plugins holds the first-party plugins inside the binary: for each
// its manifest and its module, compressed. They are built from the sources in
// this folder by `make plugins`; a program built without that carries none,
// and [Open] says so.
package plugins

import (
	"bytes"
	"compress/gzip"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// dist is what package build writes: dist/NAME/plugin.yaml and
// dist/NAME/MODULE.gz.
//
//go:embed all:dist
var dist embed.FS

// MaxModule caps the size of a module, in bytes.
const MaxModule = 256 << 20

// ErrNotBuilt is the error of Open in a program that was built without
// plugins.
var ErrNotBuilt = errors.New("this program was built without the first-party plugins; run make plugins, then build it again")

// Bundle is one first-party plugin.
type Bundle struct {
	Name     string
	Manifest []byte // plugin.yaml
	File     string // the module's file name, as in the manifest
	Module   []byte
}

// List names the plugins inside, sorted. Their modules are left out, since
// unpacking them all takes a while: see [Open].
func List() []Bundle { return list(dist) }

// Open unpacks one plugin. The error is [ErrNotBuilt] when the program holds
// none at all.
func Open(name string) (Bundle, error) { return open(dist, name) }

func list(fsys fs.FS) []Bundle {
	entries, err := fs.ReadDir(fsys, "dist")
	if err != nil {
		return nil
	}
	var bundles []Bundle
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if b, err := read(fsys, e.Name()); err == nil {
			bundles = append(bundles, b)
		}
	}
	return bundles
}

func open(fsys fs.FS, name string) (Bundle, error) {
	b, err := read(fsys, name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		have := list(fsys)
		if len(have) == 0 {
			return Bundle{}, ErrNotBuilt
		}
		var names []string
		for _, h := range have {
			names = append(names, h.Name)
		}
		return Bundle{}, fmt.Errorf("no first-party plugin %q; there are: %s", name, strings.Join(names, ", "))
	}
	if err != nil {
		return Bundle{}, err
	}
	if b.Module, err = unpack(fsys, path.Join("dist", name, b.File+".gz")); err != nil {
		return Bundle{}, fmt.Errorf("first-party plugin %s: %w", name, err)
	}
	return b, nil
}

// read reads all of a bundle but its module.
func read(fsys fs.FS, name string) (Bundle, error) {
	if name != path.Base(name) || !fs.ValidPath(name) {
		return Bundle{}, fs.ErrInvalid
	}
	dir := path.Join("dist", name)
	manifest, err := fs.ReadFile(fsys, path.Join(dir, "plugin.yaml"))
	if err != nil {
		return Bundle{}, err
	}
	modules, err := fs.Glob(fsys, path.Join(dir, "*.gz"))
	if err != nil {
		return Bundle{}, err
	}
	if len(modules) != 1 {
		return Bundle{}, fmt.Errorf("first-party plugin %s: %d modules instead of one; run make plugins", name, len(modules))
	}
	file := strings.TrimSuffix(path.Base(modules[0]), ".gz")
	return Bundle{Name: name, Manifest: manifest, File: file}, nil
}

func unpack(fsys fs.FS, name string) ([]byte, error) {
	packed, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	module, err := io.ReadAll(io.LimitReader(z, MaxModule+1))
	if err != nil {
		return nil, err
	}
	if len(module) > MaxModule {
		return nil, fmt.Errorf("module is larger than %d bytes", MaxModule)
	}
	return module, z.Close()
}
