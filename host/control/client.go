package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"github.com/ambithost/ambit/sdk/protocol"
)

const (
	dialTimeout = 2 * time.Second // the other end is on this machine
	maxAnswer   = 64 << 20        // bytes
)

// Client is a Backend that asks the host of a home. It trusts that host only
// when the socket's other end is the same user. Errors are [*Error]; without a
// host they wrap [ErrNotRunning].
type Client struct {
	home string
	http *http.Client
}

var _ Backend = (*Client)(nil)

// NewClient makes a Client for the host of a home. It does not connect yet.
func NewClient(home string) *Client {
	c := &Client{home: home}
	c.http = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	c.http.Transport = &http.Transport{
		DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx) },
		DisableCompression: true,
		MaxIdleConns:       4,
		IdleConnTimeout:    idleTimeout / 2, // before the server does
	}
	return c
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	path, fallback, err := socketPath(c.home)
	if err != nil {
		return nil, err
	}
	if fallback {
		if err := checkFallback(filepath.Dir(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	d := net.Dialer{Timeout: dialTimeout}
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errRefused) {
			return nil, &notRunning{home: c.home}
		}
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if err := allowPeer(conn); err != nil {
		err = protocol.Errorf(protocol.Denied, "the other end of %s can't be trusted: %v", path, err)
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// notRunning is an [*Error] that wraps [ErrNotRunning].
type notRunning struct{ home string }

func (e *notRunning) Error() string { return "no host is running for " + e.home }

func (e *notRunning) Unwrap() []error {
	return []error{ErrNotRunning, &Error{Code: protocol.Unavailable, Message: e.Error(), Hint: "start one with: ambit up"}}
}

// do sends one request and decodes the answer into out.
func (c *Client) do(ctx context.Context, method string, segments []string, query url.Values, in, out any) error {
	res, err := c.send(ctx, method, segments, query, in, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return c.lost(ctx, err)
	case len(b) > maxAnswer:
		return protocol.Errorf(protocol.Limit, "the host's answer has more than %d bytes", maxAnswer)
	}
	if err := json.Unmarshal(b, out); err != nil {
		return protocol.Errorf(protocol.Internal, "the host's answer can't be read: %v", err)
	}
	return nil
}

// send sends one request; an answer that is an error becomes one.
func (c *Client) send(ctx context.Context, method string, segments []string, query url.Values, in any, header http.Header) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, protocol.Errorf(protocol.Invalid, "request: %v", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, endpoint(segments, query), body)
	if err != nil {
		return nil, protocol.Errorf(protocol.Invalid, "request: %v", err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.lost(ctx, err)
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	defer res.Body.Close()
	return nil, readError(res)
}

func readError(res *http.Response) error {
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return protocol.Errorf(protocol.Unavailable, "the host's answer broke off: %v", err)
	}
	var e errorBody
	if ct, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); ct != "application/json" || json.Unmarshal(b, &e) != nil || e.Error == nil {
		return protocol.Errorf(protocol.Internal, "the host answered %s without saying why", res.Status)
	}
	return e.Error
}

// lost explains a connection that failed.
func (c *Client) lost(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if nr, ok := errors.AsType[*notRunning](err); ok {
		return nr
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // its text has a made-up URL
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*protocol.Error](err); ok {
		return e
	}
	return &Error{Code: protocol.Unavailable, Message: "the host does not answer: " + err.Error(), Hint: "whether it still runs: ambit status"}
}

// endpoint is the address of a path of names; the host part means nothing.
func endpoint(segments []string, query url.Values) string {
	u := "http://ambit"
	if len(segments) == 0 || segments[0] != "access" { // AuthZEN's have a place of their own
		u += "/v1"
	}
	for _, s := range segments {
		u += "/" + url.PathEscape(s)
	}
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	return u
}

// get, list and change are the three shapes of the API's requests.
func get[Out any](ctx context.Context, c *Client, query url.Values, segments ...string) (*Out, error) {
	return answer[Out](ctx, c, http.MethodGet, query, nil, segments)
}

func list[T any](ctx context.Context, c *Client, query url.Values, segments ...string) ([]T, error) {
	l, err := answer[List[T]](ctx, c, http.MethodGet, query, nil, segments)
	if err != nil {
		return nil, err
	}
	return l.Items, nil
}

func change[Out any](ctx context.Context, c *Client, method string, in any, segments ...string) (*Out, error) {
	return answer[Out](ctx, c, method, nil, in, segments)
}

func answer[Out any](ctx context.Context, c *Client, method string, query url.Values, in any, segments []string) (*Out, error) {
	out := new(Out)
	if err := c.do(ctx, method, segments, query, in, out); err != nil {
		return nil, err
	}
	return out, nil
}
