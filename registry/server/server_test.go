package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/registry"
	"github.com/ambithost/ambit/registry/artifact"
	"github.com/ambithost/ambit/registry/trust"
)

const pluginYAML = `manifest: 1
name: %s
version: %s
description: Forecasts.
runtime: wasm
module: weather.wasm
kinds: [tool]
tools: [{name: forecast, description: Tell the weather., input: {type: object}}]
requires: [{capability: http.request, scope: {hosts: [%s]}, reason: fetches the forecast}]
`

// place is a registry that a test can restart.
type place struct {
	dir string
	web *httptest.Server
	*Server
}

func (p *place) start(t *testing.T) {
	t.Helper()
	s, err := Open(p.dir, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	p.Server = s
	p.web = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.Server.ServeHTTP(w, r) }))
}

func (p *place) stop(t *testing.T) {
	t.Helper()
	p.web.Close()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{dir: t.TempDir()}
	p.start(t)
	t.Cleanup(func() { p.stop(t) })
	return p
}

func newKey(t *testing.T) *trust.Key {
	t.Helper()
	k, err := trust.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func read(t *testing.T, name, version, host string) (*artifact.Plugin, *artifact.Image) {
	t.Helper()
	dir := t.TempDir()
	for file, text := range map[string]string{"plugin.yaml": fmt.Sprintf(pluginYAML, name, version, host), "weather.wasm": "\x00asm\x01\x00\x00\x00"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := artifact.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	image, err := artifact.Pack(p)
	if err != nil {
		t.Fatal(err)
	}
	return p, image
}

func (p *place) ref(t *testing.T, at string) registry.Reference {
	t.Helper()
	ref, err := registry.ParsePlugin(strings.TrimPrefix(p.web.URL, "http://") + "/" + at)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

var oci = registry.OCI{}

// publish publishes "namespace/name:version" as the command line does.
func (p *place) publish(t *testing.T, at, host string, key *trust.Key, chain ...trust.Envelope) error {
	t.Helper()
	ref := p.ref(t, at)
	plugin, image := read(t, ref.Name(), ref.Tag(), host)
	var bundle []byte
	if key != nil {
		var err error
		if bundle, err = key.Sign(image.Manifest.Digest.String(), trust.ReleaseOf(plugin.Manifest, ref.Repository()), chain...); err != nil {
			t.Fatal(err)
		}
	}
	_, err := oci.Publish(t.Context(), ref, image, bundle)
	return err
}

func (p *place) send(t *testing.T, method, path string, body []byte) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, p.web.URL+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
	resp, err := p.web.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestPublishedOverRestart(t *testing.T) {
	t.Parallel()
	p, key := newPlace(t), newKey(t)
	if err := p.publish(t, "acme/weather:1.0.0", "api.example.org", key); err != nil {
		t.Fatal(err)
	}
	before, err := oci.Resolve(t.Context(), p.ref(t, "acme/weather:1.0.0"))
	if err != nil {
		t.Fatal(err)
	}
	p.stop(t)
	p.start(t)
	after, err := oci.Resolve(t.Context(), p.ref(t, "acme/weather:1.0.0"))
	if err != nil || after != before {
		t.Fatalf("after a restart %s, %v; want %s", after, err, before)
	}
	if err := p.publish(t, "acme/weather:1.1.0", "api.example.org", newKey(t)); err == nil || !strings.Contains(err.Error(), "another key") {
		t.Fatalf("a stranger after a restart: %v", err)
	}
	if err := p.publish(t, "acme/weather:1.1.0", "api.example.org", key); err != nil {
		t.Fatal(err)
	}
}

func TestAttackRetaggedVersion(t *testing.T) {
	t.Parallel()
	p, key := newPlace(t), newKey(t)
	if err := p.publish(t, "acme/weather:1.0.0", "api.example.org", key); err != nil {
		t.Fatal(err)
	}
	if err := p.publish(t, "acme/weather:1.0.0", "evil.example.org", key); !errors.Is(err, registry.ErrMoved) {
		t.Fatalf("the client: %v", err)
	}
	// A client that doesn't look: the publisher's own, signed, under the old tag.
	ref := p.ref(t, "acme/weather:1.0.0")
	plugin, image := read(t, "weather", "1.0.0", "evil.example.org")
	bundle, err := key.Sign(image.Manifest.Digest.String(), trust.ReleaseOf(plugin.Manifest, ref.Repository()))
	if err != nil {
		t.Fatal(err)
	}
	beside := p.ref(t, "acme/weather:other")
	if _, err := oci.Publish(t.Context(), beside, image, bundle); err == nil {
		t.Fatal("a tag that is not the version was taken")
	}
	if status, text := p.send(t, http.MethodPut, "/v2/acme/weather/manifests/1.0.0", image.Manifest.Data); status != http.StatusConflict || !strings.Contains(text, "stays what it is") {
		t.Errorf("%d %s", status, text)
	}
	if status, text := p.send(t, http.MethodPut, "/v2/acme/weather/manifests/"+image.Manifest.Digest.String()+"?tag=1.0.0", image.Manifest.Data); status != http.StatusBadRequest {
		t.Errorf("by a parameter: %d %s", status, text)
	}
	if status, _ := p.send(t, http.MethodDelete, "/v2/acme/weather/manifests/1.0.0", nil); status != http.StatusMethodNotAllowed {
		t.Errorf("deletion: %d", status)
	}
}

func TestAttackOtherNamespace(t *testing.T) {
	t.Parallel()
	p, key, stranger := newPlace(t), newKey(t), newKey(t)
	if err := p.publish(t, "acme/weather:1.0.0", "api.example.org", key); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"acme/weather:1.1.0", "acme/other:1.0.0", "acme/tools/deep:1.0.0"} {
		if err := p.publish(t, at, "api.example.org", stranger); err == nil || !strings.Contains(err.Error(), "another key") {
			t.Errorf("%s: %v", at, err)
		}
	}
	if err := p.publish(t, "acme/weather:1.0.0", "api.example.org", stranger); err == nil {
		t.Error("a stranger's signature was added to a version")
	}
	for _, at := range []string{"acme/weather:1.2.0", "free/weather:1.0.0"} {
		if err := p.publish(t, at, "api.example.org", nil); err == nil || !strings.Contains(err.Error(), "once a signature") {
			t.Errorf("unsigned %s: %v", at, err)
		}
	}
	next := newKey(t)
	handed, err := key.Rotate(next)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.publish(t, "acme/weather:2.0.0", "api.example.org", next, handed); err != nil {
		t.Errorf("handed over: %v", err)
	}
	if err := p.publish(t, "acme/weather:2.1.0", "api.example.org", key); err == nil {
		t.Error("the key that handed over still publishes")
	}
}

// TestAttackParentClaimedLater: whoever has a namespace keeps it when a stranger
// claims what lies above.
func TestAttackParentClaimedLater(t *testing.T) {
	t.Parallel()
	p, owner, late := newPlace(t), newKey(t), newKey(t)
	for _, c := range []struct {
		at    string
		key   *trust.Key
		taken bool
	}{
		{"acme/tools/hammer:1.0.0", owner, true}, {"acme/weather:1.0.0", late, true},
		{"acme/tools/hammer:1.1.0", owner, true}, {"acme/tools/hammer:1.2.0", late, false}, {"acme/more/saw:1.0.0", owner, false},
	} {
		if err := p.publish(t, c.at, "api.example.org", c.key); (err == nil) != c.taken {
			t.Errorf("%s: %v, taken should be %v", c.at, err, c.taken)
		}
	}
}

func TestAttackSignedForLess(t *testing.T) {
	t.Parallel()
	p, key := newPlace(t), newKey(t)
	ref := p.ref(t, "acme/weather:1.0.0")
	plugin, image := read(t, "weather", "1.0.0", "api.example.org")
	said := trust.ReleaseOf(plugin.Manifest, ref.Repository())
	said.Capabilities = nil
	bundle, err := key.Sign(image.Manifest.Digest.String(), said)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := oci.Publish(t.Context(), ref, image, bundle); err == nil || !strings.Contains(err.Error(), "once a signature") {
		t.Errorf("a signature for fewer capabilities: %v", err)
	}
}

func TestAttackSizesAndForms(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for name, c := range map[string]struct {
		method, path string
		body         []byte
		want         int
	}{
		"manifest too large": {http.MethodPut, "/v2/acme/weather/manifests/1.0.0", make([]byte, artifact.MaxManifest+1), http.StatusRequestEntityTooLarge},
		"no manifest":        {http.MethodPut, "/v2/acme/weather/manifests/1.0.0", []byte("{"), http.StatusBadRequest},
		"another image":      {http.MethodPut, "/v2/acme/weather/manifests/1.0.0", []byte(`{"schemaVersion":2}`), http.StatusBadRequest},
		"no namespace":       {http.MethodPut, "/v2/weather/manifests/1.0.0", []byte(`{}`), http.StatusBadRequest},
		"up and down":        {http.MethodPut, "/v2/acme/x/../weather/manifests/1.0.0", []byte(`{}`), http.StatusBadRequest},
		"in parts":           {http.MethodPatch, "/v2/acme/weather/blobs/uploads/1", []byte("x"), http.StatusMethodNotAllowed},
		"elsewhere":          {http.MethodPost, "/", nil, http.StatusMethodNotAllowed},
	} {
		if status, text := p.send(t, c.method, c.path, c.body); status != c.want {
			t.Errorf("%s: %d %s; want %d", name, status, text, c.want)
		}
	}
}

func TestDamagedNamespaces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "namespaces.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, time.Now); err == nil {
		t.Fatal("opened without knowing whose the namespaces are")
	}
}
