package main

import (
	"context"

	"github.com/ambithost/ambit/plugins/models/ollama/native"
	"github.com/ambithost/ambit/plugins/models/wire"
	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/model"
)

func ollama() sdk.Plugin {
	return sdk.Plugin{Name: "ollama", Version: "0.1.0", Complete: complete}
}

func provider() wire.Provider {
	return wire.Provider{Plugin: "ollama", Base: "http://127.0.0.1:11434", Secret: wire.NoSecret, Header: "Authorization", Prefix: "Bearer "}
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
	options, err := native.ParseOptions(h.Config)
	if err != nil {
		return model.Response{}, err
	}
	body, names := native.Encode(req, options)
	resp, err := s.Post(ctx, h, "/api/chat", body, sdk.Header{"Accept": {"application/x-ndjson, application/json"}})
	if err != nil {
		return model.Response{}, err
	}
	defer resp.Body.Close()
	a := native.NewAnswer(req.Model, names, wire.Emitter(ctx, h, req))
	if err := a.Read(resp.Body); err != nil {
		return model.Response{}, err
	}
	return a.Response()
}
