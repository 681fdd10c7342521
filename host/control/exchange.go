package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/ambithost/ambit/sdk/protocol"
)

// exchange is one request and its answer.
type exchange struct {
	Backend
	w     http.ResponseWriter
	r     *http.Request
	life  *lifetime
	log   hclog.Logger
	route route
	query url.Values
}

// ctx ends when the client goes away.
func (x *exchange) ctx() context.Context { return x.r.Context() }

// whole does not: what changes state is not left half done because a terminal
// was closed.
func (x *exchange) whole() context.Context { return x.life.hard }

func (x *exchange) run() {
	if err := x.checkRequest(); err != nil {
		x.fail(err)
		return
	}
	if err := x.route.serve(x); err != nil {
		x.fail(err)
	}
}

// checkRequest refuses what the route does not take, rather than ignore what
// the client believes to have said.
func (x *exchange) checkRequest() error {
	query, err := url.ParseQuery(x.r.URL.RawQuery)
	if err != nil {
		return protocol.Errorf(protocol.Invalid, "query: %v", err)
	}
	for name, values := range query {
		if !slices.Contains(x.route.query, name) {
			return protocol.Errorf(protocol.Invalid, "query: %s takes no parameter %q", x.route.pattern, name)
		}
		if len(values) != 1 {
			return protocol.Errorf(protocol.Invalid, "query: %q is given %d times", name, len(values))
		}
	}
	x.query = query
	if x.route.body == 0 && (x.r.ContentLength != 0 || len(x.r.TransferEncoding) > 0) {
		return protocol.Errorf(protocol.Invalid, "%s takes no body", x.route.pattern)
	}
	return nil
}

// decode reads the body: JSON of exactly one value without unknown fields, at
// most route.body bytes.
func (x *exchange) decode(into any) error {
	if ct, _, err := mime.ParseMediaType(x.r.Header.Get("Content-Type")); err != nil || ct != "application/json" {
		return protocol.Errorf(protocol.Invalid, "body: want Content-Type application/json")
	}
	rc := http.NewResponseController(x.w)
	if err := rc.SetReadDeadline(time.Now().Add(bodyTimeout)); err != nil {
		return protocol.Errorf(protocol.Internal, "body: %v", err)
	}
	d := json.NewDecoder(http.MaxBytesReader(x.w, x.r.Body, x.route.body))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.Join(errors.New("more than one JSON value"), tooBig(more))
		}
	}
	if err != nil {
		if big, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return bodyLimit(big.Limit)
		}
		return protocol.Errorf(protocol.Invalid, "body: %v", err)
	}
	// Without this the deadline would end a long answer.
	return rc.SetReadDeadline(time.Time{})
}

// bodyLimit is the error of a body with more bytes than that.
type bodyLimit int64

func (b bodyLimit) Error() string { return fmt.Sprintf("body: more than %d bytes", int64(b)) }

func (b bodyLimit) Unwrap() error { return protocol.Errorf(protocol.Limit, "%s", b.Error()) }

// tooBig keeps a size error and drops any other.
func tooBig(err error) error {
	if big, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return big
	}
	return nil
}

func (x *exchange) reply(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return protocol.Errorf(protocol.Internal, "answer: %v", err)
	}
	x.write(http.StatusOK, b)
	return nil
}

// fail answers with an error. After a stream has begun nothing can be said any
// more this way, and net/http drops it.
func (x *exchange) fail(err error) {
	e := AsError(err)
	if e.Code == protocol.Internal {
		x.log.Error("control request failed", "method", x.r.Method, "path", x.r.URL.Path, "error", err)
	}
	b, merr := json.Marshal(errorBody{e})
	if merr != nil {
		b = []byte(`{"error":{"code":"internal","message":"the error can't be written as JSON"}}`)
	}
	status := httpStatus(e.Code)
	if _, ok := errors.AsType[bodyLimit](err); ok {
		status = http.StatusRequestEntityTooLarge
	}
	x.write(status, b)
}

// errorBody is how an error looks on the wire.
type errorBody struct {
	Error *Error `json:"error"`
}

// write ignores failures: the client is gone, and there is nobody to tell.
func (x *exchange) write(status int, body []byte) {
	_ = http.NewResponseController(x.w).SetWriteDeadline(time.Now().Add(writeTimeout))
	h := x.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	x.w.WriteHeader(status)
	_, _ = x.w.Write(append(body, '\n'))
}
