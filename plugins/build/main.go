// Command build compiles the first-party plugins from source into
// plugins/dist, where package plugins embeds them. Run it at the top of the
// repository:
//
//	go run ./plugins/build
//
// Wasm modules are the same for every target. Native plugins are built for
// AMBIT_TARGET, an "os/arch" pair, by default the machine's own. Equal sources
// give equal bytes, and what is unchanged is left alone.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ambithost/ambit/sdk/manifest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, ".", os.Getenv("AMBIT_TARGET"), os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "plugins:", err)
		os.Exit(1)
	}
}

// run builds all plugins of the repository at root.
func run(ctx context.Context, root, pair string, progress io.Writer) error {
	t, err := target(pair)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		return errors.New("go.mod is not here; run at the top of the repository")
	}
	sources, err := find(root)
	if err != nil {
		return err
	}
	b := builder{root: root, target: t, dist: filepath.Join(root, "plugins", "dist"), scratch: filepath.Join(root, "bin", "plugins", t.os+"-"+t.arch)}
	start := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	var mu sync.Mutex // a line at a time
	for _, s := range sources {
		g.Go(func() error {
			line, err := b.build(ctx, s)
			if err != nil {
				return fmt.Errorf("%s: %w", s.dir, err)
			}
			mu.Lock()
			defer mu.Unlock()
			_, err = fmt.Fprintln(progress, "plugins:", line)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := b.prune(sources); err != nil {
		return err
	}
	fmt.Fprintf(progress, "plugins: %d in %s, %.1f s\n", len(sources), b.dist, time.Since(start).Seconds())
	return nil
}

// platform is what native plugins are built for.
type platform struct{ os, arch string }

func target(pair string) (platform, error) {
	if pair == "" {
		return platform{runtime.GOOS, runtime.GOARCH}, nil
	}
	goos, arch, ok := strings.Cut(pair, "/")
	if !ok || goos == "" || arch == "" || strings.ContainsAny(pair, `\. `) || strings.Contains(arch, "/") {
		return platform{}, fmt.Errorf("AMBIT_TARGET %q: want os/arch, such as linux/arm64", pair)
	}
	return platform{goos, arch}, nil
}

// source is one plugin to build.
type source struct {
	dir      string // where plugin.yaml and the code are
	manifest *manifest.Manifest
	text     []byte // plugin.yaml
}

// find reads every plugin.yaml two folders below plugins, for example
// plugins/tools/web/plugin.yaml.
func find(root string) ([]source, error) {
	files, err := filepath.Glob(filepath.Join(root, "plugins", "*", "*", "plugin.yaml"))
	if err != nil {
		return nil, err
	}
	var sources []source
	taken := map[string]string{}
	for _, file := range files {
		s := source{dir: filepath.Dir(file)}
		if filepath.Base(filepath.Dir(s.dir)) == "dist" {
			continue
		}
		if s.text, err = os.ReadFile(file); err != nil {
			return nil, err
		}
		if s.manifest, err = manifest.Parse(s.text); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if other, ok := taken[s.manifest.Name]; ok {
			return nil, fmt.Errorf("%s: name %q is taken by %s", file, s.manifest.Name, other)
		}
		taken[s.manifest.Name] = file
		sources = append(sources, s)
	}
	if len(sources) == 0 {
		return nil, errors.New("no plugin.yaml in plugins/*/*; run at the top of the repository")
	}
	return sources, nil
}
