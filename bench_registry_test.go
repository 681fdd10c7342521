package main_test

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	ggcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/hashicorp/go-hclog"

	"github.com/ambithost/ambit/plugins"
	"github.com/ambithost/ambit/registry"
	"github.com/ambithost/ambit/registry/artifact"
	"github.com/ambithost/ambit/registry/trust"
)

// BenchmarkInstallFromRegistry takes apart what it takes to install a plugin of
// 3.7 MB from a registry on the same machine: each stage in milliseconds.
func BenchmarkInstallFromRegistry(b *testing.B) {
	notes, err := plugins.Open("notes")
	if err != nil {
		b.Skip("the first-party plugins are not built: make plugins")
	}
	srv := httptest.NewServer(ggcr.New(ggcr.Logger(hclog.NewNullLogger().StandardLogger(nil))))
	defer srv.Close()
	ref, err := registry.ParsePlugin(srv.Listener.Addr().String() + "/acme/notes:0.1.0")
	if err != nil {
		b.Fatal(err)
	}
	folder := b.TempDir()
	for name, text := range map[string][]byte{"plugin.yaml": notes.Manifest, "notes.wasm": notes.Module} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	key, err := trust.NewKey()
	if err != nil {
		b.Fatal(err)
	}
	took := map[string]time.Duration{}
	stage := func(name string, f func() error) {
		start := time.Now()
		if err := f(); err != nil {
			b.Fatal(name, err)
		}
		took[name] += time.Since(start)
	}
	for i := range b.N {
		home := b.TempDir()
		var image *artifact.Image
		var p *artifact.Plugin
		stage("pack-ms", func() (err error) {
			if p, err = artifact.Read(folder); err == nil {
				image, err = artifact.Pack(p)
			}
			return err
		})
		if i == 0 {
			bundle, err := key.Sign(image.Manifest.Digest.String(), trust.ReleaseOf(p.Manifest, ref.Repository()))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := (registry.OCI{}).Publish(b.Context(), ref, image, bundle); err != nil {
				b.Fatal(err)
			}
		}
		store, err := registry.Open(filepath.Join(home, "plugins"), filepath.Join(home, "ambit.lock"))
		if err != nil {
			b.Fatal(err)
		}
		var f *registry.Fetched
		var c *registry.Candidate
		stage("resolve-ms", func() error { _, err := registry.OCI{}.Resolve(b.Context(), ref); return err })
		stage("fetch-and-verify-ms", func() (err error) {
			f, err = store.Pull(b.Context(), registry.OCI{}, ref, nil)
			return err
		})
		stage("verify-alone-ms", func() error { _, err := trust.Verify(f.Signed[0].Bundle, f.Digest); return err })
		stage("stage-ms", func() (err error) { c, err = store.Stage(f.Source(&f.Signed[0]), nil); return err })
		stage("compile-ms", func() error { return compileInto(filepath.Join(home, fmt.Sprint("cell", i)), f.Contents.Module) })
		stage("pin-ms", func() error { _, err := store.Commit(c, time.Now()); return err })
	}
	for name, d := range took {
		b.ReportMetric(float64(d.Microseconds())/1000/float64(b.N), name)
	}
}
