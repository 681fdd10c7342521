package main

import (
	"context"
	"strings"

	"github.com/ambithost/ambit/plugins/models/openai/chat"
	"github.com/ambithost/ambit/plugins/models/openai/responses"
	"github.com/ambithost/ambit/plugins/models/wire"
	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

func openai() sdk.Plugin {
	return sdk.Plugin{Name: "openai", Version: "0.1.0", Complete: complete}
}

func provider() wire.Provider {
	return wire.Provider{Plugin: "openai", Base: "https://api.openai.com/v1", Secret: "OPENAI_API_KEY", Header: "Authorization", Prefix: "Bearer "} //nolint:gosec // its name
}

// complete answers one request of the host.
func complete(ctx context.Context, h *sdk.Host, req model.Request) (model.Response, error) {
	s, err := provider().Configure(h.Config)
	if err != nil {
		return model.Response{}, err
	}
	if req, err = s.Named(req); err != nil {
		return model.Response{}, err
	}
	switch api, err := apiOf(h.Config("api"), s.Host); {
	case err != nil:
		return model.Response{}, err
	case api == "responses":
		return respond(ctx, h, s, req)
	}
	return chatWith(ctx, h, s, req)
}

// apiOf says which protocol a server speaks: OpenAI's own the newer one, others
// the one that all know.
func apiOf(configured, host string) (string, error) {
	switch api := strings.TrimSpace(configured); api {
	case "responses", "chat":
		return api, nil
	case "":
		if host == "api.openai.com" {
			return "responses", nil
		}
		return "chat", nil
	default:
		return "", protocol.Errorf(protocol.Invalid, "configuration api: %q: want responses or chat", api)
	}
}

func respond(ctx context.Context, h *sdk.Host, s wire.Server, req model.Request) (model.Response, error) {
	body, names := responses.Encode(req)
	header := sdk.Header{"Accept": {wire.Accept(req.Stream)}}
	resp, err := s.Post(ctx, h, "/responses", body, header)
	if err != nil && responses.WantsNoReasoning(err) {
		body.Include = nil
		resp, err = s.Post(ctx, h, "/responses", body, header)
	}
	if err != nil {
		return model.Response{}, err
	}
	defer resp.Body.Close()
	a := responses.NewAnswer(req.Model, names, wire.Emitter(ctx, h, req))
	if err := a.Read(resp.Body); err != nil {
		return model.Response{}, err
	}
	return a.Response()
}

func chatWith(ctx context.Context, h *sdk.Host, s wire.Server, req model.Request) (model.Response, error) {
	body, names := chat.Encode(req, s.Host)
	header := sdk.Header{"Accept": {wire.Accept(req.Stream)}}
	resp, err := s.Post(ctx, h, "/chat/completions", body, header)
	if err != nil && body.StreamOptions != nil && wire.Rejects(err, "stream_options") {
		body.StreamOptions = nil // a server that is older than they are
		resp, err = s.Post(ctx, h, "/chat/completions", body, header)
	}
	if err != nil {
		return model.Response{}, err
	}
	defer resp.Body.Close()
	a := chat.NewAnswer(names, wire.Emitter(ctx, h, req))
	if err := a.Read(resp.Body); err != nil {
		return model.Response{}, err
	}
	return a.Response()
}
