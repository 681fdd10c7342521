package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ambithost/ambit/plugins/social/moltbook/api"
	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/protocol"
)

const (
	root        = "/api/v1"
	defaultBase = "https://www.moltbook.com"
	defaultKey  = "MOLTBOOK_API_KEY" //nolint:gosec // its name
	patience    = 30 * time.Second
)

// client asks one server, with the key that the host adds.
type client struct {
	h      *sdk.Host
	base   string
	secret string
	pace   pace
}

func newClient(h *sdk.Host) (*client, error) {
	or := func(key, def string) string {
		if v := strings.TrimSpace(h.Config(key)); v != "" {
			return v
		}
		return def
	}
	base := strings.TrimRight(or("base_url", defaultBase), "/")
	u, err := url.Parse(base)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "":
		return nil, protocol.Errorf(protocol.Invalid, "configuration base_url: %q: want a server such as %s, without a path", base, defaultBase)
	case strings.EqualFold(u.Hostname(), "moltbook.com"):
		return nil, protocol.Errorf(protocol.Invalid, "configuration base_url: moltbook.com without www redirects and loses the key; want %s", defaultBase)
	}
	p, err := newPace(or("limits", "live"), or("faster", "1"))
	if err != nil {
		return nil, err
	}
	return &client{h: h, base: base, secret: or("secret", defaultKey), pace: p}, nil
}

// ask is one request of the API.
type ask struct {
	method, path string // the path below root, its segments already checked
	query        url.Values
	body         any
	kind         string // of a limit beside that of all requests: "post", "comment"
	// missing is said instead of the server's own word when it does not know the
	// endpoint; "" where a 404 is about what was asked for.
	missing string
	capture bool // the answer holds the key
}

// do sends a request, unless a limit says that it is too early, and reads the
// answer. What the server refuses is an error that says so in its words.
func (c *client) do(ctx context.Context, a ask) (api.Doc, error) {
	used, err := c.pace.take(ctx, c.h, a)
	if err != nil {
		return nil, err
	}
	req := sdk.Request{Method: a.method, URL: c.base + root + a.path, NoFollow: true, Timeout: patience, Stream: !a.capture,
		Header: sdk.Header{"Accept": {"application/json"}}}
	if len(a.query) > 0 {
		req.URL += "?" + a.query.Encode()
	}
	if a.body != nil {
		if req.Body, err = json.Marshal(a.body); err != nil {
			return nil, protocol.Errorf(protocol.Invalid, "what is sent is no JSON: %v", err)
		}
		req.Header["Content-Type"] = []string{"application/json"}
	}
	if a.capture {
		req.Capture = []sdk.Capture{{Pointer: "/agent/api_key", Secret: c.secret}}
	} else {
		req.Secrets = []sdk.Secret{{Name: c.secret, In: "header", As: "Authorization", Prefix: "Bearer "}}
	}
	resp, err := c.h.HTTP(ctx, req)
	if err != nil {
		switch protocol.CodeOf(err) {
		case protocol.Denied, protocol.Declined, protocol.DryRun, protocol.NotFound: // never sent
			c.pace.giveBack(ctx, c.h, used)
		}
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, api.MaxBytes+1))
	if err != nil {
		return nil, err
	}
	return c.judge(ctx, a, resp, b)
}

// judge turns an answer into its document or an error.
func (c *client) judge(ctx context.Context, a ask, resp *sdk.Response, b []byte) (api.Doc, error) {
	c.pace.heed(ctx, c.h, a, resp.Header)
	doc, parseErr := api.Parse(b)
	good := resp.Status >= 200 && resp.Status < 300
	switch {
	case resp.Status == 204 || good && len(strings.TrimSpace(string(b))) == 0:
		return api.Doc{}, nil
	case good && parseErr != nil:
		return nil, protocol.Errorf(protocol.Failed, "the server answered with status %d, and %v", resp.Status, parseErr)
	case good && doc.Text("success") != "false":
		return doc, nil
	case resp.Status >= 300 && resp.Status < 400:
		return nil, protocol.Errorf(protocol.Failed, "the server redirects elsewhere, which is not followed: the key goes to base_url only. Is base_url right?")
	case resp.Status == 429:
		return nil, c.pace.wait(ctx, c.h, a, resp.Header, doc)
	case resp.Status == 404 && a.missing != "":
		return nil, protocol.Errorf(protocol.NotFound, "%s", a.missing)
	}
	code := protocol.Failed
	switch resp.Status {
	case 404, 410:
		code = protocol.NotFound
	case 400, 409, 422:
		code = protocol.Invalid
	case 401, 403:
		code = protocol.Denied
	}
	said := short(doc.Text("error", "message"), 300)
	if said == "" {
		said = "no reason given"
	}
	if hint := short(doc.Text("hint"), 300); hint != "" {
		said += " (" + hint + ")"
	}
	return nil, protocol.Errorf(code, "the server refused with status %d: %q", resp.Status, said)
}

// segment checks a part of a path.
func segment(what, s string) (string, error) {
	if !api.IsID(s) {
		return "", protocol.Errorf(protocol.Invalid, "%s %.80q: want letters, digits, dashes or underscores", what, s)
	}
	return s, nil
}

// short makes text of strangers one line that is not too long, without what
// hides, reorders or steers a terminal.
func short(s string, limit int) string {
	s = strings.Join(strings.Fields(plain(s)), " ")
	if r := []rune(s); len(r) > limit {
		return string(r[:limit]) + "…"
	}
	return s
}

// plain replaces characters that nobody sees by a mark.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r < 0x20, r >= 0x7f && r < 0xa0, r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f,
			r == 0x2028, r == 0x2029, r == 0xfeff, r >= 0xfff9 && r <= 0xfffb, r >= 0xe0000 && r <= 0xe0fff:
			return '\uFFFD'
		}
		return r
	}, s)
}

func noFeature(what, instead string) string {
	return fmt.Sprintf("this server has no %s: it is of the first generation. %s", what, instead)
}

func number(n int) string { return strconv.Itoa(n) }
