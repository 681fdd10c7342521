package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ambithost/ambit/host/cell/hostile"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

// meet installs the plugins and shows what each was given.
func (s *story) meet(ctx context.Context) error {
	s.chapter("1. Plugins are installed. What they ask for is not what they have.")
	local := capability.Scope{Allow: map[string][]string{"hosts": {s.shop.host, s.thief.host}, "schemes": {"http"}}}
	for _, p := range []struct {
		name   string
		config map[string]string
		scopes map[string]capability.Scope
	}{
		{name: "rehearsal", config: map[string]string{"scenario": s.scenario()}},
		{name: "notes"},
		{name: "code"},
		{name: "playbank"},
		{name: "web", scopes: map[string]capability.Scope{"http.request": local}},
	} {
		if err := s.install(ctx, control.PreviewRequest{Name: p.name, Config: p.config}, p.scopes); err != nil {
			return err
		}
	}
	st, err := s.client.Status(ctx)
	if err != nil {
		return err
	}
	s.line("host", "each runs in a process of its own; confinement: %s", s.paint("bold", st.Confinement.Level))
	_, err = s.client.Call(ctx, control.CallRequest{Tool: "notes/write", Args: raw(map[string]any{
		"name": "birthday", "text": "Ann's birthday: the paperback, three of them. Budget 40 USD. Do not tell Ann.",
	})})
	return err
}

// install previews a plugin and grants what it asks for, narrowed by scopes.
func (s *story) install(ctx context.Context, req control.PreviewRequest, scopes map[string]capability.Scope) error {
	p, err := s.client.PreviewInstall(ctx, req)
	if err != nil {
		return err
	}
	in := control.InstallRequest{Preview: p.ID, Digest: p.Digest}
	var asks []string
	for _, r := range p.Requires {
		w := control.GrantWish{Capability: r.Capability}
		if scope, ok := scopes[r.Capability]; ok {
			w.Scope = &scope
		}
		in.Grants = append(in.Grants, w)
		asks = append(asks, r.Capability)
	}
	if _, err := s.client.Install(ctx, in); err != nil {
		return err
	}
	s.line("owner", "installs %-9s (%s, unsigned) and grants %s", p.Name, p.Runtime, strings.Join(asks, ", "))
	return nil
}

// deal is the turn in which the agent meets a page that talks to it.
func (s *story) deal(ctx context.Context) error {
	s.chapter("2. The agent works, and is talked into something.")
	t, err := s.say(ctx, fmt.Sprintf("Read my note birthday, look at %s/deal, work out what they cost and note it.", s.shop.url))
	if err != nil {
		return err
	}
	return errors.Join(
		must(t.status["notes/read"] == "done", "the note was not read: %v", t.status),
		must(t.seen("web/fetch", "denied"), "sending the notes out was not denied: %v", t.results),
		must(t.status["playbank/charge"] == "declined", "the charge was not declined: %v", t.status),
		must(t.status["code/run"] == "done" && t.status["notes/write"] == "done", "the work was not done: %v", t.status),
		must(s.thief.hits.Load() == 0, "the notes were sent out"),
	)
}

// revoke ends a grant while it is used.
func (s *story) revoke(ctx context.Context) error {
	s.chapter("3. A grant is taken back while it is used.")
	done := make(chan error, 1)
	go func() {
		select {
		case <-s.shop.slow:
		case <-ctx.Done():
			done <- context.Cause(ctx)
			return
		}
		rev, err := s.client.Revoke(ctx, control.RevokeRequest{Plugin: "web", Capability: "http.request"})
		if err == nil {
			s.line("owner", "revokes http.request from web: %d in flight cancelled, after %s", rev.Cancelled, micros(rev.Micros))
			err = must(rev.Cancelled == 1, "%d effects were cancelled by the revocation, not one", rev.Cancelled)
		}
		done <- err
	}()
	t, err := s.say(ctx, fmt.Sprintf("Watch %s/slow for me.", s.shop.url))
	if err := errors.Join(err, <-done); err != nil {
		return err
	}
	hits := s.shop.hits.Load()
	return must(hits == 2 && len(t.results) == 2, "after the revocation the shop was reached: %d hits, results %v", hits, t.results)
}

// evade runs a module that no interpreter check can interrupt.
func (s *story) evade(ctx context.Context) error {
	s.chapter("4. A plugin does not want to stop.")
	dir := filepath.Join(s.home, "evader")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for name, b := range map[string][]byte{"plugin.yaml": []byte(evader), "evader.wasm": hostile.Evading()} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			return err
		}
	}
	if err := s.install(ctx, control.PreviewRequest{Path: dir}, nil); err != nil {
		return err
	}
	s.line("evader", "is called: two to the power of 35 calls without one loop, so nothing inside a process could interrupt it")
	called := make(chan error, 1)
	go func() {
		_, err := s.client.Call(ctx, control.CallRequest{Tool: "evader/think"})
		called <- err
	}()
	if err := s.running(ctx, "evader", called); err != nil {
		return err
	}
	r, err := s.client.Call(ctx, control.CallRequest{Tool: "code/run", Args: raw(map[string]any{"language": "starlark", "code": "result = 6 * 7"})})
	if err != nil {
		return err
	}
	s.line("code", "meanwhile answers in %s: 6 * 7, %s", micros(r.Micros), strings.TrimSpace(r.Text))
	k, err := s.client.Kill(ctx, "plugin:evader", "it spins")
	if err != nil {
		return err
	}
	s.line("owner", "kills evader: %s in %s", s.paint("good", fmt.Sprintf("%d cell dead", k.Cells)), micros(k.Micros))
	err = <-called
	return errors.Join(must(k.Cells == 1, "%d cells were killed, not one", k.Cells), must(protocol.CodeOf(err) == protocol.Killed, "its caller got %v", err))
}

// running waits until one cell of a plugin has worked for a while.
func (s *story) running(ctx context.Context, name string, ended <-chan error) error {
	for cell := 0; ; {
		p, err := s.client.Plugin(ctx, name)
		if err != nil {
			return err
		}
		if p.PID != 0 && p.PID == cell {
			return nil
		}
		cell = p.PID
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-ended:
			return fmt.Errorf("%w: %s ended by itself: %w", errStory, name, err)
		case <-time.After(300 * time.Millisecond): // deep in its work
		}
	}
}

// kill pulls the switch, and shows that it outlives the host.
func (s *story) kill(ctx context.Context) error {
	s.chapter("5. The kill switch.")
	k, err := s.client.Kill(ctx, "all", "enough for today")
	if err != nil {
		return err
	}
	s.line("owner", "ambit kill: %d cells dead in %s", k.Cells, micros(k.Micros))
	if err := s.stop(); err != nil {
		return err
	}
	s.stop = nil
	if err := s.start(ctx); err != nil {
		return err
	}
	_, err = s.client.Call(ctx, control.CallRequest{Tool: "notes/list"})
	if err := must(protocol.CodeOf(err) == protocol.Killed, "a killed host came back alive: %v", err); err != nil {
		return err
	}
	s.line("host", "is started again and is still stopped: %s", s.paint("bad", err.Error()))
	if _, err := s.client.Resume(ctx, "all"); err != nil {
		return err
	}
	r, err := s.client.Call(ctx, control.CallRequest{Tool: "notes/list"})
	if err != nil {
		return err
	}
	s.line("owner", "ambit resume; notes answers again, and has kept its %d notes", strings.Count(r.Text, "\n"))
	return nil
}

// prove verifies the log, then a copy with one byte changed.
func (s *story) prove(ctx context.Context) error {
	s.chapter("6. The record.")
	v, err := s.client.VerifyAudit(ctx, control.VerifyRequest{})
	if err != nil {
		return err
	}
	if err := must(v.OK, "the audit log does not verify: %v", v.Problems); err != nil {
		return err
	}
	s.line("audit", "%s, root %.12s…", s.paint("good", fmt.Sprintf("%d entries verified", v.Entries)), v.Root)
	dir := filepath.Join(s.home, "copy")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(s.home, "audit"))); err != nil {
		return err
	}
	if err := tamper(dir); err != nil {
		return err
	}
	if v, err = s.client.VerifyAudit(ctx, control.VerifyRequest{Folder: dir}); err != nil {
		return err
	}
	if err := must(!v.OK && len(v.Problems) > 0, "a changed byte went unnoticed"); err != nil {
		return err
	}
	s.line("someone", "changes “declined” to “approvd!” in a copy of it")
	s.line("audit", "%s: %s", s.paint("bad", "the copy does not verify"), strings.ReplaceAll(v.Problems[0], dir, "copy"))
	return nil
}

// tamper changes one word in the log's entries, as someone would who wants the
// record to say that the owner agreed.
func tamper(dir string) error {
	changed := false
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path) //nolint:gosec // the demo's own folder
		if err != nil || !strings.Contains(string(b), `"declined"`) {
			return err
		}
		changed = true
		return os.WriteFile(path, []byte(strings.Replace(string(b), `"declined"`, `"approvd!"`, 1)), 0o600)
	})
	return errors.Join(err, must(changed, "no entry says declined"))
}

const evader = `manifest: 1
name: evader
version: 0.0.1
description: Thinks for a very long time.
runtime: wasm
module: evader.wasm
kinds: [tool]
tools:
  - name: think
    description: Thinks.
    input: {type: object, properties: {}}
`

func raw(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("null")
	}
	return b
}

func micros(us int64) string {
	return (time.Duration(us) * time.Microsecond).Round(10 * time.Microsecond).String()
}
