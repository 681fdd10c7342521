// Package channeltest tries channel plugins against real servers on loopback.
// [Loop] is the host's part in miniature: it polls, makes the requests that a
// poll asks for, stores what arrived before it makes the next one, and can be
// cut off at any point as a host can. It is no measure of the host itself.
package channeltest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/plugintest"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Loop polls one channel. What is stored survives [Loop.Restart].
type Loop struct {
	Plugin  plugintest.Plugin
	Secrets map[string]string
	// Cut ends a round after the poll, before anything is stored, when it is
	// true for that round's number.
	Cut func(round int) bool

	// What is on disk.
	Cursor json.RawMessage
	Events []channel.Event // each id once

	Trouble string // of the last poll
	Next    channel.Wait
	Rounds  int

	world plugintest.World

	mu      sync.Mutex
	bodies  map[uint64][]byte
	handles uint64
}

// New is a loop with a plugin that runs inside the test.
func New(p sdk.Plugin, config, secrets map[string]string) *Loop {
	return &Loop{Plugin: plugintest.Direct(p, config), Secrets: secrets}
}

// Restart forgets what is not on disk.
func (l *Loop) Restart() { l.Next = channel.Wait{} }

// Round makes the request that the last poll asked for, if there is one, polls
// and stores. It does not wait first as long as it was told to.
func (l *Loop) Round(ctx context.Context, t testing.TB) {
	t.Helper()
	l.Rounds++
	in := channel.Poll{Cursor: l.Cursor}
	if len(l.Next.Request) > 0 {
		in.Answer, in.Error = l.request(ctx)
	}
	if ctx.Err() != nil {
		return
	}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	out, err := l.Plugin.Call(ctx, protocol.ExportPoll, b, l.Effect, func([]byte) {})
	if err != nil {
		t.Fatalf("poll: %v", err)
	}
	var p channel.Polled
	if err := json.Unmarshal(out, &p); err != nil {
		t.Fatal(err)
	}
	if l.Cut != nil && l.Cut(l.Rounds) {
		l.Restart()
		return
	}
	for _, e := range p.Events {
		if !slices.ContainsFunc(l.Events, func(o channel.Event) bool { return o.ID == e.ID }) {
			l.Events = append(l.Events, e)
		}
	}
	l.Cursor, l.Next, l.Trouble = p.Cursor, p.Next, p.Next.Trouble
}

// request waits for the answer that is worth a poll.
func (l *Loop) request(ctx context.Context) (json.RawMessage, *protocol.Error) {
	for {
		answer, err := l.Effect(ctx, "http.request", l.Next.Request)
		if err != nil {
			return nil, protocol.AsError(err)
		}
		var a struct {
			Status int
			Body   string
		}
		if json.Unmarshal(answer, &a) != nil || l.Next.Idle == "" || a.Status != 200 || a.Body != l.Next.Idle || ctx.Err() != nil {
			return answer, nil
		}
	}
}

// Until runs rounds until ok says so.
func (l *Loop) Until(t testing.TB, ok func() bool) {
	t.Helper()
	for range 200 {
		if ok() {
			return
		}
		l.Round(t.Context(), t)
	}
	t.Fatalf("after %d rounds: trouble %q, %d events", l.Rounds, l.Trouble, len(l.Events))
}

// Send sends.
func (l *Loop) Send(t testing.TB, in channel.Send) (channel.Sent, error) {
	t.Helper()
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	out, err := l.Plugin.Call(t.Context(), protocol.ExportSend, b, l.Effect, func([]byte) {})
	if err != nil {
		return channel.Sent{}, err
	}
	var s channel.Sent
	if err := json.Unmarshal(out, &s); err != nil {
		t.Fatal(err)
	}
	return s, nil
}

// Effect answers http.request from the network and the rest from a
// [plugintest.World].
func (l *Loop) Effect(ctx context.Context, name string, args []byte) ([]byte, error) {
	var a request
	if err := json.Unmarshal(args, &a); err != nil {
		return nil, protocol.Errorf(protocol.Invalid, "%s: %v", name, err)
	}
	switch name {
	case "http.request":
		return l.http(ctx, a)
	case protocol.StreamRead:
		l.mu.Lock()
		defer l.mu.Unlock()
		b := l.bodies[a.Handle]
		n := min(len(b), max(1, a.Max))
		l.bodies[a.Handle] = b[n:]
		return json.Marshal(map[string]any{"data": b[:n], "eof": n == len(b)})
	case protocol.StreamClose:
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.bodies, a.Handle)
		return []byte("{}"), nil
	}
	return l.world.Effect(ctx, name, args)
}

type request struct {
	Method  string              `json:"method"`
	URL     string              `json:"url"`
	Headers map[string][]string `json:"headers"`
	Body    string              `json:"body"`
	Body64  []byte              `json:"body_base64"`
	Secrets []sdk.Secret        `json:"secrets"`
	Stream  bool                `json:"stream"`
	Timeout int64               `json:"timeout_ms"`
	Handle  uint64              `json:"handle"`
	Max     int                 `json:"max"`
}

func (l *Loop) http(ctx context.Context, a request) ([]byte, error) {
	if a.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(a.Timeout)*time.Millisecond)
		defer cancel()
	}
	body := []byte(a.Body)
	if a.Body64 != nil {
		body = a.Body64
	}
	target := a.URL
	for _, s := range a.Secrets {
		if s.In == "path" {
			target = strings.ReplaceAll(target, "{{secret:"+s.Name+"}}", l.Secrets[s.Name])
		}
	}
	r, err := http.NewRequestWithContext(ctx, a.Method, target, bytes.NewReader(body))
	if err != nil {
		return nil, protocol.Errorf(protocol.Invalid, "http.request: malformed")
	}
	for name, values := range a.Headers {
		r.Header[name] = values
	}
	for _, s := range a.Secrets {
		if s.In == "header" {
			r.Header.Set(s.As, s.Prefix+l.Secrets[s.Name])
		}
	}
	tr := &http.Transport{DisableKeepAlives: true}
	defer tr.CloseIdleConnections()
	resp, err := tr.RoundTrip(r)
	if err != nil {
		return nil, failed(a.Method, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil && !a.Stream {
		return nil, failed("GET", err)
	}
	for _, v := range l.Secrets {
		b = bytes.ReplaceAll(b, []byte(v), []byte("[redacted]"))
	}
	return l.respond(resp, a, b)
}

func (l *Loop) respond(resp *http.Response, a request, b []byte) ([]byte, error) {
	out := map[string]any{"status": resp.StatusCode, "headers": resp.Header, "url": a.URL}
	switch {
	case a.Stream:
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.bodies == nil {
			l.bodies = map[uint64][]byte{}
		}
		l.handles++
		l.bodies[l.handles] = b
		out["handle"] = l.handles
	case utf8.Valid(b):
		out["body"] = string(b)
	default:
		out["body_base64"] = b
	}
	return json.Marshal(out)
}

// failed gives an error the code that the host would.
func failed(method string, err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return protocol.Errorf(protocol.Unavailable, "http.request: the server can't be reached")
	}
	if method != http.MethodGet {
		return protocol.Errorf(protocol.Unknown, "http.request: no answer")
	}
	if ue, ok := errors.AsType[*url.Error](err); ok && ue.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return protocol.Errorf(protocol.Timeout, "http.request: the time for it is up")
	}
	return protocol.Errorf(protocol.Failed, "http.request: broke off")
}
