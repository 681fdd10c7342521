package host

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/olareg/olareg"
	"github.com/olareg/olareg/config"
	ocidigest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/host/policy/bundletest"
	"github.com/ambithost/ambit/sdk/capability"
)

// shelf is a registry with one repository.
type shelf struct {
	repo *remote.Repository
	ref  string
}

func newShelf(t *testing.T) shelf {
	t.Helper()
	reg := olareg.New(config.Config{Storage: config.ConfigStorage{StoreType: config.StoreMem}})
	srv := httptest.NewServer(reg)
	t.Cleanup(func() { srv.Close(); _ = reg.Close() })
	name := strings.TrimPrefix(srv.URL, "http://") + "/org/policies"
	repo, err := remote.NewRepository(name)
	if err != nil {
		t.Fatal(err)
	}
	repo.PlainHTTP, repo.Client = true, srv.Client() // not the client of all: any test server that ends closes its connections
	return shelf{repo, "oci://" + name + ":current"}
}

// tag puts a bundle under the tag that the host follows.
func (s shelf) tag(t *testing.T, bundle []byte) {
	t.Helper()
	put := func(mediaType string, b []byte) ocispec.Descriptor {
		d := ocispec.Descriptor{MediaType: mediaType, Digest: ocidigest.FromBytes(b), Size: int64(len(b))}
		if err := s.repo.Blobs().Push(t.Context(), d, bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
		return d
	}
	b, err := json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: put(ocispec.MediaTypeImageConfig, []byte("{}")), Layers: []ocispec.Descriptor{put(ocispec.MediaTypeImageLayerGzip, bundle)},
	})
	if err != nil {
		t.Fatal(err)
	}
	d := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: ocidigest.FromBytes(b), Size: int64(len(b))}
	if err := s.repo.Manifests().PushReference(t.Context(), d, bytes.NewReader(b), "current"); err != nil {
		t.Fatal(err)
	}
}

// openFollowing opens a host that follows the organisation's tag.
func openFollowing(t *testing.T, home string, s shelf, o bundletest.Organisation) (*Host, error) {
	t.Helper()
	text := "organisation:\n  bundle: " + s.ref + "\n  key: |\n    " + strings.ReplaceAll(o.Public, "\n", "\n    ") + "\n"
	if err := os.WriteFile(filepath.Join(home, "ambit.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Open(t.Context(), Config{Home: home})
}

func privateHome(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	if err := os.Chmod(home, 0o700); err != nil { //nolint:gosec // a folder
		t.Fatal(err)
	}
	return home
}

// TestRenewal follows an organisation's tag in a real registry, in a whole host,
// through good and bad releases; the ticks of the clock are the test's.
func TestRenewal(t *testing.T) {
	t.Parallel()
	o, stranger, s, home := bundletest.New(t), bundletest.New(t), newShelf(t), privateHome(t)
	says := func(serial int, who bundletest.Organisation, message string) []byte {
		return who.Release(t, serial, map[string]string{"a.rego": "package ambit.org.a\n\ndeny contains \"" + message + "\" if input.action.name == \"clock.read\"\n"})
	}
	seventh := says(7, o, "seventh release")
	s.tag(t, says(3, o, "third release"))
	h, err := openFollowing(t, home, s, o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()

	ticks, done := make(chan time.Time), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { defer close(done); h.renewAt(ctx, ticks) }()
	defer func() { cancel(); <-done }()
	for _, c := range []struct {
		name    string
		release []byte
		force   string // what is in force afterwards
		notice  string // what the owner is told; "" for nothing
	}{
		{"the first", nil, "third release", ""},
		{"a newer one", says(4, o, "fourth release"), "fourth release", ""},
		{"an older one tagged again", says(3, o, "third release"), "fourth release", "older"},
		{"one signed by a stranger", says(9, stranger, "stranger's release"), "fourth release", "not signed"},
		{"one cut in half", says(5, o, "half a release")[:200], "fourth release", "not renewed"},
		{"one that widens", o.Release(t, 6, map[string]string{"a.rego": "package ambit.org.a\n\nallow if true\n"}), "fourth release", "can't be put in force"},
		{"a good one again", seventh, "seventh release", ""},
		{"the same once more", seventh, "seventh release", ""},
	} {
		if c.release != nil {
			s.tag(t, c.release)
		}
		for range 2 { // the second is taken when the first was dealt with
			ticks <- time.Time{}
		}
		if got := said(t, h); !strings.Contains(got, c.force) {
			t.Errorf("%s: in force is %q, want %q", c.name, got, c.force)
		}
		told := ""
		for _, n := range h.notices.all() {
			told += n.Message
		}
		if (c.notice == "") != (told == "") || !strings.Contains(told, c.notice) {
			t.Errorf("%s: the owner is told %q, want %q", c.name, told, c.notice)
		}
	}
	cancel()
	<-done
	if n := policyChanges(t, h); n != 2 {
		t.Errorf("the log has %d changes of policy, want 2", n)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}

	// Without the registry the last good release is in force after a start, too.
	if h, err = openFollowing(t, home, shelf{ref: "oci://127.0.0.1:1/org/policies:current"}, o); err != nil {
		t.Fatal(err)
	}
	if got := said(t, h); !strings.Contains(got, "seventh release") {
		t.Errorf("after a start without registry in force is %q", got)
	}
}

// said is why the policies in force let nobody read the clock.
func said(t *testing.T, h *Host) string {
	t.Helper()
	d, err := h.policy.Decide(t.Context(), &policy.Request{
		Subject: policy.Entity{Type: "plugin", ID: "nobody"}, Action: policy.Action{Name: "clock.read", Risk: capability.Read},
		Resource: policy.Resource{Type: "clock", ID: "clock"}, Context: policy.Context{Now: time.Now()},
	})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, r := range d.Reasons {
		all = append(all, r.Message)
	}
	return strings.Join(all, "; ")
}

// policyChanges counts the sets that the log says were put in force.
func policyChanges(t *testing.T, h *Host) (n int) {
	t.Helper()
	err := h.audit.Read(t.Context(), 0, func(_ uint64, r audit.Record) error {
		if r.Kind == audit.Policy && r.Status == "done" {
			n++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
