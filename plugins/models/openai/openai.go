package main

import (
	"context"
	"encoding/json"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/ambithost/ambit/plugins/models/openai/chat"
	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

const (
	defaultBase   = "https://api.openai.com/v1"
	defaultSecret = "OPENAI_API_KEY" //nolint:gosec // its name

	patience = 5 * time.Minute // for one answer, its stream included
	maxError = 64 << 10        // bytes of an error's body that are looked at
)

func openai() sdk.Plugin {
	return sdk.Plugin{Name: "openai", Version: "0.1.0", Complete: complete}
}

// settings is the plugin's configuration.
type settings struct {
	url    string // of the one endpoint used
	host   string
	secret string
	model  string
}

func configure(get func(string) string) (settings, error) {
	or := func(v, def string) string {
		if v = strings.TrimSpace(v); v == "" {
			return def
		}
		return v
	}
	base := strings.TrimRight(or(get("base_url"), defaultBase), "/")
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return settings{}, protocol.Errorf(protocol.Invalid, "configuration base_url: %q is not an http or https URL, such as %s", base, defaultBase)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return settings{}, protocol.Errorf(protocol.Invalid, "configuration base_url: want no user, query or fragment in it; a key belongs into a secret")
	}
	return settings{url: base + "/chat/completions", host: u.Hostname(), secret: or(get("secret"), defaultSecret), model: or(get("model"), "")}, nil
}

// complete answers one request of the host.
func complete(ctx context.Context, h *sdk.Host, req model.Request) (model.Response, error) {
	s, err := configure(h.Config)
	if err != nil {
		return model.Response{}, err
	}
	if req.Model == "" {
		req.Model = s.model
	}
	if req.Model == "" {
		return model.Response{}, protocol.Errorf(protocol.Invalid, "no model is named: run `ambit plugin config openai model=NAME`")
	}
	body, names := chat.Encode(req, s.host)
	resp, err := exchange(ctx, h, s, body)
	if err != nil && body.StreamOptions != nil && chat.Rejects(err, "stream_options") {
		body.StreamOptions = nil // a server that is older than they are
		resp, err = exchange(ctx, h, s, body)
	}
	if err != nil {
		return model.Response{}, err
	}
	defer resp.Body.Close()
	var emit func(string) error
	if req.Stream {
		emit = func(text string) error { return h.Emit(ctx, model.Delta{Text: text}) }
	}
	a := chat.NewAnswer(names, emit)
	if err := a.Read(resp.Body); err != nil {
		return model.Response{}, err
	}
	return a.Response()
}

// exchange sends the request and returns an answer with a good status.
func exchange(ctx context.Context, h *sdk.Host, s settings, body chat.Request) (*sdk.Response, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return nil, protocol.Errorf(protocol.Invalid, "the conversation can't be sent: %v", err)
	}
	accept := "application/json"
	if body.Stream {
		accept = "text/event-stream, application/json"
	}
	r := sdk.Request{
		Method: "POST", URL: s.url, Body: b, Stream: true, Timeout: patience,
		NoFollow: true, // the key and the conversation go to base_url and nowhere else
		Header:   sdk.Header{"Content-Type": {"application/json"}, "Accept": {accept}},
	}
	if s.secret != chat.NoSecret {
		r.Secrets = []sdk.Secret{{Name: s.secret, In: "header", As: "Authorization", Prefix: "Bearer "}}
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
	return nil, chat.StatusError(resp, text, s.host, s.secret)
}
