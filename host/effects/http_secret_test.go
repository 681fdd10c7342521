package effects

import (
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/ambithost/ambit/sdk/protocol"
)

// leaks looks for any part of the secret that is long enough to tell.
func leaks(text string) string { return leaksOf(key, text) }

func leaksOf(key, text string) string {
	for i := 0; i+6 <= len(key); i++ {
		if strings.Contains(text, key[i:i+6]) {
			return key[i : i+6]
		}
	}
	for _, form := range append(base64Forms([]byte(key)), hex.EncodeToString([]byte(key)), url.QueryEscape(key), url.PathEscape(key)) {
		if strings.Contains(strings.ToLower(text), strings.ToLower(form)) {
			return form
		}
	}
	return ""
}

func asText(v any) string {
	b, _ := json.Marshal(v)
	var s strings.Builder
	enc := json.NewEncoder(&s)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)
	return string(b) + s.String() + fmt.Sprint(v)
}

// echo answers with the secret as servers do, in the place and form that the
// path names.
func echo(rw http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	got := r.Header.Get("X-Key") + r.URL.Query().Get("k") + string(b)
	got = strings.TrimPrefix(got, "Bearer ")
	forms := map[string]string{
		"raw": got, "hex": hex.EncodeToString([]byte(got)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(got))),
		"b64": base64.StdEncoding.EncodeToString([]byte(got)), "b64url": base64.RawURLEncoding.EncodeToString([]byte(got)),
		"b64in1": base64.StdEncoding.EncodeToString([]byte("a" + got + "bc")), "b64in2": base64.StdEncoding.EncodeToString([]byte("ab" + got + "z")),
		"b64in3": base64.StdEncoding.EncodeToString([]byte("abc" + got + "zz")), "query": url.QueryEscape(got), "path": url.PathEscape(got),
		"b64query": url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(got))),
		"json":     asText(got), "lower": strings.ToLower(url.QueryEscape("x")) + regexp.MustCompile(`%..`).ReplaceAllStringFunc(url.QueryEscape(got), strings.ToLower),
		"twice": got + got, "slash": strings.ReplaceAll(asText(got), "/", `\/`), "html": html.EscapeString(got), "quoted": fmt.Sprintf("%q %+q", got, got),
		"href": html.EscapeString("/x/" + url.PathEscape(got)), "jsonjson": asText(asText(got)), "percent2": url.QueryEscape(url.QueryEscape(got)),
		"mime": mime(got),
	}
	part := strings.TrimPrefix(r.URL.Path, "/")
	switch {
	case part == "header":
		rw.Header().Set("X-Echo", base64.StdEncoding.EncodeToString([]byte(got)))
		rw.Header()["X-"+hex.EncodeToString([]byte(got))] = []string{"name"}
	case part == "gzip":
		rw.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(rw)
		_, _ = z.Write([]byte("it was " + got + "."))
		_ = z.Close()
	case part == "br":
		rw.Header().Set("Content-Encoding", "br")
		_, _ = rw.Write([]byte(got))
	case part == "malformed":
		conn, _, _ := rw.(http.Hijacker).Hijack()
		_, _ = conn.Write([]byte("HTTP/1.1 " + got + "\r\n" + got + "\r\n\r\n"))
		_ = conn.Close()
	case part == "drip":
		for i := range len(got) {
			_, _ = rw.Write([]byte{got[i]})
			rw.(http.Flusher).Flush()
		}
	case part == "cut": // the connection breaks in the middle of the secret
		rw.Header().Set("Content-Length", "1000")
		_, _ = rw.Write([]byte("ok " + got[:len(got)-3]))
		rw.(http.Flusher).Flush()
		conn, _, _ := http.NewResponseController(rw).Hijack()
		if conn != nil {
			_ = conn.Close()
		}
	default:
		_, _ = rw.Write([]byte("before " + forms[part] + " after"))
	}
}

// mime wraps base64 in lines, as mail does, within the secret.
func mime(s string) string {
	b := base64.StdEncoding.EncodeToString([]byte(s))
	return b[:9] + "\r\n" + b[9:]
}

const inHeader = `"secrets":[{"name":"KEY","in":"header","as":"X-Key","prefix":"Bearer "}]`

func TestSecretReachesTheServerAndNobodyElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	seen := make(chan string, 10)
	srv := w.serve(t, func(rw http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		seen <- r.Header.Get("X-Key") + r.URL.Query().Get("k") + string(b)
	})
	w.grantHTTP(t, srv)
	c := w.call(t)
	for args, want := range map[string]string{
		inHeader: "Bearer " + key,
		`"secrets":[{"name":"KEY","in":"query","as":"k"}]`:                                                key,
		`"method":"POST","body":"<{{secret:KEY}}|{{secret:KEY}}>","secrets":[{"name":"KEY","in":"body"}]`: "<" + key + "|" + key + ">",
		inHeader[:len(inHeader)-1] + `,{"name":"KEY","in":"query","as":"k"}]`:                             "Bearer " + key + key,
	} {
		got := must(t, c, "http.request", `{"url":`+quote(srv.URL+"/x")+`,`+args+`}`)
		if saw := <-seen; saw != want {
			t.Errorf("%s: the server saw %q", args, saw)
		}
		if got["url"] != srv.URL+"/x" {
			t.Errorf("url %v", got["url"])
		}
	}
	if l := leaks(w.recorded()); l != "" {
		t.Errorf("the record holds %q", l)
	}
	if !strings.Contains(strings.Join(w.outcomes(), ";"), "secret.use done") {
		t.Errorf("outcomes %v", w.outcomes())
	}
}

func TestEchoesAreRedacted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	srv := w.serve(t, echo)
	w.grantHTTP(t, srv)
	c := w.call(t)
	for _, form := range []string{"raw", "hex", "HEX", "b64", "b64url", "b64in1", "b64in2", "b64in3", "query", "path", "b64query", "json", "lower", "twice", "slash", "html", "quoted", "href", "jsonjson", "percent2", "mime", "header", "gzip", "drip"} {
		for _, secret := range []string{inHeader, `"secrets":[{"name":"KEY","in":"query","as":"k"}]`} {
			got := must(t, c, "http.request", `{"url":`+quote(srv.URL+"/"+form)+`,`+secret+`}`)
			if l := leaks(asText(got)); l != "" {
				t.Errorf("%s: %q in %v", form, l, got)
			}
			if !strings.Contains(asText(got), "[redacted]") {
				t.Errorf("%s: nothing was redacted: %v", form, got)
			}
			read := streamed(t, c, `{"stream":true,"url":`+quote(srv.URL+"/"+form)+`,`+secret+`}`, 3)
			if l := leaks(read); l != "" {
				t.Errorf("streamed %s: %q in %q", form, l, read)
			}
		}
	}
	for _, form := range []string{"br", "malformed", "cut"} {
		for _, more := range []string{inHeader, inHeader + `,"stream":true`} {
			m, err := do(t, c, "http.request", `{"url":`+quote(srv.URL+"/"+form)+`,`+more+`}`)
			text := asText(m) + fmt.Sprint(err)
			if m["handle"] != nil {
				for err == nil {
					var got map[string]any
					got, err = do(t, c, "stream.read", fmt.Sprintf(`{"handle":%v}`, m["handle"]))
					b, _ := base64.StdEncoding.DecodeString(fmt.Sprint(got["data"]))
					text += string(b)
				}
			}
			if l := leaks(text + fmt.Sprint(err)); l != "" || err == nil {
				t.Errorf("%s: %q in %q, %v", form, l, text, err)
			}
		}
	}
	if l := leaks(w.recorded()); l != "" {
		t.Errorf("the record holds %q", l)
	}
}

// streamed reads a response piece by piece.
func streamed(t *testing.T, c *Call, args string, max int) string {
	t.Helper()
	head := must(t, c, "http.request", args)
	text := asText(head)
	for {
		got := must(t, c, "stream.read", fmt.Sprintf(`{"handle":%v,"max":%d}`, head["handle"], max))
		b, _ := base64.StdEncoding.DecodeString(got["data"].(string))
		text += string(b)
		if got["eof"] == true {
			must(t, c, "stream.close", fmt.Sprintf(`{"handle":%v}`, head["handle"]))
			return text
		}
	}
}

// TestStoredSecret: one request has the server keep the secret, the next, which
// names no secret, fetches it; also by another plugin.
func TestStoredSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	kept := ""
	srv := w.serve(t, func(rw http.ResponseWriter, r *http.Request) {
		if v := r.Header.Get("X-Key"); v != "" {
			kept = v
			return
		}
		_, _ = rw.Write([]byte(kept))
	})
	w.grantHTTP(t, srv)
	w.grant(t, "q", "http.request", fmt.Sprintf(`{"hosts":[%q],"schemes":["http"],"addresses":["127.0.0.0/8"]}`, srv.Listener.Addr()))
	c := w.call(t)
	must(t, c, "http.request", `{"url":`+quote(srv.URL)+`,`+inHeader+`}`)
	q := w.effects.Call(Caller{Plugin: "q"})
	defer q.Close()
	for _, c := range []*Call{c, q} {
		got := must(t, c, "http.request", `{"url":`+quote(srv.URL)+`}`)
		if l := leaks(asText(got)); l != "" {
			t.Errorf("%q in %v", l, got)
		}
	}
}

func TestRedirectsCarryNoSecretElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	type sight struct{ method, key, cookie, accept, body, query string }
	other := make(chan sight, 20)
	evil := w.serve(t, func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		other <- sight{r.Method, r.Header.Get("X-Key"), r.Header.Get("Cookie") + r.Header.Get("Authorization"), r.Header.Get("Accept"), string(b), r.URL.RawQuery}
	})
	var srv *httptest.Server
	srv = w.serve(t, func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away", "/away307":
			code := http.StatusFound
			if r.URL.Path == "/away307" {
				code = http.StatusTemporaryRedirect
			}
			http.Redirect(rw, r, evil.URL+"/", code)
		case "/echo": // the secret in the target
			http.Redirect(rw, r, evil.URL+"/?k="+url.QueryEscape(r.URL.Query().Get("k")), http.StatusFound)
		case "/echopath":
			http.Redirect(rw, r, "/x/"+url.PathEscape(r.URL.Query().Get("k")), http.StatusFound)
		case "/here":
			http.Redirect(rw, r, "/end", http.StatusSeeOther)
		case "/end":
			_, _ = rw.Write([]byte(r.Method + " " + fmt.Sprint(r.Header.Get("X-Key") == "Bearer "+key) + " " + r.URL.RawQuery))
		}
	})
	w.grantHTTP(t, srv, evil) // even where both are granted
	c := w.call(t)
	for _, path := range []string{"/away", "/away307"} {
		must(t, c, "http.request", `{"url":`+quote(srv.URL+path)+`,"headers":{"Cookie":"a=b","Authorization":"mine","Accept":"x"},"method":"POST","body":"b",`+inHeader+`}`)
		got := <-other
		want := sight{method: "GET", accept: "x"}
		if path == "/away307" {
			want.method, want.body = "POST", "b"
		}
		if got != want {
			t.Errorf("%s: the other host saw %+v", path, got)
		}
	}
	withBody := `{"url":` + quote(srv.URL+"/away307") + `,"method":"POST","body":"{{secret:KEY}}","secrets":[{"name":"KEY","in":"body"}]}`
	refused(t, protocol.Failed, c, "http.request", withBody)
	for _, path := range []string{"/echo", "/echopath"} {
		err := refused(t, protocol.Failed, c, "http.request", `{"url":`+quote(srv.URL+path)+`,"secrets":[{"name":"KEY","in":"query","as":"k"}]}`)
		if l := leaks(err.Error()); l != "" {
			t.Errorf("%v", err)
		}
		got := must(t, c, "http.request", `{"follow":false,"url":`+quote(srv.URL+path)+`,"secrets":[{"name":"KEY","in":"query","as":"k"}]}`)
		if l := leaks(asText(got)); l != "" || got["status"] != 302.0 {
			t.Errorf("%v", got)
		}
	}
	if len(other) != 0 {
		t.Fatalf("the other host saw %+v", <-other)
	}
	got := must(t, c, "http.request", `{"url":`+quote(srv.URL+"/here")+`,"method":"POST","body":"b",`+inHeader+`}`)
	if got["body"] != "GET true " {
		t.Errorf("on the same origin: %v", got)
	}
	if l := leaks(w.recorded()); l != "" {
		t.Errorf("the record holds %q", l)
	}
}

func TestRedirectsAreGated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	secret := w.serve(t, func(http.ResponseWriter, *http.Request) { t.Error("an ungranted host was reached") })
	var srv *httptest.Server
	hops := 0
	srv = w.serve(t, func(rw http.ResponseWriter, r *http.Request) {
		to := r.URL.Query().Get("to")
		if r.URL.Path == "/loop" {
			hops++
			to = srv.URL + "/loop"
		}
		rw.Header().Set("Location", to)
		rw.WriteHeader(http.StatusFound)
	})
	w.grantHTTP(t, srv)
	w.dns.set("inside.example", []string{"169.254.169.254"})
	w.grant(t, "p", "http.request", fmt.Sprintf(`{"hosts":[%q,"inside.example"],"schemes":["http"],"addresses":["127.0.0.0/8"]}`, srv.Listener.Addr()))
	c := w.call(t)
	for to, code := range map[string]protocol.Code{
		secret.URL + "/":           protocol.Denied,
		"http://169.254.169.254/":  protocol.Denied,
		"http://inside.example/":   protocol.Denied,
		"//inside.example/":        protocol.Denied,
		"file:///etc/passwd":       protocol.Failed,
		"http://a:b@127.0.0.1/":    protocol.Failed,
		"gopher://x/":              protocol.Failed,
		"http://127.0.0.1:99999/":  protocol.Failed,
		"\\\\inside.example\\x":    protocol.Failed,
		"http://inside.example\t/": protocol.Failed,
	} {
		refused(t, code, c, "http.request", `{"url":`+quote(srv.URL+"/?to="+url.QueryEscape(to))+`}`)
	}
	refused(t, protocol.Limit, c, "http.request", `{"url":`+quote(srv.URL+"/loop")+`}`)
	if hops != maxRedirects+1 {
		t.Errorf("%d hops", hops)
	}
}

func TestSecretOverPlainHTTPStaysHere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.dns.set("api.example", []string{"203.0.114.1"})
	w.grant(t, "p", "http.request", `{"hosts":["api.example"],"schemes":["http"]}`)
	w.grant(t, "p", "secret.use", `{"names":["KEY"],"hosts":["api.example"]}`)
	err := refused(t, protocol.Denied, w.call(t), "http.request", `{"url":"http://api.example/",`+inHeader+`}`)
	if !strings.Contains(err.Error(), "https") {
		t.Error(err)
	}
}

// TestSecretGrantNamesItsHosts: a grant to send the key to one host is none to
// send it to another that the plugin may also reach.
func TestSecretGrantNamesItsHosts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.serve(t, func(http.ResponseWriter, *http.Request) {})
	b := w.serve(t, func(http.ResponseWriter, *http.Request) { t.Error("reached") })
	w.grantHTTP(t, a, b)
	w.grant(t, "p", "secret.use", fmt.Sprintf(`{"names":["KEY"],"hosts":[%q]}`, a.Listener.Addr()))
	c := w.call(t)
	must(t, c, "http.request", `{"url":`+quote(a.URL)+`,`+inHeader+`}`)
	refused(t, protocol.Denied, c, "http.request", `{"url":`+quote(b.URL)+`,`+inHeader+`}`)
	w.grant(t, "p", "secret.use", fmt.Sprintf(`{"names":["GONE"],"hosts":[%q]}`, a.Listener.Addr()))
	refused(t, protocol.NotFound, c, "http.request", `{"url":`+quote(a.URL)+`,`+strings.ReplaceAll(inHeader, "KEY", "GONE")+`}`)
}
