package host

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/clock"
	"github.com/ambithost/ambit/host/store"
	"github.com/ambithost/ambit/plugins"
	"github.com/ambithost/ambit/registry"
	"github.com/ambithost/ambit/registry/feed"
	"github.com/ambithost/ambit/registry/trust"
)

// herald serves a feed, and is whoever has its key.
type herald struct {
	t    *testing.T
	key  *trust.Key
	srv  *httptest.Server
	file atomic.Pointer[[]byte]
	at   *clock.Manual
}

func newHerald(t *testing.T) *herald {
	t.Helper()
	key, err := trust.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	r := &herald{t: t, key: key, at: clock.NewManual(time.Now().UTC().Truncate(time.Second))}
	r.srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if b := r.file.Load(); b != nil {
			_, _ = w.Write(*b)
			return
		}
		http.NotFound(w, q)
	}))
	t.Cleanup(r.srv.Close)
	return r
}

// sign makes a feed that holds for a day from the clock's now.
func (r *herald) sign(key *trust.Key, number int64, entries ...feed.Entry) {
	r.t.Helper()
	now := r.at.Now()
	b, err := feed.Sign(key, &feed.Feed{Number: number, Issued: now, Expires: now.Add(24 * time.Hour), Entries: entries})
	if err != nil {
		r.t.Fatal(err)
	}
	r.file.Store(&b)
}

// open opens a host with the notes plugin, following the feed, without looking yet.
func (r *herald) open(home, stale string) *Host {
	r.t.Helper()
	text := "revocations:\n- feed: " + r.srv.URL + "/feed.json\n  key: " + r.key.ID() + "\n  registries: ['*']\n  stale: " + stale + "\n"
	if err := os.WriteFile(filepath.Join(home, "ambit.yaml"), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	h, err := Open(r.t.Context(), Config{Home: home, CellBinary: os.Args[0], Clock: r.at})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = h.Close() })
	if _, ok := h.registry.Lookup("notes"); !ok {
		b, err := plugins.Open("notes")
		if err != nil {
			r.t.Skip(plugins.ErrNotBuilt)
		}
		c, err := h.registry.Stage(&registry.Source{Manifest: b.Manifest, Module: b.Module, From: "embedded"}, nil)
		if err != nil {
			r.t.Fatal(err)
		}
		if _, err := h.registry.Commit(c, r.at.Now()); err != nil {
			r.t.Fatal(err)
		}
		if err := h.state.SetSetting(r.t.Context(), "notes", store.Setting{Enabled: true}); err != nil {
			r.t.Fatal(err)
		}
		if err := h.plugins.reload(r.t.Context()); err != nil {
			r.t.Fatal(err)
		}
	}
	return h
}

// runs says whether the plugin can be used, and what the owner is told of it.
func runs(h *Host) (usable bool, told string) {
	_, _, usable = h.plugins.Holder("notes")
	var all []string
	for _, n := range h.notices.all() {
		all = append(all, n.Message)
	}
	return usable, strings.Join(all, "\n")
}

// TestRevokedStops: what a feed lists stops, stays stopped over a restart without
// the feed's server, and runs again when a newer feed lists it no more.
func TestRevokedStops(t *testing.T) {
	t.Parallel()
	r := newHerald(t)
	r.sign(r.key, 1)
	home := privateHome(t)
	h := r.open(home, "warn")
	h.lookForRevocations(t.Context())
	if ok, told := runs(h); !ok || told != "" {
		t.Fatalf("not revoked: usable %v, told %q", ok, told)
	}
	e, _ := h.registry.Lookup("notes")
	r.sign(r.key, 2, feed.Entry{Module: e.Digest, Reason: "sends notes away", Since: r.at.Now()})
	h.lookForRevocations(t.Context())
	if ok, told := runs(h); ok || !strings.Contains(told, "notes") || !strings.Contains(told, "sends notes away") {
		t.Fatalf("revoked: usable %v, told %q", ok, told)
	}
	if _, err := h.cells.spec("notes"); err == nil || !strings.Contains(err.Error(), "sends notes away") {
		t.Errorf("a cell of it could start: %v", err)
	}
	if p, err := (backend{h}).Plugin(t.Context(), "notes"); err != nil || p.State != "revoked" || !strings.Contains(p.LastError, "sends notes away") {
		t.Errorf("shown as %+v, %v", p, err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	r.file.Store(nil)
	h = r.open(home, "warn")
	if ok, _ := runs(h); ok {
		t.Error("it runs after a restart, before the feed was looked at")
	}
	h.lookForRevocations(t.Context())
	if ok, told := runs(h); ok || !strings.Contains(told, "404") {
		t.Errorf("without the server: usable %v, told %q", ok, told)
	}
	r.sign(r.key, 3)
	h.lookForRevocations(t.Context())
	if ok, told := runs(h); !ok || told != "" {
		t.Errorf("lifted: usable %v, told %q", ok, told)
	}
}

// TestFeedsThatLie change nothing, and the owner hears of them.
func TestFeedsThatLie(t *testing.T) {
	t.Parallel()
	r := newHerald(t)
	other, err := trust.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	h := r.open(privateHome(t), "warn")
	e, _ := h.registry.Lookup("notes")
	listed := feed.Entry{Module: e.Digest, Reason: "sends notes away", Since: r.at.Now()}
	r.sign(r.key, 5, listed)
	h.lookForRevocations(t.Context())
	if ok, _ := runs(h); ok {
		t.Fatal("it runs")
	}
	for name, c := range map[string]struct {
		lie  func()
		says string
	}{
		"signed by another": {func() { r.sign(other, 6) }, "made with"},
		"rolled back":       {func() { r.sign(r.key, 4) }, "older than one"},
		"forked":            {func() { r.sign(r.key, 5) }, "say different things"},
		"unsigned":          {func() { b := []byte(`{"revocations":1,"number":9,"entries":[]}`); r.file.Store(&b) }, "unknown field"},
		"gone":              {func() { r.file.Store(nil) }, "404"},
	} {
		c.lie()
		h.lookForRevocations(t.Context())
		if ok, told := runs(h); ok || !strings.Contains(told, c.says) {
			t.Errorf("%s: usable %v, told %q", name, ok, told)
		}
	}
}

// TestStaleFeed: policy of the owner decides whether plugins go on that may be
// revoked by now.
func TestStaleFeed(t *testing.T) {
	t.Parallel()
	for stale, want := range map[string]bool{"warn": true, "stop": false} {
		r := newHerald(t)
		h := r.open(privateHome(t), stale)
		if ok, _ := runs(h); ok != want {
			t.Errorf("%s: none was ever got: usable %v", stale, ok)
		}
		r.sign(r.key, 1)
		h.lookForRevocations(t.Context())
		if ok, told := runs(h); !ok || told != "" {
			t.Errorf("%s: a good feed: usable %v, told %q", stale, ok, told)
		}
		r.at.Set(r.at.Now().Add(25 * time.Hour)) // the server goes on giving what it has
		h.lookForRevocations(t.Context())
		if ok, told := runs(h); ok != want || !strings.Contains(told, "out of date") {
			t.Errorf("%s: a frozen feed: usable %v, told %q", stale, ok, told)
		}
	}
}

// TestForgottenFeed: without what was seen before, an older feed could not be told
// from a newer, and so nothing that it may revoke runs.
func TestForgottenFeed(t *testing.T) {
	t.Parallel()
	r := newHerald(t)
	r.sign(r.key, 2)
	home := privateHome(t)
	h := r.open(home, "warn")
	h.lookForRevocations(t.Context())
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(home, "revocations", "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if err := os.WriteFile(files[0], []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	h = r.open(home, "warn")
	h.lookForRevocations(t.Context())
	if ok, told := runs(h); ok || !strings.Contains(told, "damaged") {
		t.Errorf("usable %v, told %q", ok, told)
	}
}

// TestWhoseFeed: a feed speaks of its own registries alone, and a key that is
// revoked hands over to none.
func TestWhoseFeed(t *testing.T) {
	t.Parallel()
	const (
		id    = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
		other = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
	)
	now := time.Now()
	w := &followed{RevocationFile: RevocationFile{Feed: "https://r.example/f", Registries: []string{"r.example"}},
		feed: &feed.Feed{Issued: now, Expires: now.Add(time.Hour), Entries: []feed.Entry{{Key: id, Reason: "stolen"}, {Repository: "r.example/acme/a", Versions: "<2.0.0", Reason: "harmful"}}}}
	r := &revocations{now: time.Now, list: []*followed{w}}
	for repository, listed := range map[string]bool{"r.example/acme/a": true, "r.example:8443/acme/a": false, "other.example/acme/a": false, "": false} {
		if err := r.entry(registry.Entry{Repository: repository, Signer: id}); (err != nil) != listed {
			t.Errorf("%q: %v", repository, err)
		}
	}
	if err := r.mayHandOver("r.example/acme/a", other); err != nil {
		t.Errorf("a key that nobody revoked hands over, of a plugin with revoked versions: %v", err)
	}
	if err := r.mayHandOver("r.example/acme/a", id); err == nil || !strings.Contains(err.Error(), "ambit key forget r.example/acme") {
		t.Errorf("a stolen key hands over: %v", err)
	}
}

func TestRevocationSettings(t *testing.T) {
	t.Parallel()
	const id = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	good := RevocationFile{Feed: "https://R.example:8443/f", Key: id}
	if err := good.check(); err != nil || good.Registries[0] != "r.example:8443" {
		t.Errorf("%+v, %v", good, err)
	}
	for name, f := range map[string]RevocationFile{
		"plain http": {Feed: "http://r.example/f", Key: id}, "no key": {Feed: "https://r.example/f"},
		"odd stale":  {Feed: "https://r.example/f", Key: id, Stale: "maybe"},
		"a path":     {Feed: "https://r.example/f", Key: id, Registries: []string{"r.example/acme"}},
		"upper case": {Feed: "https://r.example/f", Key: id, Registries: []string{"R.example"}},
	} {
		if err := f.check(); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// TestReloadInBetween: that something else had the catalogue read again between a
// look and what follows from it changes nothing about what is recorded.
func TestReloadInBetween(t *testing.T) {
	t.Parallel()
	r := newHerald(t)
	r.sign(r.key, 1)
	h := r.open(privateHome(t), "warn")
	h.lookForRevocations(t.Context())
	e, _ := h.registry.Lookup("notes")
	r.sign(r.key, 2, feed.Entry{Module: e.Digest, Reason: "sends notes away", Since: r.at.Now()})
	if err := h.revocations.list[0].look(t.Context(), r.at.Now()); err != nil {
		t.Fatal(err)
	}
	if err := h.plugins.reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		h.heedRevocations(t.Context())
	}
	told := 0
	err := h.audit.Read(t.Context(), 0, func(_ uint64, a audit.Record) error {
		if a.Kind == audit.Disable && a.Plugin == "notes" && strings.Contains(a.Detail, "sends notes away") {
			told++
		}
		return nil
	})
	if err != nil || told != 1 {
		t.Errorf("the revocation is recorded %d times, %v", told, err)
	}
}
