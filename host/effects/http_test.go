package effects

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/sdk/protocol"
)

func TestRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	srv := w.serve(t, func(rw http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		rw.Header().Set("X-Saw", r.Method+" "+r.RequestURI+" "+r.Header.Get("X-A")+" "+r.UserAgent())
		rw.WriteHeader(http.StatusTeapot)
		_, _ = rw.Write(b)
	})
	w.grantHTTP(t, srv)
	c := w.call(t)
	got := must(t, c, "http.request", fmt.Sprintf(`{"method":"post","url":"%s/a%%62?q=1#frag","headers":{"x-a":["1"],"Content-Length":"2"},"body":"hi"}`, srv.URL))
	saw := got["headers"].(map[string]any)["X-Saw"].([]any)[0]
	if got["status"] != 418.0 || got["body"] != "hi" || saw != "POST /ab?q=1 1 ambit" || got["url"] != srv.URL+"/ab?q=1" {
		t.Fatalf("got %v", got)
	}
	bin := base64.StdEncoding.EncodeToString([]byte{0xff, 0, 1})
	got = must(t, c, "http.request", fmt.Sprintf(`{"method":"PUT","url":%q,"body_base64":%q}`, srv.URL, bin))
	if got["body_base64"] != bin || got["body"] != nil {
		t.Fatalf("got %v", got)
	}
	if strings.Contains(w.outcomes()[0], "http.request done") == false {
		t.Fatalf("outcomes %v", w.outcomes())
	}
}

func TestRefusedRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	srv := w.serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the server was reached") })
	w.grantHTTP(t, srv)
	c := w.call(t)
	for args, code := range map[string]protocol.Code{
		`{}`:                                                                                           protocol.Invalid,
		`{"url":"file:///etc/passwd"}`:                                                                 protocol.Invalid,
		`{"url":"http://u:p@127.0.0.1/"}`:                                                              protocol.Invalid,
		`{"url":"U","nonsense":1}`:                                                                     protocol.Invalid,
		`{"url":"U","URL":"http://x/"}`:                                                                protocol.Invalid,
		`{"url":"U"} {}`:                                                                               protocol.Invalid,
		`{"url":"U","method":"CONNECT"}`:                                                               protocol.Invalid,
		`{"url":"U","method":"GET X"}`:                                                                 protocol.Invalid,
		`{"url":"U","headers":{"Host":"evil.example"}}`:                                                protocol.Invalid,
		`{"url":"U","headers":{"hOsT":"evil.example"}}`:                                                protocol.Invalid,
		`{"url":"U","headers":{"Transfer-Encoding":"chunked"}}`:                                        protocol.Invalid,
		`{"url":"U","headers":{"content-length":"5"}}`:                                                 protocol.Invalid,
		`{"url":"U","headers":{"Proxy-Authorization":"x"}}`:                                            protocol.Invalid,
		`{"url":"U","headers":{"Connection":"X-A"}}`:                                                   protocol.Invalid,
		`{"url":"U","headers":{"A\r\nB":"x"}}`:                                                         protocol.Invalid,
		`{"url":"U","headers":{"A":"x\r\nB: y"}}`:                                                      protocol.Invalid,
		`{"url":"U","headers":{"A":"` + strings.Repeat("x", maxRequestHead) + `"}}`:                    protocol.Limit,
		`{"url":"U","body":"a","body_base64":"YQ=="}`:                                                  protocol.Invalid,
		`{"url":"U","timeout_ms":-1}`:                                                                  protocol.Invalid,
		`{"url":"U","timeout_ms":999999999999}`:                                                        protocol.Invalid,
		`{"url":"U","upload":true,"body":"x"}`:                                                         protocol.Invalid,
		`{"url":"U","method":"DELETE"}`:                                                                protocol.Denied, // not granted
		`{"url":"http://other.example/"}`:                                                              protocol.Denied,
		`{"url":"U","secrets":[{"name":"KEY","in":"cookie","as":"x"}]}`:                                protocol.Invalid,
		`{"url":"U","secrets":[{"name":"KEY","in":"header","as":"Host"}]}`:                             protocol.Invalid,
		`{"url":"U","secrets":[{"name":"KEY","in":"header","as":"X\nY"}]}`:                             protocol.Invalid,
		`{"url":"U","secrets":[{"name":"KEY","in":"header","as":"X","prefix":"a\r\nEvil: "}]}`:         protocol.Invalid,
		`{"url":"U","secrets":[{"name":"KEY","in":"query","as":""}]}`:                                  protocol.Invalid,
		`{"url":"U","method":"POST","body":"x","secrets":[{"name":"KEY","in":"body"}]}`:                protocol.Invalid,
		`{"url":"U","secrets":[{"name":"../KEY","in":"query","as":"k"}]}`:                              protocol.Invalid,
		`{"url":"U","secrets":[{"name":"OTHER","in":"query","as":"k"}]}`:                               protocol.Denied,
		`{"url":"U","headers":{"Range":"bytes=0-3"},"secrets":[{"name":"KEY","in":"query","as":"k"}]}`: protocol.Invalid,
	} {
		refused(t, code, c, "http.request", strings.ReplaceAll(args, `"U"`, quote(srv.URL+"/")))
	}
	refused(t, protocol.Limit, c, "http.request", strings.Repeat(`{"url":`, 100_000))
	refused(t, protocol.Limit, c, "http.request", `{"headers":[`+strings.Repeat(`0,`, maxValues)+`0]}`)
}

// TestNoAmbientProxy: a proxy in the environment would see every request.
func TestNoAmbientProxy(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	w := newWorld(t, nil)
	srv := w.serve(t, func(rw http.ResponseWriter, r *http.Request) {})
	w.dns.set("site.example", []string{"127.0.0.1"})
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	w.grant(t, "p", "http.request", `{"hosts":["site.example:`+port+`"],"schemes":["http"],"addresses":["127.0.0.1"]}`)
	must(t, w.call(t), "http.request", `{"url":"http://site.example:`+port+`/"}`)
}

func TestSpecialAddressNeedsItsGrant(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for i, addr := range []string{"127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "fd00:ec2::254", "100.100.100.200", "0.0.0.0"} {
		w.dns.set(fmt.Sprintf("h%d.example", i), []string{"93.184.216.34", addr})
	}
	w.grant(t, "p", "http.request", `{"hosts":["*:*"],"schemes":["http","https"]}`)
	c := w.call(t)
	for i := range 9 {
		err := refused(t, protocol.Denied, c, "http.request", fmt.Sprintf(`{"url":"https://h%d.example/"}`, i))
		if !strings.Contains(err.Error(), "base.network") {
			t.Errorf("h%d: %v", i, err)
		}
	}
	for _, url := range []string{"http://[::ffff:127.0.0.1]/", "http://127.0.0.1/", "http://169.254.169.254/latest/meta-data/"} {
		refused(t, protocol.Denied, c, "http.request", `{"url":`+quote(url)+`}`)
	}
}

// TestRebinding: the first answer is public and would pass, the second, which a
// second look-up would see, is this machine.
func TestRebinding(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{}, 10)
	w := newWorld(t, func(c *Config) { c.HTTP.DialTimeout = 200 * time.Millisecond })
	srv := w.serve(t, func(http.ResponseWriter, *http.Request) { reached <- struct{}{} })
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	w.dns.set("rebind.example", []string{"203.0.114.1"}, []string{"127.0.0.1"})
	w.grant(t, "p", "http.request", `{"hosts":["rebind.example:`+port+`"],"schemes":["http"]}`)
	c := w.call(t)
	args := `{"url":"http://rebind.example:` + port + `/","timeout_ms":300}`
	if _, err := do(t, c, "http.request", args); err == nil {
		t.Fatal("reached something")
	}
	if len(reached) != 0 {
		t.Fatal("the second answer was dialled")
	}
	w.dns.mu.Lock()
	asked := len(w.dns.asked)
	w.dns.mu.Unlock()
	if asked != 1 {
		t.Fatalf("%d look-ups for one request", asked)
	}
	refused(t, protocol.Denied, c, "http.request", args) // now it resolves to loopback
}

func TestLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.HTTP.MaxBody = 1 << 20 })
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(make([]byte, 64<<20))
	_ = z.Close()
	srv := w.serve(t, func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/bomb":
			rw.Header().Set("Content-Encoding", "gzip")
			_, _ = rw.Write(bomb.Bytes())
		case "/long":
			_, _ = rw.Write(make([]byte, 2<<20))
		case "/flood":
			for i := range maxHeaders + 50 {
				rw.Header().Set(fmt.Sprintf("X-%d", i), "x")
			}
		case "/head":
			rw.Header().Set("X", strings.Repeat("x", maxResponseHead*2))
		case "/gzip":
			rw.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(rw)
			_, _ = z.Write([]byte("plain"))
			_ = z.Close()
		case "/empty":
			rw.Header().Set("Content-Encoding", "gzip")
		}
	})
	w.grantHTTP(t, srv)
	c := w.call(t)
	for path, code := range map[string]protocol.Code{"/bomb": protocol.Limit, "/long": protocol.Limit, "/flood": protocol.Limit, "/head": protocol.Failed} {
		refused(t, code, c, "http.request", `{"url":`+quote(srv.URL+path)+`}`)
	}
	if got := must(t, c, "http.request", `{"url":`+quote(srv.URL+"/gzip")+`}`); got["body"] != "plain" {
		t.Fatalf("got %v", got)
	}
	must(t, c, "http.request", `{"url":`+quote(srv.URL+"/empty")+`}`)
}

// TestSlowServers: one that never answers, and one that drips its body.
func TestSlowServers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	stop := make(chan struct{})
	srv := w.serve(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/drip" {
			for {
				select {
				case <-stop:
					return
				case <-time.After(10 * time.Millisecond):
					_, _ = rw.Write([]byte("x"))
					rw.(http.Flusher).Flush()
				}
			}
		}
		<-stop
	})
	defer close(stop)
	w.grantHTTP(t, srv)
	c := w.call(t)
	for _, path := range []string{"/", "/drip"} {
		refused(t, protocol.Timeout, c, "http.request", `{"timeout_ms":150,"url":`+quote(srv.URL+path)+`}`)
	}
	// Whether a write that was sent took effect can't be told.
	refused(t, protocol.Unknown, c, "http.request", `{"timeout_ms":150,"method":"POST","url":`+quote(srv.URL)+`}`)
	if !slices.Contains(w.outcomes(), "http.request unknown") {
		t.Fatalf("outcomes %v", w.outcomes())
	}
}
