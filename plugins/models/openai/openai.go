package main

import (
	"context"

	"github.com/ambithost/ambit/plugins/models/openai/chat"
	"github.com/ambithost/ambit/plugins/models/wire"
	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/model"
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
