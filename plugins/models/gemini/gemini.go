package main

import (
	"context"
	"net/url"
	"strings"

	"github.com/ambithost/ambit/plugins/models/gemini/generate"
	"github.com/ambithost/ambit/plugins/models/wire"
	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

func gemini() sdk.Plugin {
	return sdk.Plugin{Name: "gemini", Version: "0.1.0", Complete: complete}
}

func provider() wire.Provider {
	return wire.Provider{Plugin: "gemini", Base: "https://generativelanguage.googleapis.com", Secret: "GEMINI_API_KEY", Header: "x-goog-api-key"} //nolint:gosec // its name
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
	path, err := pathOf(req)
	if err != nil {
		return model.Response{}, err
	}
	body, names := generate.Encode(req)
	header := sdk.Header{"Accept": {wire.Accept(req.Stream)}}
	resp, err := s.Post(ctx, h, path, body, header)
	if err != nil && generate.WantsSignatures(err) && body.Vouch() {
		resp, err = s.Post(ctx, h, path, body, header)
	}
	if err != nil {
		return model.Response{}, err
	}
	defer resp.Body.Close()
	a := generate.NewAnswer(req.Model, names, wire.Emitter(ctx, h, req))
	if err := a.Read(resp.Body); err != nil {
		return model.Response{}, err
	}
	return a.Response()
}

// pathOf names the model in the URL, as "models/NAME" unless it has a folder
// already, such as "tunedModels".
func pathOf(req model.Request) (string, error) {
	parts := strings.Split(req.Model, "/")
	if len(parts) == 1 {
		parts = []string{"models", req.Model}
	}
	p := "/v1beta"
	for _, part := range parts {
		if strings.Trim(part, ".") == "" {
			return "", protocol.Errorf(protocol.Invalid, "model %q: want a name, or a folder and a name such as tunedModels/NAME", req.Model)
		}
		p += "/" + url.PathEscape(part)
	}
	if req.Stream {
		return p + ":streamGenerateContent?alt=sse", nil
	}
	return p + ":generateContent", nil
}
