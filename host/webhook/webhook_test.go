package webhook_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/webhook"
	"github.com/ambithost/ambit/host/webhook/sign"
	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/protocol"
)

// desk counts what it is given and answers err.
type desk struct {
	mu    sync.Mutex
	got   []string
	err   error
	holds chan struct{} // if set, a request waits for it
}

func (d *desk) receive(ctx context.Context, name string, h http.Header, body []byte) error {
	if _, set := h[sign.HeaderID]; set {
		return sign.ErrHeaders
	}
	d.mu.Lock()
	d.got = append(d.got, name+" "+string(body[:min(len(body), 40)]))
	err, holds := d.err, d.holds
	d.mu.Unlock()
	if holds != nil {
		select {
		case <-holds:
		case <-ctx.Done():
			return protocol.Errorf(protocol.Timeout, "%v", ctx.Err())
		}
	}
	return err
}

func (d *desk) count() int { d.mu.Lock(); defer d.mu.Unlock(); return len(d.got) }

func serve(t *testing.T, d *desk, l webhook.Limits, burst int) string {
	t.Helper()
	s, err := webhook.New(webhook.Config{Listen: "127.0.0.1:0", Limits: l, Routes: map[string]webhook.Route{"hook": {Receive: d.receive, Burst: burst, Every: time.Hour}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- s.Serve() }()
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), s.Close(), <-done); err != nil {
			t.Error(err)
		}
	})
	return s.Addr().String()
}

// raw sends bytes as they are and tells the status of each answer.
func raw(t *testing.T, addr, text string) (statuses []int) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := io.WriteString(c, text); err != nil {
		return nil
	}
	r := bufio.NewReader(c)
	for {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return statuses
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		statuses = append(statuses, resp.StatusCode)
		if resp.Close {
			return statuses
		}
	}
}

func post(path, more, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n%s\r\n%s", path, len(body), more, body)
}

func TestRequests(t *testing.T) {
	t.Parallel()
	d := &desk{}
	addr := serve(t, d, webhook.Limits{}, 100)
	for name, c := range map[string]struct {
		text string
		want []int
		gets int
	}{
		"good":                 {post("/hook/build", "", "x"), []int{204}, 1},
		"no body":              {post("/hook/build", "", ""), []int{204}, 1},
		"as large as may be":   {post("/hook/build", "", strings.Repeat("x", channel.MaxHook)), []int{204}, 1},
		"too large":            {post("/hook/build", "", strings.Repeat("x", channel.MaxHook+1)), []int{413}, 0},
		"says it is too large": {strings.Replace(post("/hook/build", "", ""), "Length: 0", "Length: 99999999999", 1), []int{413}, 0},
		"get":                  {"GET /hook/build HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", []int{405}, 0},
		"another kind":         {post("/other/build", "", "x"), []int{404}, 0},
		"root":                 {post("/", "", "x"), []int{404}, 0},
		"no name":              {post("/hook/", "", "x"), []int{404}, 0},
		"deeper":               {post("/hook/build/x", "", "x"), []int{404}, 0},
		"a step up":            {post("/hook/../hook/build", "", "x"), []int{404}, 0},
		"two slashes":          {post("//hook/build", "", "x"), []int{404}, 0},
		"escaped":              {post("/hook/b%75ild", "", "x"), []int{404}, 0},
		"escaped slash":        {post("/hook%2fbuild", "", "x"), []int{404}, 0},
		"a query":              {post("/hook/build?to=other", "", "x"), []int{404}, 0},
		"an empty query":       {post("/hook/build?", "", "x"), []int{404}, 0},
		"a whole URL":          {post("http://other/hook/build", "", "x"), []int{404}, 0},
		"capitals":             {post("/hook/Build", "", "x"), []int{404}, 0},
		"two lengths":          {post("/hook/build", "Content-Length: 3\r\n", "x"), []int{400}, 0},
		"chunks":               {"POST /hook/build HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", []int{411}, 0},
		"chunks and a length":  {post("/hook/build", "Transfer-Encoding: chunked\r\n", "1\r\nx\r\n0\r\n\r\n"), []int{411}, 0},
		"a coded body":         {post("/hook/build", "Content-Encoding: gzip\r\n", "x"), []int{411}, 0},
		"a folded header":      {post("/hook/build", "X: a\r\n webhook-id: b\r\n", "x"), []int{204}, 1}, // all of it is the value of X
		"a long head":          {post("/hook/build", "X: "+strings.Repeat("x", 64<<10)+"\r\n", "x"), []int{431}, 0},
		"what hides behind":    {strings.Replace(post("/nowhere", "", "x"), "Connection: close\r\n", "", 1) + post("/hook/build", "", "hidden"), []int{404}, 0},
	} {
		before := d.count()
		if got := raw(t, addr, c.text); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if n := d.count() - before; n != c.gets {
			t.Errorf("%s: %d requests were handed on, want %d", name, n, c.gets)
		}
	}
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	d := &desk{}
	addr := serve(t, d, webhook.Limits{}, 100)
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 204}, {sign.ErrSignature, 401}, {sign.ErrStale, 401}, {fmt.Errorf("%w: x", sign.ErrHeaders), 401},
		{protocol.Errorf(protocol.NotFound, "secret words"), 404}, {protocol.Errorf(protocol.Denied, "x"), 403}, {protocol.Errorf(protocol.Revoked, "x"), 403},
		{protocol.Errorf(protocol.DryRun, "x"), 403}, {protocol.Errorf(protocol.Invalid, "x"), 400}, {protocol.Errorf(protocol.Limit, "x"), 429},
		{protocol.Errorf(protocol.Killed, "x"), 503}, {errors.New("x"), 503}, {sign.ErrKey, 503},
	} {
		d.mu.Lock()
		d.err = c.err
		d.mu.Unlock()
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Post("http://"+addr+"/hook/build", "application/json", strings.NewReader("{}")) //nolint:noctx // a test
		if err != nil {
			t.Fatal(err)
		}
		said, _ := io.ReadAll(resp.Body)
		if _ = resp.Body.Close(); resp.StatusCode != c.want || len(said) > 0 {
			t.Errorf("%v: %d with %q, want %d and no word", c.err, resp.StatusCode, said, c.want)
		}
	}
}

// Who sends slowly is cut off, and who comes meanwhile is answered.
func TestSlowSenders(t *testing.T) {
	t.Parallel()
	d := &desk{}
	addr := serve(t, d, webhook.Limits{Head: 200 * time.Millisecond, Request: 400 * time.Millisecond, Connections: 10, Requests: 10}, 100)
	var all sync.WaitGroup
	for i := range 20 { // more than there are connections: the others wait, and get in
		begin := "POST /hook/build HTTP/1.1\r\nHost: x\r\nX-Slow: "
		if i%2 == 0 {
			begin = "POST /hook/build HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
		}
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			defer func() { _ = c.Close() }()
			_, _ = io.WriteString(c, begin)
			_, _ = io.Copy(io.Discard, c) // ends when the server has had enough
		})
	}
	if got := raw(t, addr, post("/hook/build", "", "x")); fmt.Sprint(got) != "[204]" {
		t.Errorf("while others are slow: %v", got)
	}
	all.Wait()
	if d.count() != 1 {
		t.Errorf("handed on: %q", d.got)
	}
}

func TestTooMany(t *testing.T) {
	t.Parallel()
	d := &desk{holds: make(chan struct{})}
	addr := serve(t, d, webhook.Limits{Requests: 2}, 3)
	results := make(chan []int, 2)
	for range 2 {
		go func() { results <- raw(t, addr, post("/hook/build", "", "x")) }()
	}
	for d.count() < 2 {
		time.Sleep(time.Millisecond)
	}
	if got := raw(t, addr, post("/hook/build", "", "x")); fmt.Sprint(got) != "[503]" {
		t.Errorf("a third at the same time: %v", got)
	}
	close(d.holds)
	for range 2 {
		if got := <-results; fmt.Sprint(got) != "[204]" {
			t.Errorf("the first two: %v", got)
		}
	}
	for _, want := range []string{"[204]", "[429]", "[429]"} {
		if got := raw(t, addr, post("/hook/build", "", "x")); fmt.Sprint(got) != want {
			t.Errorf("of one name: %v, want %s", got, want)
		}
	}
	if got := raw(t, addr, post("/hook/other", "", "x")); fmt.Sprint(got) != "[204]" {
		t.Errorf("of another name: %v", got)
	}
}

func TestWhereItListens(t *testing.T) {
	t.Parallel()
	for listen, ok := range map[string][2]bool{
		"127.0.0.1:80": {true, true}, "[::1]:80": {true, true}, "0.0.0.0:80": {false, true}, "[::]:80": {false, true}, "192.0.2.1:80": {false, true},
		":80": {false, false}, "localhost:80": {false, false}, "": {false, false}, "127.0.0.1": {false, false}, "127.0.0.1:99999": {false, false},
	} {
		for i, beyond := range []bool{false, true} {
			if err := webhook.Check(listen, beyond); (err == nil) != ok[i] {
				t.Errorf("%q, beyond %v: %v", listen, beyond, err)
			}
		}
	}
}
