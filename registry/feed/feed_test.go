package feed_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/registry/feed"
	"github.com/ambithost/ambit/registry/trust"
)

var issued = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

const (
	one = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	two = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
)

func newKey(t *testing.T) *trust.Key {
	t.Helper()
	k, err := trust.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func of(number int64, entries ...feed.Entry) *feed.Feed {
	at := issued.Add(time.Duration(number) * time.Minute)
	for i := range entries {
		entries[i].Since = issued
	}
	return &feed.Feed{Format: 1, Number: number, Issued: at, Expires: at.Add(24 * time.Hour), Entries: entries}
}

func TestLists(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	b, err := feed.Sign(k, of(1,
		feed.Entry{Artifact: one, Reason: "a"}, feed.Entry{Module: two, Reason: "m"}, feed.Entry{Key: two, Reason: "k"},
		feed.Entry{Repository: "r.example/acme/weather", Versions: ">=1.2.0 <1.3.0", Reason: "v"},
		feed.Entry{Repository: "r.example/acme/clock", Versions: "*", Reason: "all"},
	))
	if err != nil {
		t.Fatal(err)
	}
	f, err := feed.Parse(b, k.ID())
	if err != nil {
		t.Fatal(err)
	}
	for want, subjects := range map[string][]feed.Subject{
		"a":   {{Artifact: one}, {Artifact: one, Repository: "r.example/acme/other", Version: "1.0.0"}},
		"m":   {{Module: two}},
		"k":   {{Signer: two, Module: one}},
		"v":   {{Repository: "r.example/acme/weather", Version: "1.2.0"}, {Repository: "r.example/acme/weather", Version: "1.2.9"}},
		"all": {{Repository: "r.example/acme/clock", Version: "0.0.1"}, {Repository: "r.example/acme/clock", Version: "9.0.0-rc.1"}},
		"": {
			{}, {Artifact: two}, {Module: one}, {Signer: one},
			{Repository: "r.example/acme/weather", Version: "1.3.0"}, {Repository: "r.example/acme/weather", Version: "1.1.9"},
			{Repository: "r.example/acme/weather-2", Version: "1.2.0"}, {Repository: "r.example/acme/clock", Signer: one}, {Repository: "r.example/evil/weather", Version: "1.2.0"},
		},
	} {
		for _, s := range subjects {
			if e, listed := f.Lists(s); listed != (want != "") || e.Reason != want {
				t.Errorf("%+v: %q, want %q", s, e.Reason, want)
			}
		}
	}
}

// TestHostileFeeds are refused, whoever signed them.
func TestHostileFeeds(t *testing.T) {
	t.Parallel()
	k, other := newKey(t), newKey(t)
	good, err := feed.Sign(k, of(1, feed.Entry{Artifact: one, Reason: "it steals"}))
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := feed.Sign(other, of(1))
	if err != nil {
		t.Fatal(err)
	}
	text := string(good)
	for name, b := range map[string]string{
		"unsigned":           `{"public_key":"","feed":{"payload":"e30=","payloadType":"` + feed.Type + `","signatures":[]}}`,
		"signed by another":  string(foreign),
		"another's key said": strings.Replace(text, text[strings.Index(text, "-----BEGIN"):strings.Index(text, "-----END")], string(foreign)[strings.Index(string(foreign), "-----BEGIN"):strings.Index(string(foreign), "-----END")], 1),
		"another payload":    strings.Replace(text, `"payload": "`, `"payload": "AAAA`, 1),
		"another type":       strings.Replace(text, feed.Type, "application/vnd.in-toto+json", 1),
		"more keys":          strings.Replace(text, `"public_key"`, `"x":1,"public_key"`, 1),
		"something follows":  text + "{}",
		"too long":           text + strings.Repeat(" ", feed.MaxBytes),
		"no JSON":            "<html>",
		"empty":              "",
	} {
		if f, err := feed.Parse([]byte(b), k.ID()); err == nil {
			t.Errorf("%s: taken: %+v", name, f)
		}
	}
	if _, err := feed.Parse(good, k.ID()); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]*feed.Feed{
		"terminal escape":  of(1, feed.Entry{Artifact: one, Reason: "bad\x1b[2J"}),
		"line break":       of(1, feed.Entry{Artifact: one, Reason: "bad\nambit: all is well"}),
		"turned around":    of(1, feed.Entry{Artifact: one, Reason: "bad\u202e"}),
		"long reason":      of(1, feed.Entry{Artifact: one, Reason: strings.Repeat("x", feed.MaxReason+1)}),
		"no reason":        of(1, feed.Entry{Artifact: one}),
		"nothing":          of(1, feed.Entry{Reason: "x"}),
		"two at once":      of(1, feed.Entry{Artifact: one, Key: two, Reason: "x"}),
		"no digest":        of(1, feed.Entry{Artifact: "sha256:12", Reason: "x"}),
		"no versions":      of(1, feed.Entry{Repository: "r.example/a/b", Reason: "x"}),
		"odd versions":     of(1, feed.Entry{Repository: "r.example/a/b", Versions: "~1.2.0", Reason: "x"}),
		"no version":       of(1, feed.Entry{Repository: "r.example/a/b", Versions: "<next", Reason: "x"}),
		"escape in a name": of(1, feed.Entry{Repository: "r.example/a/\x1b[0m", Versions: "*", Reason: "x"}),
		"without a date":   {Number: 1, Issued: issued, Expires: issued.Add(time.Hour), Entries: []feed.Entry{{Artifact: one, Reason: "x"}}},
		"too many":         of(1, make([]feed.Entry, feed.MaxEntries+1)...),
		"no number":        of(0),
		"for ever":         {Number: 1, Issued: issued, Expires: issued.Add(feed.MaxAge + time.Second)},
		"over at once":     {Number: 1, Issued: issued, Expires: issued},
	} {
		if _, err := feed.Sign(k, f); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestNewer(t *testing.T) {
	t.Parallel()
	old := of(5, feed.Entry{Artifact: one, Reason: "it steals"})
	backdated := of(6)
	backdated.Issued, backdated.Expires = issued, issued.Add(time.Hour)
	for name, c := range map[string]struct {
		next *feed.Feed
		want error
	}{
		"newer": {of(6), nil}, "the same": {of(5, feed.Entry{Artifact: one, Reason: "it steals"}), nil},
		"rolled back": {of(4), feed.ErrRollback}, "forked": {of(5), feed.ErrFork}, "backdated": {backdated, feed.ErrRollback},
	} {
		if err := c.next.Follows(old); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if err := old.Follows(nil); err != nil {
		t.Error(err)
	}
	for at, stale := range map[time.Time]bool{
		old.Issued.Add(-time.Hour): true, old.Issued.Add(-time.Minute): false, old.Expires.Add(-time.Second): false, old.Expires: true,
	} {
		if err := old.Fresh(at); errors.Is(err, feed.ErrStale) != stale {
			t.Errorf("at %s: %v", at, err)
		}
	}
}

// TestFetch: an endless answer, an error and an address that must not be asked.
func TestFetch(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/endless":
			for {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		case "/away":
			http.Redirect(w, r, "http://169.254.169.254/latest", http.StatusFound)
		case "/feed":
			_, _ = w.Write([]byte("x"))
		default:
			http.NotFound(w, r)
		}
	}))
	defer srv.Close()
	for path, want := range map[string]string{"/feed": "", "/endless": "larger than", "/away": "https to public", "/none": "404"} {
		u, err := feed.CheckURL(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := feed.Fetch(t.Context(), u); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	for _, s := range []string{"http://feeds.example/x", "ftp://a.example/x", "https://user:pw@a.example/x", "/etc/passwd", "https://", "::"} {
		if _, err := feed.CheckURL(s); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
}
