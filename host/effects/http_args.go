package effects

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/ambithost/ambit/sdk/protocol"
)

// httpArgs are the arguments of http.request.
type httpArgs struct {
	Method     string                `json:"method"`
	URL        string                `json:"url"`
	Headers    map[string]headerList `json:"headers"`
	Body       *string               `json:"body"`
	BodyBase64 []byte                `json:"body_base64"`
	Secrets    []secretRef           `json:"secrets"`
	Capture    []captureRef          `json:"capture"`
	Follow     *bool                 `json:"follow"`
	Stream     bool                  `json:"stream"`
	Upload     bool                  `json:"upload"`
	TimeoutMS  int64                 `json:"timeout_ms"`
}

// secretRef asks the host to put a secret into the request.
type secretRef struct {
	Name   string `json:"name"`
	In     string `json:"in"` // header, query, path, body or signature
	As     string `json:"as,omitempty"`
	Prefix string `json:"prefix,omitempty"`
}

// placeholder is what stands for the secret in a body.
func (r secretRef) placeholder() string { return "{{secret:" + r.Name + "}}" }

// pathPlaceholder is the same in a path, in the one spelling that [parseURL]
// gives it.
func (r secretRef) pathPlaceholder() string { return "%7B%7Bsecret:" + r.Name + "%7D%7D" }

// headerList is one header's values: a string or a list of strings.
type headerList []string

// UnmarshalJSON takes both forms.
func (h *headerList) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil && string(b) != "null" {
		*h = headerList{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(h))
}

// httpRequest is a request as it will be sent, but for secrets.
type httpRequest struct {
	method  string
	url     *target
	header  http.Header
	body    []byte
	secrets []secretRef
	// captures are of the request itself; a redirect of it is not followed.
	captures []captureRef
	hop      int
}

func (r *httpRequest) reads() bool { return r.method == http.MethodGet || r.method == http.MethodHead }

// parse checks the arguments. Errors never quote a body or a header's value.
func (a *httpArgs) parse(c *client) (*httpRequest, time.Duration, error) {
	bad := func(format string, v ...any) (*httpRequest, time.Duration, error) {
		return nil, 0, protocol.Errorf(protocol.Invalid, "http.request: "+format, v...)
	}
	method := strings.ToUpper(a.Method)
	if method == "" {
		method = http.MethodGet
	}
	if len(method) > 20 || strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" || method == http.MethodConnect || method == http.MethodTrace {
		return bad("method %.20q is not allowed", a.Method)
	}
	url, err := parseURL(a.URL)
	if err != nil {
		return nil, 0, err
	}
	if a.Body != nil && a.BodyBase64 != nil {
		return bad("give body or body_base64, not both")
	}
	body := a.BodyBase64
	if a.Body != nil {
		body = []byte(*a.Body)
	}
	if a.Upload && body != nil {
		return bad("with upload the body is written with stream.write")
	}
	timeout := c.cfg.Timeout
	if a.TimeoutMS < 0 || a.TimeoutMS > c.cfg.MaxTimeout.Milliseconds() {
		return bad("timeout_ms: want 1 to %d", c.cfg.MaxTimeout.Milliseconds())
	}
	if a.TimeoutMS > 0 {
		timeout = time.Duration(a.TimeoutMS) * time.Millisecond
	}
	header, err := requestHeader(a.Headers, url, len(body))
	if err != nil {
		return nil, 0, err
	}
	req := &httpRequest{method: method, url: url, header: header, body: body, secrets: a.Secrets, captures: a.Capture}
	if err := req.checkSecrets(a.Upload); err != nil {
		return nil, 0, err
	}
	if err := checkCaptures(a.Capture, a.Stream || a.Upload); err != nil {
		return nil, 0, err
	}
	if header.Get("User-Agent") == "" {
		header.Set("User-Agent", c.cfg.UserAgent)
	}
	return req, timeout, nil
}

// requestHeader checks names, values and sizes.
func requestHeader(in map[string]headerList, url *target, body int) (http.Header, error) {
	out := http.Header{}
	lines, size := 0, 0
	for name, values := range in {
		key := textproto.CanonicalMIMEHeaderKey(name)
		if !httpguts.ValidHeaderFieldName(name) {
			return nil, protocol.Errorf(protocol.Invalid, "http.request: header name %.80q is malformed", name)
		}
		for _, v := range values {
			lines, size = lines+1, size+len(name)+len(v)+4
			if !httpguts.ValidHeaderFieldValue(v) {
				return nil, protocol.Errorf(protocol.Invalid, "http.request: the value of header %.80s holds control characters", name)
			}
		}
		// What clients set by habit and the host sets itself is dropped when
		// it says the same.
		if key == "Accept-Encoding" || len(values) == 1 &&
			(key == "Content-Length" && values[0] == strconv.Itoa(body) || key == "Host" && strings.EqualFold(values[0], url.authority())) {
			continue
		}
		if hostSets(key) {
			return nil, protocol.Errorf(protocol.Invalid, "http.request: header %s is set by the host only", key)
		}
		out[key] = append(out[key], values...)
	}
	if lines > maxHeaders || size > maxRequestHead {
		return nil, protocol.Errorf(protocol.Limit, "http.request: more than %d header lines or %d bytes of them", maxHeaders, maxRequestHead)
	}
	return out, nil
}

// hostSets lists the headers that steer connections and framing (RFC 9110,
// sections 7.6 and 7.8; RFC 9112) or name the authority.
func hostSets(key string) bool {
	return strings.HasPrefix(key, "Proxy-") || slices.Contains([]string{
		"Host", "Connection", "Content-Length", "Transfer-Encoding", "Te", "Trailer", "Upgrade", "Keep-Alive",
		"Expect", "Accept-Encoding", "Http2-Settings", "Forwarded", "Via", "Alt-Used", "Alt-Svc",
	}, key)
}

// checkSecrets checks the references, not the secrets.
func (r *httpRequest) checkSecrets(upload bool) error {
	if len(r.secrets) > maxSecretRefs {
		return protocol.Errorf(protocol.Limit, "http.request: more than %d secrets", maxSecretRefs)
	}
	if len(r.secrets) > 0 && (r.header.Get("Range") != "" || r.header.Get("If-Range") != "") {
		return badSecret("a Range can't be asked for with secrets: a part of an echo can't be recognised")
	}
	signatures := 0
	for _, s := range r.secrets {
		if err := s.check(r, upload); err != nil {
			return err
		}
		if s.In == inSignature {
			signatures++
		}
	}
	if signatures > 1 {
		return badSecret("a request has one signature; a secret may hold several keys")
	}
	return nil
}

func badSecret(format string, v ...any) error {
	return protocol.Errorf(protocol.Invalid, "http.request: secrets: "+format, v...)
}

func (r secretRef) check(req *httpRequest, upload bool) error {
	if err := checkSecretName(r.Name); err != nil {
		return err
	}
	if len(r.As) > 256 || len(r.Prefix) > 256 {
		return badSecret("as and prefix have at most 256 bytes")
	}
	switch r.In {
	case "header":
		if !httpguts.ValidHeaderFieldName(r.As) || !httpguts.ValidHeaderFieldValue(r.Prefix) {
			return badSecret("%s: want a header name in as and a printable prefix", r.Name)
		}
		if hostSets(textproto.CanonicalMIMEHeaderKey(r.As)) {
			return badSecret("%s: header %s is set by the host only", r.Name, r.As)
		}
	case "query":
		if r.As == "" || badName(r.As) {
			return badSecret("%s: want a parameter name in as", r.Name)
		}
	case "path":
		if r.As != "" || r.Prefix != "" || !strings.Contains(req.url.path, r.pathPlaceholder()) {
			return badSecret("%s: want %s in the URL's path, and neither as nor prefix", r.Name, r.placeholder())
		}
	case "body":
		if upload {
			return badSecret("%s: a body that is uploaded in pieces can't hold a secret", r.Name)
		}
		if r.As != "" || r.Prefix != "" || !bytes.Contains(req.body, []byte(r.placeholder())) {
			return badSecret("%s: want %s in the body, and neither as nor prefix", r.Name, r.placeholder())
		}
	case inSignature:
		return r.checkSignature(req, upload)
	default:
		return badSecret("%s: in %.20q: want header, query, path, body or signature", r.Name, r.In)
	}
	return nil
}
