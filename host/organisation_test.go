package host

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ambithost/ambit/host/policy"
)

func TestOrganisationSettings(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"organisation: {bundle: 'https://example.org/b.tar.gz', key: k}":                true,
		"organisation: {bundle: /srv/bundle, key: k, minutes: 5}":                       true,
		"organisation: {bundle: 'http://127.0.0.1:1/b', key: k}":                        true,
		"organisation: {bundle: 'http://example.org/b.tar.gz', key: k}":                 false,
		"organisation: {bundle: 'oci://registry.example/org/policies:current', key: k}": true,
		"organisation: {bundle: 'oci://registry.example/org/policies', key: k}":         false,
		"organisation: {bundle: 'oci://a:b@registry.example/org/policies:1', key: k}":   false,
		"organisation: {bundle: /srv/bundle}":                                           false,
		"organisation: {key: k}":                                                        false,
		"organisation: {bundle: b, key: k, minutes: -1}":                                false,
		"organisation: {bundle: b, key: k, verify: false}":                              false,
	} {
		home := t.TempDir()
		if err := os.WriteFile(filepath.Join(home, "ambit.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readFile(home); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestFetchBundle(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/good":
			_, _ = w.Write([]byte("bundle"))
		case "/large":
			_, _ = w.Write(make([]byte, policy.MaxBundle+1))
		case "/round":
			http.Redirect(w, r, "/round", http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	}))
	defer srv.Close()
	for path, want := range map[string]string{"/good": "", "/large": "larger", "/round": "redirected", "/none": "404"} {
		b, err := (&OrganisationFile{Bundle: srv.URL + path}).fetch(t.Context())
		switch {
		case want == "" && (err != nil || string(b) != "bundle"):
			t.Errorf("%s: %q, %v", path, b, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v", path, err)
		}
	}
}

// A home that names an organisation and never got a good bundle does not start.
func TestNoGoodBundleNoStart(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	if err := os.Chmod(home, 0o700); err != nil { //nolint:gosec // a folder
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bad.tar.gz")
	if err := os.WriteFile(bad, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := "organisation: {bundle: " + bad + ", key: none}"
	if err := os.WriteFile(filepath.Join(home, "ambit.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := Open(t.Context(), Config{Home: home})
	if err == nil {
		_ = h.Close()
		t.Fatal("a host starts without its organisation's policies")
	}
	if !strings.Contains(err.Error(), "no good bundle") {
		t.Error(err)
	}
}
