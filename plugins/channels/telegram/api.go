package main

import (
	"context"
	"encoding/json"
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
	maxWait   = time.Hour        // that Telegram may ask for
)

// bot is one bot at one server.
type bot struct {
	h            *sdk.Host
	base, secret string
}

func newBot(h *sdk.Host) (bot, error) {
	b := bot{h: h, base: strings.TrimRight(strings.TrimSpace(h.Config("base_url")), "/"), secret: strings.TrimSpace(h.Config("secret"))}
	if b.base == "" {
		b.base = "https://api.telegram.org"
	}
	if b.secret == "" {
		b.secret = "TELEGRAM_TOKEN" // its name
	}
	u, err := url.Parse(b.base)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return bot{}, protocol.Errorf(protocol.Invalid, "configuration base_url: %q is not an http or https URL without user, query and fragment, such as https://api.telegram.org", b.base)
	}
	return b, nil
}

// request is one with the bot's token in its path, where the host puts it.
func (b bot) request(method, before, path string, query url.Values, timeout time.Duration) sdk.Request {
	u := b.base + before + "/bot{{secret:" + b.secret + "}}/" + path
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	return sdk.Request{Method: method, URL: u, NoFollow: true, Timeout: timeout,
		Secrets: []sdk.Secret{{Name: b.secret, In: "path"}}}
}

// get is a call of a method that changes nothing.
func (b bot) get(ctx context.Context, method string, query url.Values, result any) error {
	return b.do(ctx, method, b.request("GET", "", method, query, patience), result)
}

// call calls a method with arguments in JSON.
func (b bot) call(ctx context.Context, method string, args, result any) error {
	body, err := json.Marshal(args)
	if err != nil {
		return protocol.Errorf(protocol.Invalid, "%s: %v", method, err)
	}
	r := b.request("POST", "", method, nil, patience)
	r.Body, r.Header = body, sdk.Header{"Content-Type": {"application/json"}}
	return b.do(ctx, method, r, result)
}

func (b bot) do(ctx context.Context, method string, r sdk.Request, result any) error {
	r.Stream = true // what has a status was taken, however its body ends
	resp, err := b.h.HTTP(ctx, r)
	if err != nil {
		return err
	}
	return read(method, resp, result)
}

// read takes an answer apart. Its error is a *failure, or about an answer that
// makes no sense.
func read(method string, resp *sdk.Response, result any) error {
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil || len(body) > maxAnswer {
		return nonsense(method, resp.Status, "its end could not be read")
	}
	var a struct {
		OK          bool            `json:"ok"`
		Result      json.RawMessage `json:"result"`
		Description string          `json:"description"`
		Parameters  struct {
			RetryAfter int64 `json:"retry_after"`
		} `json:"parameters"`
	}
	err = json.Unmarshal(body, &a)
	if resp.Status != 200 || err == nil && !a.OK {
		wait := min(max(0, time.Duration(min(a.Parameters.RetryAfter, 1e6))*time.Second), maxWait)
		return &failure{method, resp.Status, incoming.Line(a.Description), wait}
	}
	if err != nil {
		return nonsense(method, resp.Status, "it is no JSON of the Bot API")
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(a.Result, result); err != nil {
		return nonsense(method, resp.Status, "its result has another form")
	}
	return nil
}

func nonsense(method string, status int, why string) error {
	return protocol.Errorf(protocol.Unknown, "%s: the answer (status %d) makes no sense: %s; check base_url", method, status, why)
}

// failure is Telegram's own no.
type failure struct {
	method string
	status int
	said   string
	wait   time.Duration
}

// Error implements error.
func (f *failure) Error() string {
	said := f.said
	if said == "" {
		said = "no reason given"
	}
	return fmt.Sprintf("Telegram answered %s with %d: %s", f.method, f.status, said)
}

func (f *failure) says(words ...string) bool {
	for _, w := range words {
		if strings.Contains(strings.ToLower(f.said), w) {
			return true
		}
	}
	return false
}
