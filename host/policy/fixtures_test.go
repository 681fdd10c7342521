package policy

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ambithost/ambit/sdk/capability"
)

// owner writes an owner's policy folder.
func owner(t testing.TB, files map[string]string) Layer {
	t.Helper()
	l := Layer{Name: ownerLayer, Dir: filepath.Join(t.TempDir(), "policy")}
	for name, text := range files {
		write(t, l, name, text)
	}
	return l
}

func write(t testing.TB, l Layer, name, text string) {
	t.Helper()
	path := filepath.Join(l.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, layers ...Layer) *Engine {
	t.Helper()
	e, err := Open(context.Background(), Config{Layers: layers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// patient gives evaluations a minute, for tests that are about what rules say:
// on a machine with too much to do they must not fail for the time it takes.
func patient(e *Engine) *Engine {
	e.set.Load().limit = time.Minute
	return e
}

// weather is a request that the base layer allows: a plugin reads its own host.
func weather() *Request {
	return &Request{
		Subject: Entity{Type: "plugin", ID: "weather"},
		Action:  Action{Name: "http.request", Risk: capability.Read},
		Resource: Resource{Type: "http", ID: "https://api.example.org/v1", Attributes: capability.Attributes{
			"method": "GET", "scheme": "https", "authority": "api.example.org", "path": "/v1",
			"addresses": []string{"93.184.216.34"}, "special_addresses": []string{}, "hop": int64(0),
		}},
		Context: Context{
			Plugin:   Plugin{Name: "weather", Version: "1.0.0", Digest: "sha256:00", Kinds: []string{"tool"}, Signed: true, Isolation: "confined"},
			Requires: &capability.Scope{Allow: map[string][]string{"hosts": {"api.example.org", "b.example.org"}}},
			Grant:    &Grant{ID: "g1", Scope: capability.Scope{Allow: map[string][]string{"hosts": {"api.example.org"}}}},
			Agent:    "main", Session: "s1", Turn: "t1", Trigger: "message", Labels: []string{"owner"},
			Now: time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC),
		},
	}
}

// charge is a request about which the base layer asks.
func charge() *Request {
	return &Request{
		Subject:  Entity{Type: "agent", ID: "main"},
		Action:   Action{Name: "card.charge", Risk: capability.Irreversible},
		Resource: Resource{Type: "card", ID: "12.00 USD to Book Depot", Attributes: capability.Attributes{"amount": int64(1200), "currency": "USD", "merchant": "Book Depot"}},
		Context: Context{
			Plugin: Plugin{Name: "card", Isolation: "confined"}, Requires: &capability.Scope{},
			Grant: &Grant{ID: "g2"}, Agent: "main", Trigger: "message", Now: time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC),
		},
	}
}

func decide(t testing.TB, e *Engine, r *Request) Decision {
	t.Helper()
	d, err := e.Decide(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
