package registry

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/olareg/olareg"
	"github.com/olareg/olareg/config"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote"
)

// server is a real registry in memory. before, if set, sees each request first
// and may answer it.
type server struct {
	*httptest.Server
	before func(http.ResponseWriter, *http.Request) (answered bool)
}

func newServer(t *testing.T) *server {
	t.Helper()
	reg := olareg.New(config.Config{Storage: config.ConfigStorage{StoreType: config.StoreMem}})
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.before == nil || !s.before(w, r) {
			reg.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() { s.Close(); _ = reg.Close() })
	return s
}

func (s *server) ref(t *testing.T, tag string) Reference {
	t.Helper()
	ref, err := ParseReference("oci://" + strings.TrimPrefix(s.URL, "http://") + "/org/policies" + tag)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// push makes an artifact of layers of a media type, and tags it.
func (s *server) push(t *testing.T, tag, mediaType string, layers ...[]byte) (manifest ocispec.Descriptor) {
	t.Helper()
	// Not the client of all: any test server that ends closes its connections.
	repo := &remote.Repository{Reference: s.ref(t, ":x").at, PlainHTTP: true, Client: s.Client()}
	put := func(mediaType string, b []byte) ocispec.Descriptor {
		d := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(b), Size: int64(len(b))}
		if err := repo.Blobs().Push(t.Context(), d, bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
		return d
	}
	m := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, Config: put(ocispec.MediaTypeImageConfig, []byte("{}"))}
	m.SchemaVersion = 2
	for _, l := range layers {
		m.Layers = append(m.Layers, put(mediaType, l))
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	manifest = ocispec.Descriptor{MediaType: m.MediaType, Digest: digest.FromBytes(b), Size: int64(len(b))}
	if err := repo.Manifests().PushReference(t.Context(), manifest, bytes.NewReader(b), tag); err != nil {
		t.Fatal(err)
	}
	return manifest
}

func TestReferences(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"oci://registry.example/org/policies:1":                                true,
		"oci://127.0.0.1:5000/p:latest":                                        true,
		"oci://registry.example/p@sha256:" + strings.Repeat("a", 64):           true,
		"oci://registry.example/p":                                             false,
		"oci://registry.example/":                                              false,
		"oci://registry.example":                                               false,
		"oci://owner:secret@registry.example/p:1":                              false,
		"oci://registry.example/../p:1":                                        false,
		"oci://registry.example/P:1":                                           false,
		"oci://registry.example/p:1?x=1":                                       false,
		"oci://registry.example/p@sha256:abc":                                  false,
		"https://registry.example/p:1":                                         false,
		"registry.example/p:1":                                                 false,
		"oci://registry.example/p:1 2":                                         false,
		"oci://registry.example/p:" + strings.Repeat("1", 129):                 false,
		"oci://registry.example\x00/p:1":                                       false,
		"oci:///p:1":                                                           false,
		"oci://registry.example/p@sha512:" + strings.Repeat("a", 64):           false,
		"oci://registry.example/p:1@sha256:" + strings.Repeat("g", 64):         false,
		"oci://registry.example/" + strings.Repeat("p", 300) + "/UPPER" + ":1": false,
	} {
		ref, err := ParseReference(text)
		if (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		} else if ok && ref.String() != text {
			t.Errorf("%q is read as %q", text, ref)
		}
	}
}

func TestLayer(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	m := s.push(t, "1", BundleLayer, []byte("first"))
	for _, tag := range []string{":1", "@" + m.Digest.String()} {
		if b, err := (OCI{}).Layer(t.Context(), s.ref(t, tag), BundleLayer, 5); err != nil || string(b) != "first" {
			t.Errorf("%s: %q, %v", tag, b, err)
		}
	}
	// A tag moves; a digest does not.
	s.push(t, "1", BundleLayer, []byte("other"))
	for tag, want := range map[string]string{":1": "other", "@" + m.Digest.String(): "first"} {
		if b, err := (OCI{}).Layer(t.Context(), s.ref(t, tag), BundleLayer, 5); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", tag, b, err)
		}
	}
}

// What a registry that lies, or is not what it should be, can't make us take.
func TestHostileRegistry(t *testing.T) {
	t.Parallel()
	blob := []byte(strings.Repeat("bundle ", 100))
	at := func(part string) func(*http.Request) bool {
		return func(r *http.Request) bool { return r.Method == http.MethodGet && strings.Contains(r.URL.Path, part) }
	}
	send := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusTemporaryRedirect) }
	}
	manifest := func(change func(*ocispec.Manifest)) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			m := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, Layers: []ocispec.Descriptor{{MediaType: BundleLayer, Digest: digest.FromBytes(blob), Size: int64(len(blob))}}}
			m.SchemaVersion = 2
			change(&m)
			w.Header().Set("Content-Type", m.MediaType)
			_ = json.NewEncoder(w).Encode(m)
		}
	}
	for name, c := range map[string]struct {
		part   string
		answer http.HandlerFunc
		want   string
	}{
		"another blob":           {"/blobs/", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.ToUpper(blob)) }, "digest"},
		"truncated, and says so": {"/blobs/", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(blob[:50]) }, "mismatch"},
		"truncated, and does not": {"/blobs/", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(blob)))
			_, _ = w.Write(blob[:50])
		}, "EOF"},
		"longer than it says": {"/blobs/", func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			_, _ = w.Write(append(bytes.Clone(blob), 'x'))
		}, "trailing"},
		"a larger layer":           {"/manifests/", manifest(func(m *ocispec.Manifest) { m.Layers[0].Size = 1 << 40 }), "limit"},
		"a layer of negative size": {"/manifests/", manifest(func(m *ocispec.Manifest) { m.Layers[0].Size = -1 }), "limit"},
		"a layer with no digest":   {"/manifests/", manifest(func(m *ocispec.Manifest) { m.Layers[0].Digest = "../../x" }), "digest"},
		"two bundles":              {"/manifests/", manifest(func(m *ocispec.Manifest) { m.Layers = append(m.Layers, m.Layers[0]) }), "2 layers"},
		"no bundle":                {"/manifests/", manifest(func(m *ocispec.Manifest) { m.Layers = nil }), "no layer"},
		"an index":                 {"/manifests/", manifest(func(m *ocispec.Manifest) { m.MediaType = ocispec.MediaTypeImageIndex }), "image.index"},
		"a manifest that is none": {"/manifests/", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", ocispec.MediaTypeImageManifest)
			_, _ = w.Write([]byte("{"))
		}, "manifest"},
		"a manifest of another digest": {"/manifests/", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Docker-Content-Digest", digest.FromString("x").String())
			manifest(func(*ocispec.Manifest) {})(w, r)
		}, "digest"},
		"a large manifest": {"/manifests/", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", ocispec.MediaTypeImageManifest)
			_, _ = w.Write(make([]byte, maxManifest+1))
		}, "manifest"},
		"sends us to a neighbour":           {"/blobs/", send("https://10.0.0.1/blob"), errElsewhere.Error()},
		"sends us to the cloud's keys":      {"/blobs/", send("https://169.254.169.254/latest/meta-data"), errElsewhere.Error()},
		"sends us to another port of ours":  {"/blobs/", send("http://127.0.0.1:1/blob"), errElsewhere.Error()},
		"sends us to ourselves by name":     {"/blobs/", send("https://localhost:1/blob"), errElsewhere.Error()},
		"sends us there by another writing": {"/blobs/", send("https://[::ffff:10.0.0.1]/blob"), errElsewhere.Error()},
		"sends us away without TLS":         {"/blobs/", send("http://1.1.1.1/blob"), errElsewhere.Error()},
		"sends us round":                    {"/blobs/", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, "redirected"},
		"wants a token from a neighbour": {"/manifests/", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="https://10.0.0.1/token",service="x",scope="y"`)
			w.WriteHeader(http.StatusUnauthorized)
		}, errElsewhere.Error()},
		"knows nothing": {"/manifests/", http.NotFound, "not found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.push(t, "1", BundleLayer, blob)
			s.before = func(w http.ResponseWriter, r *http.Request) bool {
				if at(c.part)(r) {
					c.answer(w, r)
					return true
				}
				return false
			}
			b, err := (OCI{}).Layer(t.Context(), s.ref(t, ":1"), BundleLayer, 1<<20)
			if err == nil || b != nil {
				t.Fatalf("was taken: %.20q", b)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestLayerLimit(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.push(t, "1", BundleLayer, []byte("123456"))
	s.push(t, "2", "application/x-other", []byte("123456"))
	for _, tag := range []string{":1", ":2"} {
		if b, err := (OCI{}).Layer(t.Context(), s.ref(t, tag), BundleLayer, 5); err == nil {
			t.Errorf("%s: %q", tag, b)
		}
	}
}

// The credentials of the usual file go to the registry they are for, and into no
// error.
func TestCredentials(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.push(t, "1", BundleLayer, []byte("x"))
	const secret = "hunter2-registry"
	s.before = func(w http.ResponseWriter, r *http.Request) bool {
		if user, pass, ok := r.BasicAuth(); ok && user == "ambit" && pass == secret {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}
	write := func(host, password string) string {
		path := filepath.Join(t.TempDir(), "config.json")
		text := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte("ambit:"+password)))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	host := strings.TrimPrefix(s.URL, "http://")
	if b, err := (OCI{DockerConfig: write(host, secret)}).Layer(t.Context(), s.ref(t, ":1"), BundleLayer, 5); err != nil || string(b) != "x" {
		t.Errorf("%q, %v", b, err)
	}
	for name, path := range map[string]string{"a wrong one": write(host, "wrong-password"), "another's": write("registry.example", secret), "none": filepath.Join(t.TempDir(), "config.json")} {
		_, err := (OCI{DockerConfig: path}).Layer(t.Context(), s.ref(t, ":1"), BundleLayer, 5)
		if err == nil {
			t.Errorf("%s: was let in", name)
		} else if strings.Contains(err.Error(), "wrong-password") || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error has the password: %v", name, err)
		}
	}
}

func TestOriginIsTheOwners(t *testing.T) {
	t.Parallel()
	for origin, plain := range map[string]bool{"oci://127.0.0.1:5000/p:1": true, "oci://localhost/p:1": true, "oci://10.0.0.1/p:1": false, "oci://127.0.0.1.example.org/p:1": false, "oci://registry.example/p:1": false} {
		ref, err := ParseReference(origin)
		if err != nil {
			t.Fatal(err)
		}
		if got := ref.origin().Scheme == "http"; got != plain {
			t.Errorf("%s: plain http %v", origin, got)
		}
	}
	// A client for a far origin does without TLS not even there.
	c := NewClient(&url.URL{Scheme: "http", Host: "registry.example"})
	defer c.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://registry.example/v2/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := c.Do(req); err == nil {
		_ = res.Body.Close()
		t.Error("spoke plain http to another machine")
	}
}

// A name that turns out to be a neighbour is not dialled, and a name is looked up
// once.
func TestNamesOfNeighbours(t *testing.T) {
	t.Parallel()
	g := &guard{origin: "registry.example:443"}
	for _, address := range []string{"127.0.0.1:443", "10.0.0.1:443", "[::1]:443", "[::ffff:192.168.0.1]:443", "169.254.169.254:443", "localhost:443"} {
		conn, err := g.dial(t.Context(), "tcp", address)
		if !errors.Is(err, errElsewhere) {
			t.Errorf("%s: %v", address, err)
		}
		if conn != nil {
			_ = conn.Close()
		}
	}
}
