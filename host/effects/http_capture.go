package effects

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/ambithost/ambit/host/effects/secret"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

// captureRef asks the host to keep a value of the answer as a secret of that
// name. Some services hand out a key in an answer; this way the plugin that asks
// for one never sees it.
type captureRef struct {
	Pointer string `json:"json_pointer"` // RFC 6901
	Secret  string `json:"secret"`
}

// SecretKeeper is what [Config.Secrets] implement if values of answers can be
// kept there. Add refuses a name that is taken.
type SecretKeeper interface {
	Add(ctx context.Context, name string, value []byte) error
}

const (
	maxCaptures    = 4
	maxCaptureBody = 1 << 20
	minCaptured    = 20
)

// errNothingKept ends a secret.store whose request succeeded without an answer
// to keep anything of: the server refused.
var errNothingKept = protocol.Errorf(protocol.Failed, "secret.store: the server's answer held nothing to keep")

func badCapture(format string, v ...any) error {
	return protocol.Errorf(protocol.Invalid, "http.request: capture: "+format, v...)
}

// checkCaptures checks the references, not what they lead to.
func checkCaptures(refs []captureRef, streamed bool) error {
	if len(refs) > maxCaptures {
		return protocol.Errorf(protocol.Limit, "http.request: more than %d captures", maxCaptures)
	}
	if len(refs) > 0 && streamed {
		return badCapture("a streamed answer or upload can't be searched for what to keep")
	}
	seen := map[string]bool{}
	for _, r := range refs {
		if err := checkSecretName(r.Secret); err != nil {
			return err
		}
		if seen[r.Secret] {
			return badCapture("%s is named twice", r.Secret)
		}
		seen[r.Secret] = true
		if len(r.Pointer) > 256 || !strings.HasPrefix(r.Pointer, "/") || badName(r.Pointer) {
			return badCapture("%s: want a JSON pointer such as /agent/api_key", r.Secret)
		}
	}
	return nil
}

// withCaptures runs then inside one secret.store effect per reference. They are
// decided before the request is sent: an answer whose key can't be kept would be
// lost. A name that is taken is refused, so that no server can put another key in
// the place of one that the owner has.
func (x *exchange) withCaptures(ctx context.Context, parent string, refs []captureRef, then func(context.Context) error) error {
	if len(refs) == 0 {
		return then(ctx)
	}
	ref, from := refs[0], x.req.url
	origin := x.call.origin()
	origin.Parent = parent
	args, err := encode(map[string]any{"capture": ref, "authority": from.authority(), "scheme": from.scheme})
	if err != nil {
		return err
	}
	err = x.call.e.cfg.Gate.Do(ctx, gate.Effect{
		Capability: "secret.store", Actor: x.call.actor(), Plugin: x.call.caller.Plugin, Origin: origin, Args: args,
		Resource:   ref.Secret + " from " + from.scheme + "://" + from.authority(),
		Attributes: capability.Attributes{"name": ref.Secret, "authority": from.authority()},
		Perform: func(ctx context.Context, f *gate.Flight) error {
			free, err := x.call.e.reserve(ctx, ref.Secret)
			if err != nil {
				f.Untouched()
				return err
			}
			defer free()
			err = x.withCaptures(ctx, parent, refs[1:], then)
			if !x.captured {
				f.Untouched()
				if err == nil {
					return errNothingKept
				}
			}
			return err
		},
	})
	if errors.Is(err, errNothingKept) {
		return nil
	}
	return err
}

// reserve makes sure that a name is free, and keeps it for one request.
func (e *Effects) reserve(ctx context.Context, name string) (free func(), err error) {
	if _, ok := e.cfg.Secrets.(SecretKeeper); !ok {
		return nil, protocol.Errorf(protocol.Unavailable, "secret.store: this host has no store that secrets can be added to")
	}
	if _, taken := e.capturing.LoadOrStore(name, true); taken {
		return nil, protocol.Errorf(protocol.Limit, "secret.store: another request is about to fill the secret %s", name)
	}
	free = func() { e.capturing.Delete(name) }
	switch _, err := e.cfg.Secrets.Get(ctx, name); {
	case err == nil:
		free()
		return nil, protocol.Errorf(protocol.Denied, "secret.store: there is a secret %s already, and nothing but its owner replaces one: ambit secret remove %s", name, name)
	case protocol.CodeOf(err) != protocol.NotFound:
		free()
		return nil, err
	}
	return free, nil
}

// capture reads an answer whole, takes out of it what is to be kept and gives
// the rest on. An answer that says all is well and does not hold the value in its
// place is withheld: the key may stand anywhere in it.
func (x *exchange) capture(ctx context.Context, s *stream, resp *http.Response) error {
	plain, err := s.decoded(resp)
	if err != nil {
		return err
	}
	raw, err := io.ReadAll(io.LimitReader(plain, maxCaptureBody+1))
	if err != nil {
		return s.fail(err)
	}
	if len(raw) > maxCaptureBody {
		return protocol.Errorf(protocol.Limit, "http.request: capture: the answer has more than %d bytes", maxCaptureBody)
	}
	values, found, err := x.lookUp(s.red, raw)
	fine := resp.StatusCode >= 200 && resp.StatusCode < 300
	switch {
	case fine && err != nil:
		return protocol.Errorf(protocol.Failed, "http.request: %s answered with status %d and not as expected, so its answer is withheld, with the key that it may hold: %v", x.req.url.authority(), resp.StatusCode, err)
	case !fine && found:
		return protocol.Errorf(protocol.Failed, "http.request: %s refused with status %d and a value where the key would stand; the answer is withheld", x.req.url.authority(), resp.StatusCode)
	case fine:
		if err := x.keepAll(ctx, values); err != nil {
			return err
		}
		x.captured = true
		s.red = x.call.e.seen.redactor()
	}
	clear(values)
	resp.Body = io.NopCloser(bytes.NewReader(raw))
	resp.Header.Del("Content-Length")
	result, err := s.head(resp)
	if err != nil {
		return err
	}
	if err := s.buffer(result, x.call.e.http.cfg.MaxBody); err != nil {
		return err
	}
	x.result = result
	return nil
}

// lookUp finds the values that are to be kept. Errors never quote the answer.
func (x *exchange) lookUp(red *redactor, raw []byte) (values [][]byte, found bool, err error) {
	var doc any
	if checkJSON(raw, maxCaptureBody, maxDepth) != nil || json.Unmarshal(raw, &doc) != nil {
		return nil, false, errors.New("it is not one JSON value without keys that occur twice")
	}
	for _, ref := range x.req.captures {
		v, ok := pointed(doc, ref.Pointer)
		text, isText := v.(string)
		found = found || ok
		switch {
		case !ok || !isText:
			err = errors.Join(err, errors.New("there is no text at "+ref.Pointer))
		case !likeAKey(text):
			err = errors.Join(err, errors.New("what stands at "+ref.Pointer+" does not look like a key"))
		case red.finds(text):
			// Sent by one plugin to be kept for another, or under another name for
			// hosts that it was not granted to.
			err = errors.Join(err, errors.New("what stands at "+ref.Pointer+" is a secret that this host has already"))
		default:
			values = append(values, []byte(text))
		}
	}
	return values, found, err
}

// keepAll stores the values and has them redacted from now on, in this answer
// too. Redaction comes first: what is known and not stored is at worst lost.
func (x *exchange) keepAll(ctx context.Context, values [][]byte) error {
	keeper, ok := x.call.e.cfg.Secrets.(SecretKeeper)
	if !ok {
		return protocol.Errorf(protocol.Unavailable, "secret.store: this host has no store that secrets can be added to")
	}
	for i, raw := range values {
		v, err := secret.NewValue(raw)
		if err != nil {
			return err
		}
		x.call.e.seen.add(v)
		if err := keeper.Add(ctx, x.req.captures[i].Secret, raw); err != nil {
			return protocol.Errorf(protocol.Failed, "secret.store: the server has answered, and its key for %s could not be kept and is lost: %s", x.req.captures[i].Secret, protocol.AsError(x.call.e.unavailable("secret.store", err)).Message)
		}
		clear(raw)
	}
	return nil
}

// likeAKey tells what a bearer token can be made of (RFC 6750, section 2.1) and
// common text is not. Whatever is kept is cut out of all later answers of all
// servers: one that could choose "application/json" could blind every plugin.
func likeAKey(s string) bool {
	const letters, digits = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
	return len(s) >= minCaptured && len(s) <= secret.MaxBytes && strings.Trim(s, letters+digits+"-._~+/=") == "" &&
		strings.ContainsAny(s, letters) && strings.ContainsAny(s, digits)
}

// pointed follows a JSON pointer.
func pointed(doc any, pointer string) (any, bool) {
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	for _, token := range strings.Split(pointer, "/")[1:] {
		token = unescape.Replace(token)
		switch at := doc.(type) {
		case map[string]any:
			next, ok := at[token]
			if !ok {
				return nil, false
			}
			doc = next
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(at) || strconv.Itoa(i) != token {
				return nil, false
			}
			doc = at[i]
		default:
			return nil, false
		}
	}
	return doc, true
}
