package artifact

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"github.com/ambithost/ambit/sdk/manifest"
)

// Read takes a plugin's files from a folder: plugin.yaml, the module that it
// names, README.md and LICENSE (or LICENSE.md, LICENSE.txt). A native plugin's
// modules lie beside each other as MODULE-OS-ARCHITECTURE; a lone MODULE is for
// the machine that packs. Every file is a regular file in the folder itself.
func Read(dir string) (*Plugin, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("artifact: %w", err)
	}
	defer root.Close()
	p := &Plugin{Modules: map[Platform][]byte{}}
	if p.Text, err = readFile(root, "plugin.yaml", manifest.MaxBytes); err != nil {
		return nil, err
	}
	if p.Manifest, err = manifest.Parse(p.Text); err != nil {
		return nil, fmt.Errorf("artifact: plugin.yaml: %w", err)
	}
	if p.README, err = readFirst(root, "README.md"); err != nil {
		return nil, err
	}
	if p.License, err = readFirst(root, "LICENSE", "LICENSE.md", "LICENSE.txt"); err != nil {
		return nil, err
	}
	if p.Manifest.Runtime == manifest.Native {
		return p, p.readNative(root)
	}
	p.Modules[Platform{}], err = readFile(root, p.Manifest.Module, MaxModule)
	return p, err
}

func (p *Plugin) readNative(root *os.Root) error {
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return fmt.Errorf("artifact: %w", err)
	}
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), p.Manifest.Module+"-")
		system, arch, two := strings.Cut(rest, "-")
		if !ok || !two || !word(system) || !word(arch) {
			continue
		}
		if p.Modules[Platform{system, arch}], err = readFile(root, e.Name(), MaxModule); err != nil {
			return err
		}
	}
	if len(p.Modules) == 0 {
		p.Modules[Platform{runtime.GOOS, runtime.GOARCH}], err = readFile(root, p.Manifest.Module, MaxModule)
	}
	return err
}

// word reports whether s can name an operating system or an architecture.
func word(s string) bool {
	return s != "" && len(s) < 16 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// readFirst reads the first of some optional files that there is.
func readFirst(root *os.Root, names ...string) ([]byte, error) {
	for _, name := range names {
		b, err := readFile(root, name, MaxText)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return b, err
	}
	return nil, nil
}

// readFile reads a regular file, links not followed, of at most limit bytes.
func readFile(root *os.Root, name string, limit int64) ([]byte, error) {
	info, err := root.Lstat(name)
	if err != nil {
		return nil, fmt.Errorf("artifact: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("artifact: %s is not a regular file", name)
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("artifact: %w", err)
	}
	defer f.Close()
	if now, err := f.Stat(); err != nil || !os.SameFile(info, now) {
		return nil, errors.Join(fmt.Errorf("artifact: %s changed while it was opened", name), err)
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("artifact: %w", err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("artifact: %s has more than %d bytes, the limit", name, limit)
	}
	return b, nil
}
