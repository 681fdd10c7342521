package wasm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"unicode/utf8"

	"github.com/ambithost/ambit/sdk/protocol"
	"github.com/ambithost/ambit/sdk/protocol/session"
)

// carryHTTP makes Extism's http_request an effect: go-sdk sends through
// http.DefaultClient. The host follows redirects, because it must decide each
// hop; this side never does.
func carryHTTP() {
	http.DefaultTransport = carrier{}
	http.DefaultClient = &http.Client{
		Transport:     carrier{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// carrier performs requests as the effect http.request of the call in whose
// context they are made.
type carrier struct{}

type httpArgs struct {
	Method     string      `json:"method"`
	URL        string      `json:"url"`
	Headers    http.Header `json:"headers,omitempty"`
	Body       string      `json:"body,omitempty"`
	BodyBase64 []byte      `json:"body_base64,omitempty"`
}

type httpResult struct {
	Status     int                        `json:"status"`
	Headers    map[string]json.RawMessage `json:"headers"`
	Body       string                     `json:"body"`
	BodyBase64 []byte                     `json:"body_base64"`
}

// RoundTrip implements http.RoundTripper.
func (carrier) RoundTrip(req *http.Request) (*http.Response, error) {
	call, ok := req.Context().Value(callKey{}).(*session.Call)
	if !ok {
		return nil, protocol.Errorf(protocol.Invalid, "HTTP outside of a call")
	}
	args := httpArgs{Method: req.Method, URL: req.URL.String(), Headers: req.Header}
	if req.Body != nil {
		body, err := io.ReadAll(io.LimitReader(req.Body, protocol.MaxArgs+1))
		_ = req.Body.Close()
		if err != nil {
			return nil, err
		}
		if utf8.Valid(body) {
			args.Body = string(body)
		} else {
			args.BodyBase64 = body
		}
	}
	in, err := json.Marshal(args)
	if err != nil {
		return nil, err
	}
	out, err := call.Effect(req.Context(), "http.request", in)
	if err != nil {
		return nil, err
	}
	var res httpResult
	if err := json.Unmarshal(out, &res); err != nil {
		return nil, protocol.Errorf(protocol.Internal, "http.request: %v", err)
	}
	return res.response(req)
}

func (r *httpResult) response(req *http.Request) (*http.Response, error) {
	header := http.Header{}
	for k, raw := range r.Headers {
		var list []string
		var one string
		switch {
		case json.Unmarshal(raw, &list) == nil:
		case json.Unmarshal(raw, &one) == nil:
			list = []string{one}
		default:
			return nil, protocol.Errorf(protocol.Internal, "http.request: header %q is neither text nor a list", k)
		}
		for _, v := range list {
			header.Add(k, v)
		}
	}
	body := r.BodyBase64
	if body == nil {
		body = []byte(r.Body)
	}
	return &http.Response{
		StatusCode: r.Status, Status: fmt.Sprintf("%d %s", r.Status, http.StatusText(r.Status)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
		Request: req,
	}, nil
}
