package main

import (
	"context"

	"github.com/ambithost/ambit/plugins/models/anthropic/messages"
	"github.com/ambithost/ambit/plugins/models/wire"
	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/model"
)

// version is the protocol's: docs.anthropic.com/en/api/versioning.
const version = "2023-06-01"

func anthropic() sdk.Plugin {
	return sdk.Plugin{Name: "anthropic", Version: "0.1.0", Complete: complete}
}

func provider() wire.Provider {
	return wire.Provider{Plugin: "anthropic", Base: "https://api.anthropic.com", Secret: "ANTHROPIC_API_KEY", Header: "x-api-key"} //nolint:gosec // its name
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
	thinking, err := messages.ParseThinking(h.Config("thinking"))
	if err != nil {
		return model.Response{}, err
	}
	body, names := messages.Encode(req, thinking)
	resp, err := s.Post(ctx, h, "/v1/messages", body, sdk.Header{"Accept": {wire.Accept(req.Stream)}, "Anthropic-Version": {version}})
	if err != nil {
		return model.Response{}, err
	}
	defer resp.Body.Close()
	a := messages.NewAnswer(req.Model, names, wire.Emitter(ctx, h, req))
	if err := a.Read(resp.Body); err != nil {
		return model.Response{}, err
	}
	return a.Response()
}
