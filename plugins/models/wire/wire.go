// Package wire is what the model plugins share, whatever protocol they speak:
// the exchange with a provider's server ([Provider]), the reading of streams
// ([Body]), the growing answer ([Answer]), names and arguments of tools, and
// one form for every provider's errors ([StatusError], [StreamError]).
//
// What a server sends is untrusted: everything read is capped, and text that
// goes into an error is made plain. A key is only named here; the host adds it.
package wire

import (
	"context"
	"encoding/json"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// NoSecret stands for a server that wants no key.
const NoSecret = "none"

const (
	patience = 5 * time.Minute // for one answer, its stream included
	maxError = 64 << 10        // bytes of an error's body that are looked at
)

// Provider is a kind of server.
type Provider struct {
	Plugin string // the plugin's name, for commands in errors
	Base   string // URL where the protocol begins, unless configured
	Secret string // name of the key, unless configured
	Header string // that carries the key
	Prefix string // of the key in it
}

// Server is one server, as the owner configured it.
type Server struct {
	Provider
	URL  string // without a slash at its end
	Host string
	// Model is used where a request names none; it may be empty.
	Model string
}

// Configure reads base_url, secret and model of the plugin's configuration.
func (p Provider) Configure(get func(string) string) (Server, error) {
	or := func(v, def string) string {
		if v = strings.TrimSpace(v); v == "" {
			return def
		}
		return v
	}
	base := strings.TrimRight(or(get("base_url"), p.Base), "/")
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return Server{}, protocol.Errorf(protocol.Invalid, "configuration base_url: %q is not an http or https URL, such as %s", base, p.Base)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return Server{}, protocol.Errorf(protocol.Invalid, "configuration base_url: want no user, query or fragment in it; a key belongs into a secret")
	}
	s := Server{Provider: p, URL: base, Host: u.Hostname(), Model: or(get("model"), "")}
	s.Secret = or(get("secret"), p.Secret)
	return s, nil
}

// Named fills in the configured model where the request names none.
func (s Server) Named(req model.Request) (model.Request, error) {
	if req.Model == "" {
		req.Model = s.Model
	}
	if req.Model == "" {
		return req, protocol.Errorf(protocol.Invalid, "no model is named: run `ambit plugin config %s model=NAME`", s.Plugin)
	}
	return req, nil
}

// Post sends body as JSON to a path below the server's URL and returns an
// answer with a good status, its body unread. Any other status is an error as
// [StatusError] makes it.
func (s Server) Post(ctx context.Context, h *sdk.Host, path string, body any, header sdk.Header) (*sdk.Response, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return nil, protocol.Errorf(protocol.Invalid, "the conversation can't be sent: %v", err)
	}
	all := sdk.Header{"Content-Type": {"application/json"}}
	for name, values := range header {
		all[name] = values
	}
	r := sdk.Request{
		Method: "POST", URL: s.URL + path, Body: b, Stream: true, Timeout: patience,
		NoFollow: true, // the key and the conversation go to base_url and nowhere else
		Header:   all,
	}
	if s.Secret != NoSecret {
		r.Secrets = []sdk.Secret{{Name: s.Secret, In: "header", As: s.Header, Prefix: s.Prefix}}
	}
	resp, err := h.HTTP(ctx, r)
	if err != nil {
		return nil, err
	}
	if resp.Status >= 200 && resp.Status < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxError))
	if err != nil && len(text) == 0 {
		text = []byte("its explanation could not be read: " + err.Error())
	}
	return nil, StatusError(s, resp, text)
}

// Emitter passes text on to the host while it comes, if the request wants that;
// else it is nil.
func Emitter(ctx context.Context, h *sdk.Host, req model.Request) func(string) error {
	if !req.Stream {
		return nil
	}
	return func(text string) error { return h.Emit(ctx, model.Delta{Text: text}) }
}

// Accept is the header for an answer of that form.
func Accept(stream bool) string {
	if stream {
		return "text/event-stream, application/json"
	}
	return "application/json"
}
