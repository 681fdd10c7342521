package sdk

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ambithost/ambit/sdk/protocol"
)

// Header holds HTTP header fields. A host answers with canonical names.
type Header map[string][]string

// Get returns the first value of a field, whatever the case of its name.
func (h Header) Get(name string) string {
	for k, v := range h {
		if len(v) > 0 && strings.EqualFold(k, name) {
			return v[0]
		}
	}
	return ""
}

// Secret has the host put one of the owner's secrets into a request. The
// plugin names it and never sees it.
type Secret struct {
	Name string `json:"name"`
	// In is "header", "query", "path", "body" or "signature". In the URL's path
	// and in a body, every "{{secret:NAME}}" is replaced. With "signature" the
	// host signs the body as Standard Webhooks says and sets the headers
	// webhook-id, webhook-timestamp and webhook-signature; the secret itself is
	// not sent.
	In     string `json:"in"`
	As     string `json:"as,omitempty"`     // header or query field; of a signature, the webhook-id
	Prefix string `json:"prefix,omitempty"` // put in front, e.g. "Bearer "
}

// Capture has the host keep a value of a JSON answer as a new secret
// (secret.store). In the answer that the plugin gets "[redacted]" stands in its
// place.
type Capture struct {
	Pointer string `json:"json_pointer"` // where it stands, as RFC 6901 says
	Secret  string `json:"secret"`       // the name it gets, which must be free
}

// Request is one HTTP request.
type Request struct {
	Method  string // empty is GET
	URL     string
	Header  Header
	Body    []byte
	Secrets []Secret
	// Capture is for answers that hold a key. They are not streamed, and a
	// redirect is not followed.
	Capture []Capture
	// Upload streams a body of unknown length instead of Body.
	Upload io.Reader
	// NoFollow returns a redirect instead of following it. Each redirect
	// followed is decided like a request of its own.
	NoFollow bool
	// Stream gives the answer's body as it arrives; else it is read whole
	// before HTTP returns.
	Stream  bool
	Timeout time.Duration // of the whole exchange; 0 is the host's default
}

// Response is the answer. Body is never nil; the caller closes it.
type Response struct {
	Status int
	Header Header
	URL    string // after redirects
	Body   io.ReadCloser
}

type httpArgs struct {
	Method  string    `json:"method"`
	URL     string    `json:"url"`
	Header  Header    `json:"headers,omitempty"`
	Body    string    `json:"body,omitempty"`
	Base64  []byte    `json:"body_base64,omitempty"`
	Secrets []Secret  `json:"secrets,omitempty"`
	Capture []Capture `json:"capture,omitempty"`
	Follow  bool      `json:"follow"`
	Stream  bool      `json:"stream,omitempty"`
	Upload  bool      `json:"upload,omitempty"`
	Timeout int64     `json:"timeout_ms,omitempty"`
}

type httpAnswer struct {
	Status int    `json:"status"`
	Header Header `json:"headers"`
	URL    string `json:"url"`
	Body   string `json:"body"`
	Base64 string `json:"body_base64"`
	Handle uint64 `json:"handle"`
}

// HTTP sends one request (http.request). Any status is an answer, not an
// error.
func (h *Host) HTTP(ctx context.Context, r Request) (*Response, error) {
	var ans httpAnswer
	if err := h.Effect(ctx, "http.request", r.args(), &ans); err != nil {
		return nil, err
	}
	if r.Upload != nil {
		if err := h.upload(ctx, ans.Handle, r.Upload); err != nil {
			return nil, fmt.Errorf("upload: %w", err)
		}
		handle := ans.Handle
		ans = httpAnswer{}
		if err := h.Effect(ctx, "http.response", map[string]uint64{"handle": handle}, &ans); err != nil {
			return nil, err
		}
	}
	if ans.Handle != 0 {
		return &Response{Status: ans.Status, Header: ans.Header, URL: ans.URL, Body: &stream{ctx: ctx, h: h, handle: ans.Handle}}, nil
	}
	return ans.whole()
}

func (r Request) args() httpArgs {
	args := httpArgs{Method: r.Method, URL: r.URL, Header: r.Header, Secrets: r.Secrets, Capture: r.Capture, Follow: !r.NoFollow && len(r.Capture) == 0,
		Stream: r.Stream, Upload: r.Upload != nil, Timeout: r.Timeout.Milliseconds()}
	if args.Method == "" {
		args.Method = "GET"
	}
	// As text a body can hold placeholders for secrets.
	if utf8.Valid(r.Body) {
		args.Body = string(r.Body)
	} else {
		args.Base64 = r.Body
	}
	return args
}

// Args is the request as the arguments of http.request, for a host that makes
// it later (channel.Wait). It can't stream.
func (r Request) Args() (json.RawMessage, error) {
	if r.Stream || r.Upload != nil {
		return nil, protocol.Errorf(protocol.Invalid, "http.request: a request that the host makes later can't stream")
	}
	return json.Marshal(r.args())
}

// ReadAnswer reads what http.request gave back to a request made of
// [Request.Args].
func ReadAnswer(b json.RawMessage) (*Response, error) {
	var ans httpAnswer
	if err := json.Unmarshal(b, &ans); err != nil {
		return nil, protocol.Errorf(protocol.Invalid, "http.request: the host's answer: %v", err)
	}
	return ans.whole()
}

// whole is an answer whose body arrived with it.
func (a *httpAnswer) whole() (*Response, error) {
	body := []byte(a.Body)
	if a.Base64 != "" {
		var err error
		if body, err = base64.StdEncoding.DecodeString(a.Base64); err != nil {
			return nil, protocol.Errorf(protocol.Failed, "http.request: the host's answer: %v", err)
		}
	}
	return &Response{Status: a.Status, Header: a.Header, URL: a.URL, Body: io.NopCloser(bytes.NewReader(body))}, nil
}

func (h *Host) upload(ctx context.Context, handle uint64, from io.Reader) error {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			args := map[string]any{"handle": handle, "data": buf[:n]}
			if err := h.Effect(ctx, protocol.StreamWrite, args, nil); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return h.Effect(ctx, protocol.StreamClose, map[string]uint64{"handle": handle}, nil)
		}
		if err != nil {
			return err
		}
	}
}

// stream reads a body that arrives in pieces. It keeps the context of the call
// that opened it, which is also the stream's own end.
type stream struct {
	ctx    context.Context
	h      *Host
	handle uint64
	buf    []byte
	err    error
	closed bool
}

// Read implements [io.Reader].
func (s *stream) Read(p []byte) (int, error) {
	if s.closed {
		return 0, protocol.Errorf(protocol.Invalid, "read of a closed body")
	}
	for empty := 0; len(s.buf) == 0 && s.err == nil; empty++ {
		if empty == 100 { // a host waits for data; one that answers nothing would hold the plugin for ever
			return 0, io.ErrNoProgress
		}
		var chunk struct {
			Data []byte `json:"data"`
			EOF  bool   `json:"eof"`
		}
		s.err = s.h.Effect(s.ctx, protocol.StreamRead, map[string]uint64{"handle": s.handle, "max": protocol.MaxChunk}, &chunk)
		s.buf = chunk.Data
		if s.err == nil && chunk.EOF {
			s.err = io.EOF
		}
	}
	if len(s.buf) == 0 && len(p) > 0 {
		return 0, s.err
	}
	n := copy(p, s.buf)
	s.buf = s.buf[n:]
	return n, nil
}

// Close ends the stream early or late; it is idempotent.
func (s *stream) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	return s.h.Effect(s.ctx, protocol.StreamClose, map[string]uint64{"handle": s.handle}, nil)
}
