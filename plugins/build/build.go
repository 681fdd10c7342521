package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/ambithost/ambit/sdk/manifest"
)

// builder compiles into scratch, where the go command finds its last output
// and skips what is up to date, and packs into dist.
type builder struct {
	root    string // of the module
	target  platform
	dist    string
	scratch string
}

// build makes one bundle and returns a line about it.
func (b builder) build(ctx context.Context, s source) (string, error) {
	start := time.Now()
	out, err := b.compile(ctx, s)
	if err != nil {
		return "", err
	}
	module, err := os.ReadFile(out)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(b.dist, s.manifest.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	packed := filepath.Join(dir, s.manifest.Module+".gz")
	sum := sha256.Sum256(module)
	comment := "sha256:" + hex.EncodeToString(sum[:])
	state := "unchanged"
	if commentOf(packed) != comment {
		state = "built"
		if err := pack(b.scratch, packed, comment, module); err != nil {
			return "", err
		}
	}
	if err := replace(b.scratch, filepath.Join(dir, "plugin.yaml"), s.text); err != nil {
		return "", err
	}
	if err := keepOnly(dir, "plugin.yaml", filepath.Base(packed)); err != nil {
		return "", err
	}
	info, err := os.Stat(packed)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%-12s %-6s %5.1f MB, packed %.1f MB, %s in %.1f s", s.manifest.Name, s.manifest.Runtime,
		mega(len(module)), mega(int(info.Size())), state, time.Since(start).Seconds()), nil
}

func mega(n int) float64 { return float64(n) / 1e6 }

// compile runs the go command and returns the module's path.
func (b builder) compile(ctx context.Context, s source) (string, error) {
	out, err := filepath.Abs(filepath.Join(b.scratch, s.manifest.Name, s.manifest.Module))
	if err != nil {
		return "", err
	}
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out}
	env := append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	switch s.manifest.Runtime {
	case manifest.Wasm:
		args = append(args, "-buildmode=c-shared")
		env = append(env, "GOOS=wasip1", "GOARCH=wasm")
	default: // a cell lets a native plugin read nothing but itself: it is static
		env = append(env, "GOOS="+b.target.os, "GOARCH="+b.target.arch)
	}
	pkg, err := filepath.Rel(b.root, s.dir)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./"+filepath.ToSlash(pkg))...)
	cmd.Dir, cmd.Env = b.root, env
	if text, err := cmd.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		return "", fmt.Errorf("go build: %w\n%s", err, bytes.TrimSpace(text))
	}
	return out, nil
}

// commentOf reads the comment of a gzip file; "" when there is none to read.
func commentOf(file string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return ""
	}
	return z.Comment
}

// pack compresses without a name or a time, so that equal modules give equal
// files.
func pack(scratch, file, comment string, module []byte) error {
	var buf bytes.Buffer
	z, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return err
	}
	z.Comment = comment
	if _, err := z.Write(module); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return replace(scratch, file, buf.Bytes())
}

// replace writes a file whole or not at all, by way of scratch, and only when
// it differs.
func replace(scratch, file string, data []byte) error {
	if old, err := os.ReadFile(file); err == nil && bytes.Equal(old, data) {
		return nil
	}
	tmp, err := os.CreateTemp(scratch, ".tmp-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err := errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}

// keepOnly removes what an earlier build left in a bundle's folder.
func keepOnly(dir string, names ...string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	keep := map[string]bool{}
	for _, n := range names {
		keep[n] = true
	}
	for _, e := range entries {
		if !keep[e.Name()] {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// prune removes bundles of plugins that are no more.
func (b builder) prune(sources []source) error {
	keep := []string{".keep"}
	for _, s := range sources {
		keep = append(keep, s.manifest.Name)
	}
	err := keepOnly(b.dist, keep...)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
