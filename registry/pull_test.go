package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ambithost/ambit/registry/artifact"
	"github.com/ambithost/ambit/registry/trust"
)

// TestThreeServers publishes, finds, fetches and installs with each kind of server.
func TestThreeServers(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"olareg", "ggcr", "ggcr with referrers", "auth"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, kind)
			if kind == "auth" {
				if _, err := s.oci.Login(t.Context(), s.host(), shopUser, "wrong"); err == nil {
					t.Fatal("a wrong password was taken")
				}
				if plain, err := s.oci.Login(t.Context(), s.host(), shopUser, shopPassword); err != nil || !plain {
					t.Fatal(plain, err)
				}
			}
			image := s.publish(t, "1.2.0", "\x00asm one")
			s.publish(t, "1.10.0", "\x00asm two")
			if versions, err := s.oci.Versions(t.Context(), s.plugin(t, ":x")); err != nil || fmt.Sprint(versions) != "[1.10.0 1.2.0]" {
				t.Errorf("versions %v, %v", versions, err)
			}
			home := t.TempDir()
			store := open(t, home)
			f, err := store.Pull(t.Context(), s.oci, s.plugin(t, ":1.2.0"), nil)
			if err != nil {
				t.Fatal(err)
			}
			if string(f.Contents.Module) != "\x00asm one" || f.Digest != image.Manifest.Digest.String() || len(f.Signed) != 1 || f.Signed[0].KeyID != s.key.ID() {
				t.Errorf("fetched %+v", f)
			}
			c, err := store.Stage(f.Source(&f.Signed[0]), nil)
			if err != nil {
				t.Fatal(err)
			}
			e, err := store.Commit(c, time.Now())
			if err != nil || !e.Signed || e.Signer != s.key.ID() || e.Artifact != f.Digest || e.Publisher() != s.host()+"/acme" {
				t.Errorf("installed %+v, %v", e, err)
			}
			s.Close() // what follows needs no registry
			store = open(t, home)
			if err := store.Check("weather"); err != nil || store.Text(e) != "# Weather\n" {
				t.Errorf("%v; README %q", err, store.Text(e))
			}
			for _, file := range []string{"module", "plugin.yaml", "oci.json", "config.json", "bundle.json"} {
				path := filepath.Join(store.folder(e), file)
				was, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, append(bytes.Clone(was), ' '), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := store.Check("weather"); err == nil && file != "bundle.json" { // JSON may end in a space
					t.Errorf("a changed %s was not noticed", file)
				}
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
				if err := store.Check("weather"); err == nil {
					t.Errorf("a missing %s was not noticed", file)
				}
				if err := os.WriteFile(path, was, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if kind == "auth" {
				if err := s.oci.Logout(t.Context(), s.host()); err != nil {
					t.Error(err)
				}
				if err := s.oci.Logout(t.Context(), s.host()); err == nil {
					t.Error("logged out twice")
				}
			}
		})
	}
}

func TestPublishRefusesToMoveAVersion(t *testing.T) {
	t.Parallel()
	s := newShop(t, "ggcr")
	image, ref := s.publish(t, "1.2.0", "one"), s.plugin(t, ":1.2.0")
	if created, err := s.oci.Publish(t.Context(), ref, image, s.sign(t, image, ref, s.key)); err != nil || created {
		t.Errorf("the same once more: %v, %v", created, err)
	}
	if _, err := s.oci.Publish(t.Context(), ref, pack(t, "1.2.0", "other"), nil); !errors.Is(err, ErrMoved) {
		t.Errorf("a moved version: %v", err)
	}
	if f, err := s.pull(t, ":1.2.0"); err != nil || string(f.Contents.Module) != "one" {
		t.Errorf("%+v, %v", f, err)
	}
}

// TestHostilePlugins are the attacks that a registry, or whoever can write to it,
// may try. None is taken.
func TestHostilePlugins(t *testing.T) {
	t.Parallel()
	change := func(s *shop, part string, edit func([]byte) []byte) {
		s.attack(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, part) || r.Header.Get("X-Own") != "" {
				return false
			}
			req := r.Clone(r.Context())
			req.RequestURI, req.URL.Scheme, req.URL.Host = "", "http", s.host()
			req.Header.Set("X-Own", "1")
			res, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				return false
			}
			defer res.Body.Close()
			b, _ := io.ReadAll(res.Body)
			w.Header().Set("Content-Type", res.Header.Get("Content-Type"))
			_, _ = w.Write(edit(b))
			return true
		})
	}
	retag := func(t *testing.T, s *shop, image *artifact.Image, tag string) {
		repo, done, err := s.oci.repository(s.plugin(t, tag))
		if err != nil {
			t.Fatal(err)
		}
		defer done()
		if err := repo.Tag(t.Context(), image.Manifest.Descriptor, tag[1:]); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		attack func(*testing.T, *shop, *artifact.Image)
		pull   string // tag; default ":1.2.0"
		want   string
	}{
		"tampered layer": {attack: func(_ *testing.T, s *shop, i *artifact.Image) {
			change(s, i.Blobs[1].Digest.String(), bytes.ToUpper)
		}, want: "digest mismatch"},
		"tampered manifest by tag": {attack: func(_ *testing.T, s *shop, _ *artifact.Image) {
			change(s, "/manifests/1.2.0", func(b []byte) []byte { return bytes.Replace(b, []byte("Forecasts."), []byte("Forecasts!"), 1) })
		}, want: "plugin.yaml says"},
		"a manifest of another digest": {attack: func(t *testing.T, s *shop, i *artifact.Image) {
			change(s, "/manifests/"+i.Manifest.Digest.String(), func(b []byte) []byte { return append(b, ' ') })
		}, pull: "digest", want: "mismatch"},
		"a re-tagged version": {attack: func(t *testing.T, s *shop, i *artifact.Image) { retag(t, s, i, ":1.3.0") }, pull: ":1.3.0", want: "another version's"},
		"another plugin's name": {attack: func(t *testing.T, s *shop, _ *artifact.Image) {
			ref, err := ParsePlugin(s.host() + "/acme/forecast:1.2.0")
			if err != nil {
				t.Fatal(err)
			}
			image := pack(t, "1.2.0", "one")
			if _, err := s.oci.Publish(t.Context(), ref, image, s.sign(t, image, ref, s.key)); err != nil {
				t.Fatal(err)
			}
			if _, err = s.oci.Pull(t.Context(), ref, PullOptions{Parts: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "called weather") {
				t.Errorf("%v", err)
			}
			change(s, "/manifests/", func([]byte) []byte { return nil })
		}, want: "manifest"},
		"the signature of another artifact": {attack: func(t *testing.T, s *shop, _ *artifact.Image) {
			image, ref := pack(t, "1.4.0", "four"), s.plugin(t, ":1.4.0")
			if _, err := s.oci.Publish(t.Context(), ref, image, s.sign(t, pack(t, "1.4.0", "five"), ref, s.key)); err != nil {
				t.Fatal(err)
			}
		}, pull: ":1.4.0", want: "it is about"},
		"a signature for another repository": {attack: func(t *testing.T, s *shop, _ *artifact.Image) {
			elsewhere, err := ParsePlugin("registry.example/acme/weather:1.4.0")
			if err != nil {
				t.Fatal(err)
			}
			image := pack(t, "1.4.0", "four")
			if _, err := s.oci.Publish(t.Context(), s.plugin(t, ":1.4.0"), image, s.sign(t, image, elsewhere, s.key)); err != nil {
				t.Fatal(err)
			}
		}, pull: ":1.4.0", want: "registry.example"},
		"a signature over other capabilities": {attack: func(t *testing.T, s *shop, _ *artifact.Image) {
			image, ref := pack(t, "1.4.0", "four"), s.plugin(t, ":1.4.0")
			release := trust.ReleaseOf(manifestOf(t, image), ref.Repository())
			release.Capabilities = nil
			bundle, err := s.key.Sign(image.Manifest.Digest.String(), release)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.oci.Publish(t.Context(), ref, image, bundle); err != nil {
				t.Fatal(err)
			}
		}, pull: ":1.4.0", want: "other capabilities"},
		"a bundle that is none": {attack: func(t *testing.T, s *shop, _ *artifact.Image) {
			if _, err := s.oci.Publish(t.Context(), s.plugin(t, ":1.4.0"), pack(t, "1.4.0", "four"), []byte("{}")); err != nil {
				t.Fatal(err)
			}
		}, pull: ":1.4.0", want: ErrSignatures.Error()},
		"an endless layer": {attack: func(_ *testing.T, s *shop, i *artifact.Image) {
			s.attack(func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, i.Blobs[1].Digest.String()) {
					return false
				}
				for r.Context().Err() == nil {
					if _, err := w.Write(make([]byte, 1<<16)); err != nil {
						break
					}
				}
				return true
			})
		}, want: "longer than"},
		"an oversized layer": {attack: func(_ *testing.T, s *shop, _ *artifact.Image) {
			change(s, "/manifests/1.2.0", func(b []byte) []byte {
				var m ocispec.Manifest
				_ = json.Unmarshal(b, &m)
				m.Layers[0].Size = artifact.MaxModule + 1
				b, _ = json.Marshal(m)
				return b
			})
		}, want: "the limit is"},
		"a redirect to a private address": {attack: func(_ *testing.T, s *shop, _ *artifact.Image) {
			s.attack(func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, "/blobs/") {
					return false
				}
				http.Redirect(w, r, "https://10.0.0.1"+r.URL.Path, http.StatusTemporaryRedirect)
				return true
			})
		}, want: errElsewhere.Error()},
		"a range that was not asked for": {attack: func(_ *testing.T, s *shop, i *artifact.Image) {
			s.attack(func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, i.Blobs[1].Digest.String()) {
					return false
				}
				w.Header().Set("Content-Range", "bytes 5-9/10")
				w.WriteHeader(http.StatusPartialContent)
				return true
			})
		}, want: "asked for bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, "ggcr")
			image := s.publish(t, "1.2.0", "one")
			c.attack(t, s, image)
			tag := c.pull
			switch tag {
			case "":
				tag = ":1.2.0"
			case "digest":
				tag = "@" + image.Manifest.Digest.String()
			}
			f, err := s.pull(t, tag)
			if err == nil {
				t.Fatalf("was taken: %+v", f)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// known is a shop and the book of who installed its version 1.2.0.
func known(t *testing.T) (*shop, *trust.Book) {
	t.Helper()
	s := newShop(t, "ggcr")
	s.publish(t, "1.2.0", "one")
	book, err := trust.OpenBook(filepath.Join(t.TempDir(), "publishers.json"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.pull(t, ":1.2.0")
	if err != nil {
		t.Fatal(err)
	}
	if err := book.Remember(f.Ref.Namespace(), f.Signed[0].Verified, time.Now()); err != nil {
		t.Fatal(err)
	}
	return s, book
}

// publishBy publishes a version that a key signed; nil: nobody.
func (s *shop) publishBy(t *testing.T, version string, key *trust.Key, chain ...trust.Envelope) {
	t.Helper()
	image, ref := pack(t, version, "by another"), s.plugin(t, ":"+version)
	var bundle []byte
	if key != nil {
		bundle = s.sign(t, image, ref, key, chain...)
	}
	if _, err := s.oci.Publish(t.Context(), ref, image, bundle); err != nil {
		t.Fatal(err)
	}
}

func judge(t *testing.T, s *shop, book *trust.Book, tag string) (*SignedBy, trust.Standing, error) {
	t.Helper()
	f, err := s.pull(t, tag)
	if err != nil {
		t.Fatal(err)
	}
	return f.Judge(book)
}

func TestStrippedSignature(t *testing.T) {
	t.Parallel()
	s, book := known(t)
	s.publishBy(t, "1.5.0", nil)
	if by, standing, err := judge(t, s, book, ":1.5.0"); !errors.Is(err, trust.ErrStripped) {
		t.Errorf("%+v, %q, %v", by, standing, err)
	}
}

func TestChangedKey(t *testing.T) {
	t.Parallel()
	s, book := known(t)
	other, err := trust.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	s.publishBy(t, "1.6.0", other)
	if by, standing, err := judge(t, s, book, ":1.6.0"); !errors.Is(err, trust.ErrOtherKey) {
		t.Errorf("%+v, %q, %v", by, standing, err)
	}
	hand, err := s.key.Rotate(other)
	if err != nil {
		t.Fatal(err)
	}
	s.publishBy(t, "1.7.0", other, hand)
	if _, standing, err := judge(t, s, book, ":1.7.0"); err != nil || standing != trust.Rotated {
		t.Errorf("handed over: %q, %v", standing, err)
	}
}

// TestForeignSignatureBeside: somebody else's signature beside the publisher's
// changes nothing for who knows the publisher, and is refused by who does not.
func TestForeignSignatureBeside(t *testing.T) {
	t.Parallel()
	s, book := known(t)
	other, err := trust.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	image, ref := pack(t, "1.2.0", "one"), s.plugin(t, ":1.2.0")
	if _, err := s.oci.Publish(t.Context(), ref, image, s.sign(t, image, ref, other)); err != nil {
		t.Fatal(err)
	}
	if by, standing, err := judge(t, s, book, ":1.2.0"); err != nil || by.KeyID != s.key.ID() || standing != trust.Known {
		t.Errorf("%+v, %v, %v", by, standing, err)
	}
	empty, err := trust.OpenBook(filepath.Join(t.TempDir(), "publishers.json"))
	if err != nil {
		t.Fatal(err)
	}
	if by, _, err := judge(t, s, empty, ":1.2.0"); err == nil {
		t.Errorf("%s was chosen of two unknown keys", by.KeyID)
	}
}

// TestTruncatedDownload: what came before the line was cut is not asked for again,
// in the same pull and in the next.
func TestTruncatedDownload(t *testing.T) {
	t.Parallel()
	s := newShop(t, "ggcr")
	module := strings.Repeat("wasm", 1<<18)
	digest := s.publish(t, "1.2.0", module).Blobs[1].Digest
	var mu sync.Mutex
	var ranges []string
	cuts := maxTries // of the first pull, and then none
	s.attack(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, digest.String()) {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		ranges = append(ranges, r.Header.Get("Range"))
		if cuts == 0 {
			return false
		}
		cuts--
		var from int
		_, _ = fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
		w.Header().Set("Content-Length", fmt.Sprint(len(module)-from))
		if from > 0 {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(module)-1, len(module)))
			w.WriteHeader(http.StatusPartialContent)
		}
		_, _ = io.WriteString(w, module[from:from+1000])
		return true // and no more: the connection is closed
	})
	parts := t.TempDir()
	var last int64
	opts := PullOptions{Parts: parts, Progress: func(done, all int64) {
		if done < last || all != int64(len(module)) {
			t.Errorf("progress went from %d to %d of %d", last, done, all)
		}
		last = done
	}}
	if _, err := s.oci.Pull(t.Context(), s.plugin(t, ":1.2.0"), opts); err == nil || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("a cut line: %v", err)
	}
	last = 0
	f, err := s.oci.Pull(t.Context(), s.plugin(t, ":1.2.0"), opts)
	if err != nil || string(f.Contents.Module) != module {
		t.Fatal(err)
	}
	if want := "[ bytes=1000-1048575 bytes=2000-1048575 bytes=3000-1048575 bytes=4000-1048575]"; fmt.Sprint(ranges) != want {
		t.Errorf("asked for %v, want %s", ranges, want)
	}
	if left, _ := os.ReadDir(parts); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	// A part that is not the blob's is found out, and gone.
	last = 0
	if err := os.WriteFile(filepath.Join(parts, partName(s.plugin(t, ":1.2.0"), digest)), []byte("evil"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.oci.Pull(t.Context(), s.plugin(t, ":1.2.0"), opts); err == nil || !strings.Contains(err.Error(), "digest mismatch") {
		t.Errorf("a foreign part: %v", err)
	}
	last = 0
	if _, err := s.oci.Pull(t.Context(), s.plugin(t, ":1.2.0"), opts); err != nil {
		t.Error(err)
	}
}

// TestPullsOfOneRepositoryTakeTurns: two at once do not write into one part.
func TestPullsOfOneRepositoryTakeTurns(t *testing.T) {
	t.Parallel()
	s := newShop(t, "ggcr")
	s.publish(t, "1.2.0", strings.Repeat("wasm", 1<<16))
	store := open(t, t.TempDir())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			f, err := store.Pull(context.Background(), s.oci, s.plugin(t, ":1.2.0"), nil)
			if err != nil {
				t.Error(err)
				return
			}
			c, err := store.Stage(f.Source(&f.Signed[0]), nil)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := store.Commit(c, time.Now()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := store.Check("weather"); err != nil {
		t.Error(err)
	}
}

func TestParsePlugin(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"registry.example/acme/weather:1.2.0":               "registry.example/acme weather 1.2.0",
		"oci://localhost:5000/acme/tools/weather:latest":    "localhost:5000/acme/tools weather latest",
		"r.example/a/b@sha256:" + strings.Repeat("a", 64):   "r.example/a b ",
		"Registry.example/acme/weather:1":                   "",
		"registry.example:443/acme/weather:1":               "",
		"registry.example./acme/weather:1":                  "",
		"acme/weather:1":                                    "",
		"registry.example/weather:1":                        "",
		"registry.example/acme/weather":                     "",
		"registry.example/acme/We.ather:1":                  "",
		"registry.example/acme/../x:1":                      "",
		"user:pass@registry.example/acme/x:1":               "",
		"registry.example/acme/weather_x:1":                 "",
		"https://registry.example/acme/weather:1":           "",
		"r.example/a/b:1@sha256:" + strings.Repeat("a", 64): "r.example/a b ",
	} {
		r, err := ParsePlugin(text)
		got := ""
		if err == nil {
			got = r.Namespace() + " " + r.Name() + " " + r.Tag()
		}
		if got != want {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}
