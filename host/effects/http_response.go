package effects

import (
	"bufio"
	"compress/gzip"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/ambithost/ambit/sdk/protocol"
)

// responseHeader caps and redacts. What can't be text in JSON is replaced.
func responseHeader(h http.Header, red *redactor) (map[string][]string, error) {
	out := make(map[string][]string, len(h))
	lines := 0
	for name, values := range h {
		if lines += len(values); lines > maxHeaders {
			return nil, protocol.Errorf(protocol.Limit, "http.request: the response has more than %d header lines", maxHeaders)
		}
		if red.finds(name) {
			continue
		}
		for _, v := range values {
			out[name] = append(out[name], strings.ToValidUTF8(red.text(v), "\uFFFD"))
		}
	}
	return out, nil
}

// readable gives a body decompressed and redacted.
func (s *stream) readable(resp *http.Response) (io.Reader, error) {
	body, err := s.decoded(resp)
	if err != nil {
		return nil, err
	}
	if !s.red.empty() {
		resp.Header.Del("Content-Length") // redaction may change it
	}
	return s.red.reader(body), nil
}

// decoded gives a body decompressed, once. Other codings than gzip were not asked
// for; with secrets about they are refused, because an echo in them would not be
// recognised.
func (s *stream) decoded(resp *http.Response) (io.Reader, error) {
	var body io.Reader = resp.Body
	switch enc := strings.ToLower(strings.TrimSpace(strings.Join(resp.Header.Values("Content-Encoding"), ","))); enc {
	case "", "identity":
	case "gzip", "x-gzip":
		body = &gunzip{src: bufio.NewReader(resp.Body)}
		resp.Header.Del("Content-Encoding")
		resp.Header.Del("Content-Length")
	default:
		if !s.red.empty() || len(s.x.req.captures) > 0 {
			return nil, protocol.Errorf(protocol.Failed, "http.request: %s answered in the coding %.40q, which was not asked for and can't be searched for secrets", s.x.req.url.authority(), enc)
		}
	}
	return body, nil
}

// gunzip decompresses from the first byte on; no byte is an empty body.
type gunzip struct {
	src *bufio.Reader
	z   *gzip.Reader
}

func (g *gunzip) Read(p []byte) (int, error) {
	if g.z == nil {
		if _, err := g.src.Peek(1); err != nil {
			return 0, err
		}
		z, err := gzip.NewReader(g.src)
		if err != nil {
			return 0, err
		}
		g.z = z
	}
	return g.z.Read(p)
}

func redirects(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return resp.Header.Get("Location") != ""
	}
	return false
}

// redirect builds the request that a response leads to (RFC 9110, section
// 15.4). To another origin go no secrets and only headers that say nothing
// about who asks. A target that carries a secret is not followed at all: it
// would reach logs, records, and maybe other hosts.
func (r *httpRequest) redirect(resp *http.Response, red *redactor) (*httpRequest, error) {
	location := resp.Header.Get("Location")
	bad := func(why string) (*httpRequest, error) {
		return nil, protocol.Errorf(protocol.Failed, "http.request: the redirect from %s is not followed: %s", r.url.authority(), why)
	}
	base, err := url.Parse(r.url.String())
	if err != nil {
		return bad("malformed")
	}
	if badName(location) || strings.Contains(location, `\`) {
		return bad("its target holds characters that clients read differently")
	}
	ref, err := base.Parse(location)
	if err != nil {
		return bad("its target is malformed")
	}
	to, err := parseURL(ref.String())
	if err != nil {
		return bad(oneLine(red.text(err.Error()), 300))
	}
	plain, _ := url.QueryUnescape(location)
	if red.finds(location) || red.finds(plain) || red.finds(to.String()) {
		return bad("its target carries a secret")
	}
	next := &httpRequest{method: r.method, url: to, header: r.header.Clone(), body: r.body, hop: r.hop + 1}
	same := to.sameOrigin(r.url)
	get := resp.StatusCode == http.StatusSeeOther && r.method != http.MethodHead
	post := resp.StatusCode <= http.StatusFound && r.method == http.MethodPost
	if get || post {
		next.method, next.body = http.MethodGet, nil
		for name := range next.header {
			if strings.HasPrefix(name, "Content-") || name == "Digest" || name == "Repr-Digest" {
				next.header.Del(name)
			}
		}
	}
	for _, s := range r.secrets {
		switch {
		case s.In == "body" && next.body == nil:
		case s.In == "body" && !same:
			return bad("it would send a body with a secret to another host")
		case s.In == "query", s.In == "path", s.In == inSignature: // the server has chosen the whole target
		case same:
			next.secrets = append(next.secrets, s)
		}
	}
	if !same {
		for name := range next.header {
			switch name {
			case "Accept", "Accept-Language", "User-Agent", "Content-Type":
			default:
				next.header.Del(name)
			}
		}
	}
	return next, nil
}
