package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/ambithost/ambit/plugins/channels/incoming"
	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/protocol"
)

const (
	patience  = 30 * time.Second // for one request but the long poll
	maxAnswer = 8 << 20          // bytes of one answer
	maxWait   = time.Hour        // that a server may ask for
	client    = "/_matrix/client/v3"
)

// account is one account at one home server.
type account struct {
	h            *sdk.Host
	base, secret string
}

func newAccount(h *sdk.Host) (account, error) {
	a := account{h: h, base: strings.TrimRight(strings.TrimSpace(h.Config("base_url")), "/"), secret: strings.TrimSpace(h.Config("secret"))}
	if a.secret == "" {
		a.secret = "MATRIX_TOKEN" // its name
	}
	u, err := url.Parse(a.base)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return account{}, protocol.Errorf(protocol.Invalid, "configuration base_url: %q is not an http or https URL without user, query and fragment: set it with `ambit plugin config matrix base_url=https://matrix.example.org`", a.base)
	}
	return a, nil
}

func (a account) request(method, path string, query url.Values, timeout time.Duration) sdk.Request {
	u := a.base + path
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	return sdk.Request{Method: method, URL: u, NoFollow: true, Timeout: timeout,
		Secrets: []sdk.Secret{{Name: a.secret, In: "header", As: "Authorization", Prefix: "Bearer "}}}
}

// escape joins the parts of a path; ids hold characters that have a meaning in
// one.
func escape(parts ...string) string {
	p := client
	for _, s := range parts {
		p += "/" + strings.ReplaceAll(url.PathEscape(s), "..", "%2E%2E")
	}
	return p
}

func (a account) get(ctx context.Context, path string, query url.Values, result any) error {
	return a.do(ctx, a.request("GET", path, query, patience), result)
}

func (a account) call(ctx context.Context, method, path string, args, result any) error {
	body, err := json.Marshal(args)
	if err != nil {
		return protocol.Errorf(protocol.Invalid, "%v", err)
	}
	r := a.request(method, path, nil, patience)
	r.Body, r.Header = body, sdk.Header{"Content-Type": {"application/json"}}
	return a.do(ctx, r, result)
}

func (a account) do(ctx context.Context, r sdk.Request, result any) error {
	r.Stream = true // what has a status was taken, however its body ends
	resp, err := a.h.HTTP(ctx, r)
	if err != nil {
		return err
	}
	_, err = read(resp, result)
	return err
}

// read takes an answer apart and returns its body. Its error is a *failure, or
// about an answer that makes no sense.
func read(resp *sdk.Response, result any) ([]byte, error) {
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil || len(body) > maxAnswer {
		return nil, nonsense(resp.Status, "its end could not be read")
	}
	if resp.Status != 200 {
		f := &failure{status: resp.Status}
		var said struct {
			Code  string  `json:"errcode"`
			Error string  `json:"error"`
			Wait  float64 `json:"retry_after_ms"`
		}
		if json.Unmarshal(body, &said) == nil {
			f.code, f.said = incoming.Line(said.Code), incoming.Line(said.Error)
			f.wait = time.Duration(min(max(said.Wait, 0), float64(maxWait.Milliseconds()))) * time.Millisecond
		}
		return nil, f
	}
	if result != nil {
		if err := json.Unmarshal(body, result); err != nil {
			return nil, nonsense(resp.Status, "it is no JSON of the client-server API")
		}
	}
	return body, nil
}

func nonsense(status int, why string) error {
	return protocol.Errorf(protocol.Unknown, "the home server's answer (status %d) makes no sense: %s; check base_url", status, why)
}

// failure is the server's own no.
type failure struct {
	status     int
	code, said string
	wait       time.Duration
}

// Error implements error.
func (f *failure) Error() string {
	said := strings.TrimSpace(f.code + " " + f.said)
	if said == "" {
		said = "no reason given"
	}
	return fmt.Sprintf("the home server answered %d: %s", f.status, said)
}

// refused reports whether the server said no for good: asking again gives the
// same.
func refused(err error) bool {
	f, ok := errors.AsType[*failure](err)
	return ok && f.status >= 400 && f.status < 500 && f.status != 401 && f.status != 408 && f.status != 429
}

// explain says what is wrong for people, what to do about it, and whether it
// will pass by itself.
func (a account) explain(err error) (said string, lasting bool) {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		switch protocol.CodeOf(err) {
		case protocol.Denied, protocol.Declined, protocol.DryRun, protocol.Revoked, protocol.Killed, protocol.NotFound, protocol.Invalid:
			return "Matrix can't be asked: " + incoming.Clip(err.Error(), 500), true
		}
		return "The home server can't be reached: " + incoming.Clip(err.Error(), 500), false
	}
	switch {
	case f.status == 401 || f.status == 403:
		return fmt.Sprintf("%s. The access token is not (or no longer) one of the account: log in again and store the new one with `ambit secret set %s`", f, a.secret), true
	case f.status == 404:
		return fmt.Sprintf("%s. Is base_url a Matrix home server's address for clients?", f), true
	case f.status >= 300 && f.status < 400:
		return fmt.Sprintf("%s. The server redirects, which is not followed: correct base_url", f), true
	}
	return f.Error(), false
}
