package effects

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/ambithost/ambit/host/effects/secret"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

func checkSecretName(name string) error { return secret.CheckName(name) }

// withSecrets runs then inside one secret.use effect per reference, so that
// taking back a secret also ends the request that is about to carry it.
func (x *exchange) withSecrets(ctx context.Context, parent string, refs []secretRef, got []secret.Value, then func(context.Context, []secret.Value) error) error {
	if len(refs) == 0 {
		return then(ctx, got)
	}
	ref, to := refs[0], x.req.url
	origin := x.call.origin()
	origin.Parent = parent
	args, err := encode(map[string]any{"secret": ref, "authority": to.authority(), "scheme": to.scheme})
	if err != nil {
		return err
	}
	return x.call.e.cfg.Gate.Do(ctx, gate.Effect{
		Capability: "secret.use", Actor: x.call.actor(), Plugin: x.call.caller.Plugin, Origin: origin, Args: args,
		Resource:   ref.Name + " to " + to.scheme + "://" + to.authority(),
		Attributes: capability.Attributes{"name": ref.Name, "authority": to.authority(), "place": ref.In},
		Perform: func(ctx context.Context, _ *gate.Flight) error {
			v, err := x.call.e.secret(ctx, ref.Name)
			if err != nil {
				return err
			}
			x.call.e.seen.add(v) // before it can come back
			if ref.In == inSignature {
				x.call.e.seen.addKeys(v)
			}
			return x.withSecrets(ctx, parent, refs[1:], append(got, v), then)
		},
	})
}

func (e *Effects) secret(ctx context.Context, name string) (secret.Value, error) {
	if e.cfg.Secrets == nil {
		return secret.Value{}, protocol.Errorf(protocol.Unavailable, "secret.use: this host has no store of secrets")
	}
	v, err := e.cfg.Secrets.Get(ctx, name)
	if err != nil {
		return secret.Value{}, err
	}
	if v.Len() < secret.MinBytes {
		return secret.Value{}, protocol.Errorf(protocol.Invalid, "secret %s is too short to be kept out of responses", name)
	}
	return v, nil
}

// injected is what of a request can carry a secret, with the secrets in it.
type injected struct {
	header      http.Header
	path, query string // escaped
	body        []byte
}

// inject puts the secrets into copies of header, path, query and body. Errors
// name the secret and the place, never the value.
func (r *httpRequest) inject(values []secret.Value, now time.Time) (injected, error) {
	in := injected{header: r.header.Clone(), path: r.url.path, query: r.url.query, body: r.body}
	for i, ref := range r.secrets {
		raw := values[i].Reveal()
		switch ref.In {
		case "header":
			v := ref.Prefix + string(raw)
			if !httpguts.ValidHeaderFieldValue(v) {
				return in, protocol.Errorf(protocol.Invalid, "secret %s holds characters that no header can", ref.Name)
			}
			in.header.Set(ref.As, v)
		case "path":
			if !plainInPath(raw) {
				return in, protocol.Errorf(protocol.Invalid, "secret %s holds characters that could change which path is meant; want letters, digits and - . _ ~ : @", ref.Name)
			}
			in.path = strings.ReplaceAll(in.path, ref.pathPlaceholder(), string(raw))
		case "query":
			if in.query != "" {
				in.query += "&"
			}
			in.query += url.QueryEscape(ref.As) + "=" + url.QueryEscape(ref.Prefix+string(raw))
		case "body":
			mark := []byte(ref.placeholder())
			if len(in.body)+bytes.Count(in.body, mark)*len(raw) > protocol.MaxArgs { // before it is built
				return in, protocol.Errorf(protocol.Limit, "http.request: with its secrets the body has more than %d bytes", protocol.MaxArgs)
			}
			in.body = bytes.ReplaceAll(in.body, mark, raw)
		}
		clear(raw)
	}
	for i, ref := range r.secrets { // last: what is signed is what is sent
		if ref.In != inSignature {
			continue
		}
		if err := ref.sign(&in, values[i], now); err != nil {
			return in, err
		}
	}
	if len(in.path) > maxURL {
		return in, protocol.Errorf(protocol.Limit, "http.request: with its secrets the path has more than %d bytes", maxURL)
	}
	return in, nil
}

// plainInPath holds a secret to characters that mean themselves in a segment
// of a path: what policy saw of the path around it stays true. Dots alone
// could be a step up.
func plainInPath(raw []byte) bool {
	for _, c := range raw {
		if !unreserved(c) && c != ':' && c != '@' {
			return false
		}
	}
	return len(bytes.Trim(raw, ".")) > 0
}
