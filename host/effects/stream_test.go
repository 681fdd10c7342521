package effects

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/protocol"
)

func handle(m map[string]any) string { return fmt.Sprintf(`{"handle":%v}`, m["handle"]) }

// endless streams pieces until the client is gone, and says when that was.
func endless(gone chan<- struct{}) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		for {
			select {
			case <-r.Context().Done():
				gone <- struct{}{}
				return
			case <-time.After(time.Millisecond):
				_, _ = rw.Write([]byte("data: x\n\n"))
				rw.(http.Flusher).Flush()
			}
		}
	}
}

func TestStreamStaysInFlight(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	srv := w.serve(t, func(rw http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(rw, strings.Repeat("ab", 500)) })
	w.grantHTTP(t, srv)
	c := w.call(t)
	head := must(t, c, "http.request", `{"stream":true,"url":`+quote(srv.URL)+`}`)
	if head["status"] != 200.0 || head["body"] != nil {
		t.Fatalf("head %v", head)
	}
	if len(w.outcomes()) != 0 {
		t.Fatalf("recorded as ended: %v", w.outcomes())
	}
	refused(t, protocol.Invalid, c, "stream.write", fmt.Sprintf(`{"handle":%v,"data":"YQ=="}`, head["handle"]))
	refused(t, protocol.Invalid, c, "http.response", handle(head))
	text := ""
	for eof := false; !eof; {
		got := must(t, c, "stream.read", handle(head))
		b, _ := base64.StdEncoding.DecodeString(got["data"].(string))
		text += string(b)
		eof = got["eof"].(bool)
	}
	if text != strings.Repeat("ab", 500) || !slices.Equal(w.outcomes(), []string{"http.request done"}) {
		t.Fatalf("%d bytes, outcomes %v", len(text), w.outcomes())
	}
	if got := must(t, c, "stream.read", handle(head)); got["eof"] != true {
		t.Fatalf("after the end: %v", got)
	}
	must(t, c, "stream.close", handle(head))
	refused(t, protocol.NotFound, c, "stream.read", handle(head))
	refused(t, protocol.NotFound, c, "stream.read", `{"handle":99}`)
	refused(t, protocol.Invalid, c, "stream.read", `{"handle":-1}`)
}

// TestRevokeCutsStreams: read or not, a stream ends with its grant.
func TestRevokeCutsStreams(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"http.request", ""} {
		w := newWorld(t, nil)
		gone := make(chan struct{}, 2)
		srv := w.serve(t, endless(gone))
		w.grantHTTP(t, srv)
		c := w.call(t)
		head := must(t, c, "http.request", `{"stream":true,"url":`+quote(srv.URL)+`,`+inHeader+`}`)
		must(t, c, "stream.read", handle(head))
		if _, err := w.gate.Revoke(t.Context(), policy.Entity{Type: "owner"}, "p", what); err != nil {
			t.Fatal(err)
		}
		<-gone
		err := refused(t, protocol.Revoked, c, "stream.read", handle(head))
		if !strings.Contains(err.Error(), "revoked") {
			t.Error(err)
		}
		refused(t, protocol.Denied, c, "http.request", `{"url":`+quote(srv.URL)+`}`)
	}
}

// TestRevokedSecretStopsItsRequest: the request that waits for its answer ends
// when the secret's grant does.
func TestRevokedSecretStopsItsRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	arrived, gone := make(chan struct{}), make(chan struct{})
	srv := w.serve(t, func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
		close(gone)
	})
	w.grantHTTP(t, srv)
	c := w.call(t)
	go func() {
		<-arrived
		_, _ = w.gate.Revoke(context.Background(), policy.Entity{Type: "owner"}, "p", "secret.use")
	}()
	refused(t, protocol.Revoked, c, "http.request", `{"url":`+quote(srv.URL)+`,`+inHeader+`}`)
	<-gone
}

func TestCloseEndsStreams(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.Limits.Streams = 3 })
	gone := make(chan struct{}, 5)
	srv := w.serve(t, endless(gone))
	w.grantHTTP(t, srv)
	c := w.call(t)
	for range 3 {
		must(t, c, "http.request", `{"stream":true,"url":`+quote(srv.URL)+`}`)
	}
	refused(t, protocol.Limit, c, "http.request", `{"stream":true,"url":`+quote(srv.URL)+`}`)
	<-gone // the one that was refused
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { _ = c.Close() })
	}
	wg.Wait()
	for range 3 {
		<-gone
	}
	refused(t, protocol.Killed, c, "clock.read", `{}`)
	done := 0
	for _, o := range w.outcomes() {
		if o == "http.request done" {
			done++
		}
	}
	if done != 3 {
		t.Fatalf("outcomes %v", w.outcomes())
	}
}

func TestUpload(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	srv := w.serve(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/early" {
			rw.WriteHeader(http.StatusForbidden)
			return
		}
		b, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(rw, "%d %s %v", len(b), b[:3], r.Header.Get("X-Key") == "Bearer "+key)
	})
	w.grantHTTP(t, srv)
	c := w.call(t)
	for _, stream := range []bool{false, true} {
		up := must(t, c, "http.request", fmt.Sprintf(`{"method":"POST","upload":true,"stream":%v,"url":%q,%s}`, stream, srv.URL, inHeader))
		refused(t, protocol.Invalid, c, "stream.read", handle(up))
		for range 3 {
			must(t, c, "stream.write", fmt.Sprintf(`{"handle":%v,"data":%q}`, up["handle"], base64.StdEncoding.EncodeToString([]byte("abcd"))))
		}
		must(t, c, "stream.close", handle(up))
		got := must(t, c, "http.response", handle(up))
		if stream {
			got["body"] = string(decoded(must(t, c, "stream.read", handle(up))))
			must(t, c, "stream.close", handle(up))
		}
		if got["status"] != 200.0 || got["body"] != "12 abc true" {
			t.Fatalf("got %v", got)
		}
		if _, err := do(t, c, "http.response", handle(up)); err == nil {
			t.Fatal("answered twice")
		}
	}
	big := base64.StdEncoding.EncodeToString(make([]byte, protocol.MaxChunk+1))
	up := must(t, c, "http.request", `{"method":"POST","upload":true,"url":`+quote(srv.URL+"/early")+`}`)
	refused(t, protocol.Limit, c, "stream.write", fmt.Sprintf(`{"handle":%v,"data":%q}`, up["handle"], big))
	if got := must(t, c, "http.response", handle(up)); got["status"] != 403.0 {
		t.Fatalf("got %v", got)
	}
	// One that is never answered: the call ends it, and nobody knows.
	must(t, c, "http.request", `{"method":"POST","upload":true,"url":`+quote(srv.URL)+`}`)
	_ = c.Close()
	if !slices.Contains(w.outcomes(), "http.request unknown") {
		t.Fatalf("outcomes %v", w.outcomes())
	}
}

func decoded(m map[string]any) []byte {
	b, _ := base64.StdEncoding.DecodeString(m["data"].(string))
	return b
}

func TestStreamLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) {
		c.HTTP.MaxStream, c.HTTP.Idle = 4096, 100*time.Millisecond
		c.HTTP.StreamTime = 200 * time.Millisecond
		c.HTTP.Concurrent = 2
	})
	stop := make(chan struct{})
	srv := w.serve(t, func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/long":
			_, _ = rw.Write(make([]byte, 10_000))
		case "/quiet":
			_, _ = rw.Write([]byte("a"))
			rw.(http.Flusher).Flush()
			<-stop
		}
	})
	defer close(stop)
	w.grantHTTP(t, srv)
	c := w.call(t)
	for path, code := range map[string]protocol.Code{"/long": protocol.Limit, "/quiet": protocol.Timeout} {
		head := must(t, c, "http.request", `{"stream":true,"url":`+quote(srv.URL+path)+`}`)
		var err error
		for err == nil {
			_, err = do(t, c, "stream.read", handle(head))
		}
		if protocol.CodeOf(err) != code {
			t.Errorf("%s: %v", path, err)
		}
	}
	// Streams that nobody reads end too, and give back their slot.
	for range 2 {
		must(t, c, "http.request", `{"stream":true,"url":`+quote(srv.URL+"/quiet")+`}`)
	}
	refused(t, protocol.Limit, c, "http.request", `{"url":`+quote(srv.URL)+`}`)
	for {
		if _, err := do(t, c, "http.request", `{"url":`+quote(srv.URL)+`}`); err == nil {
			break
		}
		<-time.After(10 * time.Millisecond)
	}
}

// TestHammer: requests, streams, revocation and the end of the call at once.
func TestHammer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	gone := make(chan struct{}, 1000)
	srv := w.serve(t, endless(gone))
	w.grantHTTP(t, srv)
	var wg sync.WaitGroup
	for range 8 {
		c := w.call(t)
		wg.Go(func() {
			for range 5 {
				head, err := do(t, c, "http.request", `{"stream":true,"url":`+quote(srv.URL)+`,`+inHeader+`}`)
				if err != nil {
					return
				}
				for range 5 {
					_, _ = do(t, c, "stream.read", handle(head))
				}
			}
		})
		wg.Go(func() {
			<-time.After(20 * time.Millisecond)
			_ = c.Close()
		})
	}
	<-time.After(15 * time.Millisecond)
	if _, err := w.gate.Revoke(t.Context(), policy.Entity{Type: "owner"}, "p", "http.request"); err != nil {
		t.Error(err)
	}
	wg.Wait()
}
