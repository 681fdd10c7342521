package registry

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	ggcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/hashicorp/go-hclog"
	"github.com/olareg/olareg"
	"github.com/olareg/olareg/config"

	"github.com/ambithost/ambit/registry/artifact"
	"github.com/ambithost/ambit/registry/trust"
	"github.com/ambithost/ambit/sdk/manifest"
)

// shop is a real registry and a publisher who uses it.
type shop struct {
	*httptest.Server
	oci    OCI
	key    *trust.Key
	before atomic.Pointer[func(http.ResponseWriter, *http.Request) (answered bool)]
}

const shopUser, shopPassword = "ann", "correct-horse"

// newShop serves one of: "olareg", "ggcr" (without a referrers API), "ggcr with
// referrers", "auth" (ggcr that asks for a password).
func newShop(t *testing.T, kind string) *shop {
	t.Helper()
	quiet := ggcr.Logger(hclog.NewNullLogger().StandardLogger(nil))
	var handler http.Handler
	switch kind {
	case "olareg":
		reg := olareg.New(config.Config{Storage: config.ConfigStorage{StoreType: config.StoreMem}})
		t.Cleanup(func() { _ = reg.Close() })
		handler = reg
	case "ggcr with referrers":
		handler = ggcr.New(quiet, ggcr.WithReferrersSupport(true))
	default:
		handler = ggcr.New(quiet)
	}
	s := &shop{oci: OCI{DockerConfig: filepath.Join(t.TempDir(), "config.json")}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if kind == "auth" {
			if user, password, ok := r.BasicAuth(); !ok || user != shopUser || password != shopPassword {
				w.Header().Set("WWW-Authenticate", `Basic realm="shop"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
		}
		if before := s.before.Load(); before == nil || !(*before)(w, r) {
			handler.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	var err error
	if s.key, err = trust.NewKey(); err != nil {
		t.Fatal(err)
	}
	return s
}

// attack sees each request first.
func (s *shop) attack(f func(http.ResponseWriter, *http.Request) bool) { s.before.Store(&f) }

func (s *shop) host() string { return strings.TrimPrefix(s.URL, "http://") }

func (s *shop) plugin(t *testing.T, tag string) Reference {
	t.Helper()
	r, err := ParsePlugin(s.host() + "/acme/weather" + tag)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const shopYAML = `manifest: 1
name: weather
version: %s
description: Forecasts.
runtime: wasm
module: weather.wasm
kinds: [tool]
tools: [{name: forecast, description: Tell the weather., input: {type: object}}]
requires: [{capability: http.request, scope: {hosts: [api.example.org]}, reason: fetches the forecast}]
`

// pack makes an artifact of a version.
func pack(t *testing.T, version, module string) *artifact.Image {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"plugin.yaml": fmt.Sprintf(shopYAML, version), "weather.wasm": module, "README.md": "# Weather\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
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
	return image
}

// sign signs an image as it is for a repository.
func (s *shop) sign(t *testing.T, image *artifact.Image, ref Reference, key *trust.Key, chain ...trust.Envelope) []byte {
	t.Helper()
	b, err := key.Sign(image.Manifest.Digest.String(), trust.ReleaseOf(manifestOf(t, image), ref.Repository()), chain...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// publish packs, signs and publishes a version.
func (s *shop) publish(t *testing.T, version, module string) *artifact.Image {
	t.Helper()
	image, ref := pack(t, version, module), s.plugin(t, ":"+version)
	if _, err := s.oci.Publish(t.Context(), ref, image, s.sign(t, image, ref, s.key)); err != nil {
		t.Fatal(err)
	}
	return image
}

func (s *shop) pull(t *testing.T, tag string) (*Fetched, error) {
	t.Helper()
	return s.oci.Pull(t.Context(), s.plugin(t, tag), PullOptions{Parts: t.TempDir()})
}

func manifestOf(t *testing.T, image *artifact.Image) *manifest.Manifest {
	t.Helper()
	for _, b := range image.Blobs {
		if b.MediaType == artifact.PluginText {
			m, err := manifest.Parse(b.Data)
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
	}
	t.Fatal("no plugin.yaml")
	return nil
}
