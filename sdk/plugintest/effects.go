package plugintest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/protocol"
)

// maxTries is how often a plugin may come back after the same refusal within
// one call.
const maxTries = 32

// patience is when the suite stops waiting for a call that should have ended.
const patience = time.Minute

// continuations belong to an effect that was let through, or to the call.
var continuations = []string{protocol.StreamRead, protocol.StreamWrite, protocol.StreamClose, protocol.Emit, "http.response"}

func checkEffects(s *suite) error {
	calls, err := s.good()
	if err != nil {
		return err
	}
	var g gather
	for _, c := range calls {
		watch := func(ctx context.Context, name string, args []byte) ([]byte, error) {
			if err := within(s.cfg.Manifest, name, args); err != nil {
				g.add("%s: %w", c.name, err)
			}
			return s.world(ctx, name, args)
		}
		_, _ = s.plugin.Call(s.ctx, c.export, c.input, watch, func([]byte) {}) // duties 6 and 13 are about the result
	}
	return g.err()
}

// within says whether an effect is one that the manifest asks for.
func within(m *manifest.Manifest, name string, args []byte) error {
	if slices.Contains(continuations, name) {
		return nil
	}
	if name == "secret.use" {
		return fmt.Errorf("effect secret.use: a plugin never reads a secret, it names one in an http.request")
	}
	r, ok := m.Requirement(name)
	if !ok {
		return fmt.Errorf("effect %s: the manifest does not require it", name)
	}
	var a effectArgs
	if err := json.Unmarshal(args, &a); err != nil {
		return fmt.Errorf("effect %s: arguments are not JSON: %w", name, err)
	}
	for _, secret := range a.Secrets {
		use, ok := m.Requirement("secret.use")
		if !ok {
			return fmt.Errorf("effect %s uses secret %q: the manifest does not require secret.use", name, secret.Name)
		}
		if names := use.Scope.Allow["names"]; !slices.Contains(names, secret.Name) && !slices.Contains(names, capability.Any) && !configured(names) {
			return fmt.Errorf("effect %s uses secret %q: the manifest names %v", name, secret.Name, names)
		}
	}
	for _, capture := range a.Capture {
		if keep, ok := m.Requirement("secret.store"); !ok || !slices.Contains(keep.Scope.Allow["names"], capture.Secret) && !configured(keep.Scope.Allow["names"]) {
			return fmt.Errorf("effect %s captures the secret %q: the manifest does not require secret.store for it", name, capture.Secret)
		}
	}
	c, known := capability.Lookup(name)
	attrs, told := attributes(name, a)
	for _, list := range r.Scope.Allow {
		told = told && !configured(list)
	}
	if !known || !told {
		return nil
	}
	if ok, why := c.Covers(r.Scope, attrs); !ok {
		return fmt.Errorf("effect %s is beyond the manifest's scope: %s", name, why)
	}
	return nil
}

// configured tells a scope that only the owner's configuration completes.
func configured(list []string) bool {
	return slices.ContainsFunc(list, func(e string) bool { return strings.Contains(e, "${config.") })
}

// attributes are the facts about an effect that a scope is compared with, for
// the effects whose arguments tell them.
func attributes(name string, a effectArgs) (capability.Attributes, bool) {
	switch name {
	case "http.request":
		u, err := url.Parse(a.URL)
		if err != nil {
			return nil, false
		}
		authority := strings.ToLower(u.Host)
		if u.Scheme == "https" {
			authority = strings.TrimSuffix(authority, ":443")
		} else if u.Scheme == "http" {
			authority = strings.TrimSuffix(authority, ":80")
		}
		return capability.Attributes{"method": a.Method, "scheme": u.Scheme, "authority": authority, "path": u.EscapedPath()}, true
	case "file.read", "file.write":
		return capability.Attributes{"path": strings.TrimSuffix(a.Path, "/")}, true
	case "kv.read", "kv.write":
		if a.Prefix != nil {
			a.Key = *a.Prefix
		}
		return capability.Attributes{"key": a.Key}, true
	case "tool.call":
		return capability.Attributes{"tool": a.Tool}, true
	case "message.send":
		return capability.Attributes{"to": a.To}, true
	}
	return nil, false
}

// reason is what a refusal says; a plugin repeats it.
const reason = "the test's owner does not allow this"

func refuse(tries *atomic.Int64) Effect {
	return func(_ context.Context, name string, _ []byte) ([]byte, error) {
		tries.Add(1)
		return nil, protocol.Errorf(protocol.Denied, "%s: %s", name, reason)
	}
}

func checkDenied(s *suite) error {
	calls, err := s.good()
	if err != nil {
		return err
	}
	var g gather
	for _, c := range calls {
		if c.export != protocol.ExportCall {
			continue
		}
		var tries atomic.Int64
		out, err := s.bounded(s.ctx, c, refuse(&tries))
		switch n := tries.Load(); {
		case n > maxTries:
			g.add("%s tried a denied effect %d times", c.name, n)
		case n == 0: // nothing was denied
		case err != nil:
			g.add("%s: want a result that tells of the denial, got an error: %w", c.name, err)
		default:
			r, err := parseResult(out)
			g.check(err)
			if err == nil && !strings.Contains(r.text(), reason) {
				g.add("%s was denied an effect and does not say so: %.300s", c.name, r.text())
			}
		}
		g.check(s.usable("a denied effect of " + c.name))
	}
	return g.err()
}

// bounded is a call whose effects end after a while, so that a plugin that
// tries for ever fails its duty instead of the test's time.
func (s *suite) bounded(ctx context.Context, c goodCall, effect Effect) ([]byte, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var made atomic.Int64
	type answer struct {
		out []byte
		err error
	}
	done := make(chan answer, 1)
	go func() {
		out, err := s.plugin.Call(ctx, c.export, c.input, func(ctx context.Context, name string, args []byte) ([]byte, error) {
			if made.Add(1) > 1000 {
				cancel(protocol.Errorf(protocol.Limit, "more than 1000 effects"))
				<-ctx.Done()
				return nil, context.Cause(ctx)
			}
			return effect(ctx, name, args)
		}, func([]byte) {})
		done <- answer{out, err}
	}()
	watchdog := time.NewTimer(patience)
	defer watchdog.Stop()
	select {
	case a := <-done:
		if made.Load() > 1000 {
			return nil, protocol.Errorf(protocol.Internal, "%s made more than 1000 effects", c.name)
		}
		return a.out, a.err
	case <-watchdog.C:
		return nil, protocol.Errorf(protocol.Internal, "%s did not end", c.name)
	}
}

func checkNonsense(s *suite) error {
	calls, err := s.good()
	if err != nil {
		return err
	}
	var g gather
	for _, c := range calls {
		for _, nonsense := range []string{`null`, `{}`, `[]`, `"x"`, `{"status":"x"}`, `{"handle":1,"status":200}`, `{"body_base64":"?"}`, `{`, ``} {
			answer := func(context.Context, string, []byte) ([]byte, error) { return []byte(nonsense), nil }
			if _, err := s.bounded(s.ctx, c, answer); trapped(err) {
				g.add("%s when every effect is answered by %q: %w", c.name, nonsense, err)
			}
			g.check(s.usable(fmt.Sprintf("%s got the answer %q", c.name, nonsense)))
		}
	}
	return g.err()
}

func checkGone(s *suite) error {
	calls, err := s.good()
	if err != nil {
		return err
	}
	var g gather
	for _, c := range calls {
		ctx, cancel := context.WithCancel(s.ctx)
		var after atomic.Int64
		_, err := s.bounded(ctx, c, func(ctx context.Context, name string, _ []byte) ([]byte, error) {
			cancel()
			after.Add(1)
			return nil, protocol.Errorf(protocol.Timeout, "%s: %v", name, ctx.Err())
		})
		cancel()
		if n := after.Load(); n > maxTries {
			g.add("%s tried %d more effects when its caller was gone", c.name, n)
		}
		if protocol.CodeOf(err) == protocol.Internal && err != nil {
			g.add("%s: %w", c.name, err)
		}
	}
	return g.err()
}
