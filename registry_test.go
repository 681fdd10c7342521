package main_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	ggcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/hashicorp/go-hclog"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ambithost/ambit/host/cell/hostile"
	"github.com/ambithost/ambit/plugins"
	"github.com/ambithost/ambit/registry"
	"github.com/ambithost/ambit/registry/artifact"
	"github.com/ambithost/ambit/registry/trust"
)

// shops are two registries for a script: $SHOP lets everyone in, and serves the
// folder feeds under /feeds/; $LOCKED asks for ann's password. The folder evader gets
// a module that does not end by itself. The folder plugin gets a module of 3 MB, compiled before.
func shops(e *testscript.Env) error {
	quiet := ggcr.Logger(hclog.NewNullLogger().StandardLogger(nil))
	public := http.NewServeMux()
	public.Handle("/", ggcr.New(quiet))
	public.Handle("/feeds/", http.StripPrefix("/feeds/", http.FileServer(http.Dir(filepath.Join(e.WorkDir, "feeds")))))
	open := httptest.NewServer(public)
	e.Defer(open.Close)
	e.Setenv("SHOP", open.Listener.Addr().String())
	inside := ggcr.New(quiet, ggcr.WithReferrersSupport(true))
	locked := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, ok := r.BasicAuth(); !ok || user != "ann" || password != "correct-horse" {
			w.Header().Set("WWW-Authenticate", `Basic realm="shop"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		inside.ServeHTTP(w, r)
	}))
	e.Defer(locked.Close)
	e.Setenv("LOCKED", locked.Listener.Addr().String())
	// Where a script may serve a registry itself.
	free, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	e.Setenv("SERVE", free.Addr().String())
	if err := free.Close(); err != nil {
		return err
	}
	notes, err := plugins.Open("notes")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(e.WorkDir, "plugin"), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(e.WorkDir, "plugin", "jotter.wasm"), notes.Module, 0o600); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(e.WorkDir, "evader"), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(e.WorkDir, "evader", "evader.wasm"), hostile.Evading(), 0o600); err != nil {
		return err
	}
	for _, home := range []string{"home", "second"} {
		if err := precompile(filepath.Join(e.WorkDir, home), notes.Module); err != nil {
			return err
		}
	}
	return nil
}

// unsigned publishes a folder that nobody signed: unsigned DIR REFERENCE.
func unsigned(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: unsigned DIR REFERENCE")
	}
	p, err := artifact.Read(ts.MkAbs(args[0]))
	ts.Check(err)
	image, err := artifact.Pack(p)
	ts.Check(err)
	ref, err := registry.ParsePlugin(args[1])
	ts.Check(err)
	_, err = registry.OCI{}.Publish(context.Background(), ref, image, nil)
	ts.Check(err)
}

// spoil appends to the files that a pattern names: spoil PATTERN.
func spoil(ts *testscript.TestScript, _ bool, args []string) {
	files, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(files) == 0 {
		ts.Fatalf("no file is called %s", args[0])
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		ts.Check(err)
		ts.Check(os.WriteFile(file, append(b, 0), 0o600))
	}
}

// following has a home follow the feed that lies in the folder feeds and is signed
// by the key named default: following HOME.
func following(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: following HOME")
	}
	key, err := trust.LoadKey(ts.MkAbs(filepath.Join("home", "keys", "default.pem")))
	ts.Check(err)
	text := "revocations:\n- feed: http://" + ts.Getenv("SHOP") + "/feeds/feed.json\n  key: " + key.ID() + "\n"
	ts.Check(os.MkdirAll(ts.MkAbs(args[0]), 0o700))
	ts.Check(os.WriteFile(filepath.Join(ts.MkAbs(args[0]), "ambit.yaml"), []byte(text), 0o600))
}

// revokeArtifact revokes what a file has the digest of, in the folder feeds:
// revokeartifact FILE.
func revokeArtifact(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: revokeartifact FILE")
	}
	ts.Check(ts.Exec("ambit", "registry", "revoke", "feeds/feed.json", "--artifact", strings.TrimSpace(ts.ReadFile(args[0])), "--reason", "never ends"))
}
