package effects

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/ambithost/ambit/host/effects/secret"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

// httpResult is what http.request and http.response give back.
type httpResult struct {
	Status     int                 `json:"status,omitempty"`
	Headers    map[string][]string `json:"headers,omitempty"`
	Body       *string             `json:"body,omitempty"`
	BodyBase64 []byte              `json:"body_base64,omitempty"`
	URL        string              `json:"url,omitempty"`
	Handle     uint64              `json:"handle,omitempty"`
}

// exchange is one http.request with its redirects.
type exchange struct {
	call   *Call
	args   []byte // as given
	req    *httpRequest
	follow bool
	stream bool
	upload bool
	left   time.Duration // time that is left for it

	next     *httpRequest // where the last hop redirects to
	result   *httpResult
	captured bool // what was to be kept of the answer is kept
}

// httpRequest performs http.request: one effect for each hop.
func (c *Call) httpRequest(ctx context.Context, raw []byte) ([]byte, error) {
	var args httpArgs
	if err := decode("http.request", raw, &args); err != nil {
		return nil, err
	}
	req, timeout, err := args.parse(c.e.http)
	if err != nil {
		return nil, err
	}
	// What is uploaded piece by piece can't be sent again, and what is to be kept
	// is kept of the server that was asked.
	follow := (args.Follow == nil || *args.Follow) && !args.Upload && len(args.Capture) == 0
	x := &exchange{call: c, args: raw, req: req, follow: follow, stream: args.Stream, upload: args.Upload, left: timeout}
	for {
		if err := x.hop(ctx); err != nil {
			return nil, err
		}
		if x.result != nil {
			return encode(x.result)
		}
		if x.next.hop > maxRedirects {
			return nil, protocol.Errorf(protocol.Limit, "http.request: more than %d redirects", maxRedirects)
		}
		x.req, x.next, x.args = x.next, nil, nil
	}
}

// hop takes one request through the gate. What the gate resolved and policy
// saw is what is dialled.
func (x *exchange) hop(ctx context.Context) error {
	args, err := x.hopArgs()
	if err != nil {
		return err
	}
	// A stream outlives this effect's frame; it ends with the call.
	flow, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	unlink := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	defer unlink()
	kept := false
	defer func() {
		if !kept {
			cancel(nil)
		}
	}()
	var addrs []netip.Addr
	risk := capability.Write
	if x.req.reads() {
		risk = capability.Read
	}
	origin := x.call.origin()
	return x.call.e.cfg.Gate.Do(flow, gate.Effect{
		Capability: "http.request", Risk: risk, Actor: x.call.actor(), Plugin: x.call.caller.Plugin,
		Resource: x.req.url.display(), Attributes: x.attributes(), Args: args, Origin: origin,
		Arguments: traceHTTP(origin.Material, x.req),
		Resolve: func(ctx context.Context) (more capability.Attributes, err error) {
			addrs, more, err = x.call.e.http.resolve(ctx, x.req.url)
			return more, err
		},
		Perform: func(ctx context.Context, f *gate.Flight) error {
			var err error
			kept, err = x.perform(ctx, f, addrs)
			return err
		},
	})
}

// hopArgs is the exact request for the record: the plugin's own words, and for
// a redirect what it leads to.
func (x *exchange) hopArgs() ([]byte, error) {
	if x.req.hop == 0 {
		return x.args, nil
	}
	return encode(map[string]any{"method": x.req.method, "url": x.req.url.String(), "headers": x.req.header, "hop": x.req.hop})
}

func (x *exchange) attributes() capability.Attributes {
	r := x.req
	a := capability.Attributes{
		"method": r.method, "scheme": r.url.scheme, "authority": r.url.authority(), "path": r.url.path,
		"query_bytes": int64(len(r.url.query)), "hop": int64(r.hop),
	}
	names, inBody := []string{}, false
	for _, s := range r.secrets {
		names = append(names, s.Name)
		inBody = inBody || s.In == "body"
	}
	if len(names) > 0 {
		a["secrets"] = names
	}
	if !x.upload && !inBody {
		a["body_bytes"] = int64(len(r.body))
	}
	return a
}

// perform sends the request under its secrets. It reports whether a stream was
// handed over, which then owns what perform opened.
func (x *exchange) perform(ctx context.Context, f *gate.Flight, addrs []netip.Addr) (kept bool, err error) {
	if len(addrs) == 0 {
		return false, protocol.Errorf(protocol.Internal, "http.request: performed without resolved addresses")
	}
	if (len(x.req.secrets) > 0 || len(x.req.captures) > 0) && x.req.url.scheme == "http" {
		for _, a := range addrs {
			if !a.IsLoopback() {
				return false, protocol.Errorf(protocol.Denied, "http.request: a secret goes over plain http only within this machine itself; %s is elsewhere: use https", x.req.url.authority())
			}
		}
	}
	slots := x.call.e.plugin(x.call.caller.Plugin).requests
	select {
	case slots <- struct{}{}:
	default:
		return false, protocol.Errorf(protocol.Limit, "http.request: %s has %d requests in progress, the limit", x.call.caller.Plugin, cap(slots))
	}
	ctx, cancel := context.WithCancelCause(ctx)
	s := newStream(func() error { return context.Cause(ctx) }, cancel, func() { <-slots })
	err = x.withCaptures(ctx, f.ID(), x.req.captures, func(captureCtx context.Context) error {
		return x.withSecrets(captureCtx, f.ID(), x.req.secrets, nil, func(secretCtx context.Context, values []secret.Value) error {
			stop := context.AfterFunc(secretCtx, func() { cancel(context.Cause(secretCtx)) })
			defer stop()
			return x.send(ctx, s, f, addrs, values)
		})
	})
	if err != nil && !s.sent.Load() {
		f.Untouched()
	}
	if err != nil || !s.handed {
		s.finish(err)
		return false, err
	}
	return true, nil
}

// send puts the request on the wire and takes the answer.
func (x *exchange) send(ctx context.Context, s *stream, f *gate.Flight, addrs []netip.Addr, values []secret.Value) error {
	in, err := x.req.inject(values, x.call.e.cfg.Now())
	if err != nil {
		return err
	}
	u := x.req.url
	plainPath, err := url.PathUnescape(in.path)
	if err != nil {
		return protocol.Errorf(protocol.Invalid, "url: malformed path")
	}
	trace := &httptrace.ClientTrace{WroteHeaders: func() { s.sent.Store(true) }}
	hr := (&http.Request{
		Method: x.req.method, Header: in.header, Host: u.authority(), ProtoMajor: 1, ProtoMinor: 1,
		URL: &url.URL{Scheme: u.scheme, Host: u.authority(), Path: plainPath, RawPath: in.path, RawQuery: in.query},
	}).WithContext(httptrace.WithClientTrace(ctx, trace))
	hr.Header.Set("Accept-Encoding", "gzip")
	tr := x.call.e.http.transport(u, addrs)
	s.trip = func() (*http.Response, error) {
		defer tr.CloseIdleConnections()
		return tr.RoundTrip(hr)
	}
	s.red, s.x, s.limit = x.call.e.seen.redactor(), x, x.call.e.http.cfg.MaxStream
	if x.upload {
		return x.startUpload(ctx, s, f, hr)
	}
	if len(in.body) > 0 {
		hr.Body, hr.ContentLength = io.NopCloser(bytes.NewReader(in.body)), int64(len(in.body))
	}
	began := time.Now()
	timer := time.AfterFunc(x.left, func() { s.cancel(errTimeout) })
	defer timer.Stop()
	defer func() { x.left -= time.Since(began) }()
	resp, err := s.trip()
	if err != nil {
		return s.fail(err)
	}
	return x.answer(ctx, s, f, resp)
}

// answer takes a response's head, and its body unless that is streamed.
func (x *exchange) answer(ctx context.Context, s *stream, f *gate.Flight, resp *http.Response) error {
	s.answered(resp.Body)
	if x.follow && redirects(resp) {
		next, err := x.req.redirect(resp, s.red)
		x.next = next
		return err
	}
	if len(x.req.captures) > 0 {
		return x.capture(ctx, s, resp)
	}
	result, err := s.head(resp)
	if err != nil {
		return err
	}
	if x.stream {
		handle, err := x.call.keep(s)
		if err != nil {
			return err
		}
		result.Handle, x.result = handle, result
		s.hand(ctx, f, x.call.e.http.cfg.StreamTime)
		return nil
	}
	if err := s.buffer(result, x.call.e.http.cfg.MaxBody); err != nil {
		return err
	}
	x.result = result
	return nil
}

// head turns a response's head into a result and makes its body readable.
func (s *stream) head(resp *http.Response) (*httpResult, error) {
	body, err := s.readable(resp)
	if err != nil {
		return nil, err
	}
	s.body = body
	headers, err := responseHeader(resp.Header, s.red)
	if err != nil {
		return nil, err
	}
	return &httpResult{Status: resp.StatusCode, Headers: headers, URL: s.x.req.url.String()}, nil
}

// buffer reads a whole body into the result.
func (s *stream) buffer(result *httpResult, limit int64) error {
	b, err := io.ReadAll(io.LimitReader(s.body, limit+1))
	if err != nil {
		return s.fail(err)
	}
	if int64(len(b)) > limit {
		return protocol.Errorf(protocol.Limit, "http.request: the response has more than %d bytes; use stream for more", limit)
	}
	if utf8.Valid(b) {
		text := string(b)
		result.Body = &text
	} else {
		result.BodyBase64 = b
	}
	return nil
}

// fail says why an exchange broke off: for a cause of ours that cause, else
// what the network said, without what could quote a secret. A write that was
// sent and not answered may have been acted on.
func (s *stream) fail(err error) error {
	cause := s.cause()
	typed, isTyped := errors.AsType[*protocol.Error](cause)
	if isTyped && typed.Code != protocol.Timeout {
		return typed
	}
	code, text := protocol.Failed, ""
	switch {
	case isTyped:
		code, text = protocol.Timeout, typed.Message
	case cause != nil:
		code, text = protocol.Timeout, "http.request: the caller stopped waiting"
	case s.sent.Load() && len(s.x.req.secrets)+len(s.x.req.captures) > 0:
		text = "http.request: " + s.x.req.url.authority() + " gave an answer that can't be read"
	default:
		text = "http.request: " + s.x.req.url.authority() + ": " + oneLine(s.red.text(err.Error()), 300)
		if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
			code = protocol.Unavailable // nothing was sent, and it may be there later
		}
	}
	if s.sent.Load() && !s.x.req.reads() && !s.hasHead.Load() {
		return protocol.Errorf(protocol.Unknown, "%s; whether the server acted on it can't be told", text)
	}
	return protocol.Errorf(code, "%s", text)
}
