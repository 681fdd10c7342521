package effects

import (
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ambithost/ambit/sdk/protocol"
)

// TestTLS: HTTP/2 with the certificate of the name that was asked for, and of
// no other; no way down to plain http without a grant for it.
func TestTLS(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("reached over plain http") }))
	defer plain.Close()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/down" {
			http.Redirect(rw, r, plain.URL, http.StatusFound)
			return
		}
		rw.Header().Set("X-Saw", r.Proto+" "+r.Host)
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	w := newWorld(t, func(c *Config) { c.HTTP.RootCAs = roots })
	for _, host := range []string{"example.com", "other.example"} {
		w.dns.set(host, []string{"127.0.0.1"})
	}
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	w.grant(t, "p", "http.request", `{"hosts":["*:*"],"addresses":["127.0.0.1"]}`)
	w.grant(t, "p", "secret.use", `{"names":["KEY"],"hosts":["example.com:`+port+`"]}`)
	c := w.call(t)
	got := must(t, c, "http.request", `{"url":"https://example.com:`+port+`/",`+inHeader+`}`)
	if saw := got["headers"].(map[string]any)["X-Saw"].([]any)[0]; saw != "HTTP/2.0 example.com:"+port {
		t.Errorf("the server saw %v", saw)
	}
	err := refused(t, protocol.Failed, c, "http.request", `{"url":"https://other.example:`+port+`/"}`)
	if !strings.Contains(err.Error(), "certificate") {
		t.Error(err)
	}
	refused(t, protocol.Denied, c, "http.request", `{"url":"https://example.com:`+port+`/down"}`)
}
