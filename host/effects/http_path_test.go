package effects

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/ambithost/ambit/host/effects/secret"
	"github.com/ambithost/ambit/sdk/protocol"
)

// botKey is a secret that can stand in a path, as some services want it.
const botKey = "123456789:AAF-x_Yz0123456789abcdefGHIJKLmnop"

const inPath = `"secrets":[{"name":"BOT","in":"path"}]`

// pathWorld is a world with botKey under BOT; and the servers it may reach.
func pathWorld(t *testing.T, servers ...*httptest.Server) *world {
	t.Helper()
	w := newWorld(t, nil)
	home := t.TempDir()
	store, err := secret.Open(t.Context(), secret.Config{Dir: home, Identity: home + "/id"})
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]string{"BOT": botKey, "UP": "../../../up", "SLASH": "abcdefgh/x", "PERCENT": "%2e%2e%2f%2e", "DOTS": "........", "PARAM": "abcdefgh;x", "ASK": "abcdefgh?x"} {
		if err := store.Set(t.Context(), name, []byte(v)); err != nil {
			t.Fatal(err)
		}
	}
	w.effects.cfg.Secrets = store
	var hosts []string
	for _, s := range servers {
		hosts = append(hosts, quote(s.Listener.Addr().String()))
	}
	list := strings.Join(hosts, ",")
	w.grant(t, "p", "http.request", fmt.Sprintf(`{"hosts":[%s],"schemes":["http"],"methods":["GET","POST"],"addresses":["127.0.0.0/8"]}`, list))
	w.grant(t, "p", "secret.use", fmt.Sprintf(`{"names":["BOT","UP","SLASH","PERCENT","DOTS","PARAM","ASK"],"hosts":[%s]}`, list))
	return w
}

func server(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func TestSecretInThePath(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 10)
	srv := server(t, func(_ http.ResponseWriter, r *http.Request) { seen <- r.RequestURI })
	w := pathWorld(t, srv)
	c := w.call(t)
	for path, want := range map[string]string{
		"/bot{{secret:BOT}}/getMe?a=b":                  "/bot" + botKey + "/getMe?a=b",
		"/bot%7B%7bsecret:BOT%7D%7D/a%20b":              "/bot" + botKey + "/a%20b",
		"/{{secret:BOT}}/{{secret:BOT}}":                "/" + botKey + "/" + botKey,
		"/{{secret:BOT}}?q={{secret:BOT}}#{{secret:x}}": "/" + botKey + "?q={{secret:BOT}}", // a query is another place
	} {
		got := must(t, c, "http.request", `{"url":`+quote(srv.URL+path)+`,`+inPath+`}`)
		if saw := <-seen; saw != want {
			t.Errorf("%s: the server saw %s", path, saw)
		}
		if !strings.Contains(fmt.Sprint(got["url"]), "%7B%7Bsecret:BOT%7D%7D") {
			t.Errorf("url %v", got["url"])
		}
	}
	if l := leaksOf(botKey, w.recorded()); l != "" {
		t.Errorf("the record holds %q", l)
	}
	if !strings.Contains(w.recorded(), `path`) || !strings.Contains(strings.Join(w.outcomes(), ";"), "secret.use done") {
		t.Errorf("outcomes %v", w.outcomes())
	}
}

// TestPathSecretsAreChecked: what would mean another path than the one policy
// saw is not sent.
func TestPathSecretsAreChecked(t *testing.T) {
	t.Parallel()
	srv := server(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s was reached", r.RequestURI) })
	w := pathWorld(t, srv)
	c := w.call(t)
	for _, name := range []string{"UP", "SLASH", "PERCENT", "DOTS", "PARAM", "ASK"} {
		err := refused(t, protocol.Invalid, c, "http.request", `{"url":`+quote(srv.URL+"/x/{{secret:"+name+"}}/y")+`,"secrets":[{"name":"`+name+`","in":"path"}]}`)
		if !strings.Contains(err.Error(), "which path is meant") {
			t.Error(err)
		}
	}
	for url, refs := range map[string]string{
		"/x":                      inPath,                                                // no place for it
		"/x?{{secret:BOT}}":       inPath,                                                // in the query
		"/%257B%257Bsecret:BOT}}": inPath,                                                // escaped twice
		"/{{secret:BOT}}":         `"secrets":[{"name":"BOT","in":"path","as":"x"}]`,     // a field has no meaning here
		"/{{secret:BOT}}/":        `"secrets":[{"name":"BOT","in":"path","prefix":"x"}]`, // nor has a prefix
		"/{{secret:OTHER}}":       inPath,
	} {
		refused(t, protocol.Invalid, c, "http.request", `{"url":`+quote(srv.URL+url)+`,`+refs+`}`)
	}
	host := strings.Replace(srv.URL, "127.0.0.1", "{{secret:BOT}}", 1)
	refused(t, protocol.Invalid, c, "http.request", `{"url":`+quote(host+"/x")+`,`+inPath+`}`)
}

// TestPathSecretEchoes: servers that say the path back, in a body, a header, an
// error page, a redirect, or by breaking off.
func TestPathSecretEchoes(t *testing.T) {
	t.Parallel()
	other := make(chan string, 20)
	evil := server(t, func(_ http.ResponseWriter, r *http.Request) { other <- r.RequestURI })
	srv := server(t, func(rw http.ResponseWriter, r *http.Request) {
		got := strings.TrimPrefix(strings.Split(r.URL.Path, "/")[1], "bot")
		switch r.URL.Query().Get("as") {
		case "raw":
			rw.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(rw, "no such method: "+r.RequestURI)
		case "json":
			_ = json.NewEncoder(rw).Encode(map[string]string{"description": "wrong " + got})
		case "escaped":
			_, _ = io.WriteString(rw, url.QueryEscape(got)+" "+url.PathEscape(got)+" "+hex.EncodeToString([]byte(got))+" "+base64.StdEncoding.EncodeToString([]byte(got)))
		case "header":
			rw.Header().Set("X-Path", r.RequestURI)
		case "away":
			http.Redirect(rw, r, evil.URL+r.URL.Path, http.StatusTemporaryRedirect)
		case "awayquery":
			http.Redirect(rw, r, evil.URL+"/?k="+url.QueryEscape(got), http.StatusFound)
		case "clean":
			http.Redirect(rw, r, evil.URL+"/{{secret:BOT}}", http.StatusFound)
		case "same":
			http.Redirect(rw, r, "/{{secret:BOT}}/end", http.StatusFound)
		case "hangup":
			conn, _, _ := rw.(http.Hijacker).Hijack()
			_, _ = conn.Write([]byte("HTTP/1.1 " + got + "\r\n\r\n"))
			_ = conn.Close()
		default:
			_, _ = io.WriteString(rw, r.RequestURI)
		}
	})
	w := pathWorld(t, srv, evil)
	c := w.call(t)
	for _, as := range []string{"raw", "json", "escaped", "header", "away", "awayquery", "clean", "same", "hangup"} {
		for _, more := range []string{inPath, inPath + `,"follow":false`} {
			got, err := do(t, c, "http.request", `{"url":`+quote(srv.URL+"/bot{{secret:BOT}}/x?as="+as)+`,`+more+`}`)
			if l := leaksOf(botKey, asText(got)+fmt.Sprint(err)); l != "" {
				t.Errorf("%s: %q in %v, %v", as, l, got, err)
			}
		}
	}
	close(other)
	for saw := range other {
		if l := leaksOf(botKey, saw); l != "" {
			t.Errorf("the other host saw %q", saw)
		}
	}
	// The server chose the whole target: the secret is not put into it.
	got := must(t, c, "http.request", `{"url":`+quote(srv.URL+"/bot{{secret:BOT}}/x?as=same")+`,`+inPath+`}`)
	if b := fmt.Sprint(got["body"]); !strings.HasPrefix(b, "/%7B%7Bsecret:BOT%7D%7D/end") {
		t.Errorf("after the redirect: %v", got)
	}
	if l := leaksOf(botKey, w.recorded()); l != "" {
		t.Errorf("the record holds %q", l)
	}
}

// TestNotReached: what was not sent at all is told from what failed, so that a
// message can be tried again without being said twice.
func TestNotReached(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &httptest.Server{Listener: l, URL: "http://" + l.Addr().String()}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	w := pathWorld(t, srv)
	err = refused(t, protocol.Unavailable, w.call(t), "http.request", `{"method":"POST","body":"x","url":`+quote(srv.URL+"/{{secret:BOT}}")+`,`+inPath+`}`)
	if leaksOf(botKey, err.Error()) != "" {
		t.Error(err)
	}
}
