package main_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/ambithost/ambit/host/cell"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/plugins"
	"github.com/ambithost/ambit/registry"
	"github.com/ambithost/ambit/sdk/manifest"
)

// compiled is where the tests of this package compile each Wasm module once. A
// home is given the result before it installs the module: to compile is most of
// what an install takes, and each test has a home of its own.
var compiled = struct {
	sync.Mutex
	dir  string
	once map[string]func() error // by digest
}{once: map[string]func() error{}}

// precompile gives a home what a module compiles to.
func precompile(home string, module []byte) error {
	if !bytes.HasPrefix(module, []byte("\x00asm\x01")) {
		return nil // native, or none that compiles
	}
	digest := strings.TrimPrefix(registry.Digest(module), "sha256:")
	compiled.Lock()
	if compiled.dir == "" {
		dir, err := os.MkdirTemp("", "ambit-compiled-")
		if err != nil {
			compiled.Unlock()
			return err
		}
		compiled.dir = dir
	}
	dir := filepath.Join(compiled.dir, digest)
	once := compiled.once[digest]
	if once == nil {
		once = sync.OnceValue(func() error { return compileInto(dir, module) })
		compiled.once[digest] = once
	}
	compiled.Unlock()
	if err := once(); err != nil {
		return err
	}
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	return link(filepath.Join(dir, "cache"), filepath.Join(home, "cache", digest))
}

// compileInto compiles as a host does.
func compileInto(dir string, module []byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	file := filepath.Join(dir, "module.wasm")
	if err := os.WriteFile(file, module, 0o600); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	d, err := cell.NewDriver(cell.Config{Binary: self, RunDir: filepath.Join(dir, "run")})
	if err != nil {
		return err
	}
	_, err = d.Inspect(context.Background(), cell.Spec{Plugin: "module", Runtime: manifest.Wasm, Digest: registry.Digest(module), Module: file, Cache: filepath.Join(dir, "cache")})
	return errors.Join(err, d.Close())
}

// removeCompiled is for when the tests are over.
func removeCompiled() {
	compiled.Lock()
	defer compiled.Unlock()
	if compiled.dir != "" {
		_ = os.RemoveAll(compiled.dir)
	}
}

// precompileWanted prepares a home for an install.
func precompileWanted(home string, req control.PreviewRequest) error {
	if req.Path != "" {
		src, err := registry.FromPath(req.Path)
		if err != nil {
			return nil //nolint:nilerr // the host says what is wrong with it
		}
		return precompile(home, src.Module)
	}
	bundle, err := plugins.Open(req.Name)
	if err != nil {
		return nil //nolint:nilerr // as above
	}
	return precompile(home, bundle.Module)
}

// precompileNamed prepares a home for the first-party plugins that a script
// names in its commands.
func precompileNamed(home, script string) error {
	text, err := os.ReadFile(script)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, "ambit plugin install ") {
			continue
		}
		for _, word := range strings.Fields(line) {
			if err := precompileWanted(home, control.PreviewRequest{Name: word}); err != nil {
				return err
			}
		}
	}
	return nil
}

// link makes a folder that holds the files of another one. Nobody writes to
// them: a host replaces what it compiles.
func link(from, to string) error {
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		return os.Link(path, filepath.Join(to, rel))
	})
}
