// Package host builds Ambit's parts and runs them: it is the one place of
// wiring. Open makes a [Host] of a home folder, [Host.Serve] answers the
// control API until told to stop, [Host.Close] ends everything in order.
//
// Guarantees: one host a home; whatever fails while a host is put together
// leaves nothing running; a host that was killed comes back killed.
package host

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/channel"
	"github.com/ambithost/ambit/host/clock"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/host/effects"
	"github.com/ambithost/ambit/host/effects/secret"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/notebook"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/host/skill"
	"github.com/ambithost/ambit/host/store"
	"github.com/ambithost/ambit/host/webhook"
	"github.com/ambithost/ambit/registry"
)

// Host is everything of one home, running.
type Host struct {
	cfg     Config
	file    File
	log     hclog.Logger
	zone    *time.Location
	started time.Time

	lock     *control.HomeLock
	state    *store.Store
	payloads *store.Payloads
	audit    *audit.Log
	policy   *policy.Engine
	registry *registry.Store
	plugins  *catalogue
	cells    *cells
	gate     *gate.Gate
	secrets  *secret.Store
	effects  *effects.Effects
	skills   *skill.Store
	notebook *notebook.Keeper
	agents   map[string]*agent.Agent
	channels *channel.Service
	webhooks *webhook.Server // nil: none are listened for
	serving  sync.WaitGroup  // of webhooks
	answers  answers
	previews previews

	publishers  publishers
	revocations revocations
	downloads   downloads
	installing  sync.Mutex // held while what is installed is changed

	ownerSeen  atomic.Int64 // Unix microseconds
	seenKept   atomic.Int64 // that of which is stored
	allowances allowances
	verified   atomic.Int64
	notices    notices
	recent     recent
	closers    []func() error // in the order of opening
	closing    sync.Once
	closed     error
}

// Open builds a host. It fails when another host has the home, when the audit
// log or the policy can't be read, or when a setting is wrong; the error says
// which and what to do.
func Open(ctx context.Context, cfg Config) (h *Host, err error) {
	if cfg.Logger == nil {
		cfg.Logger = hclog.NewNullLogger()
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}
	h = &Host{cfg: cfg, log: cfg.Logger, started: time.Now(), agents: map[string]*agent.Agent{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.Close())
			h = nil
		}
	}()
	for _, step := range []func(context.Context) error{
		h.openHome, h.openState, h.openAudit, h.openPolicy, h.openPlugins, h.openSkills, h.openGate, h.openEffects, h.openAgents, h.openChannels, h.openWebhooks, h.recordStart, h.followRevocations,
	} {
		if err := step(ctx); err != nil {
			return h, err
		}
	}
	return h, nil
}

// path is a file or folder of the home.
func (h *Host) path(name string) string { return filepath.Join(h.cfg.Home, name) }

// now is the time that decisions go by. How long something took is measured by
// the machine's.
func (h *Host) now() time.Time { return h.cfg.Clock.Now() }

func (h *Host) onClose(fn func() error) { h.closers = append(h.closers, fn) }

func (h *Host) openHome(context.Context) (err error) {
	if h.lock, err = control.Lock(h.cfg.Home); err != nil {
		return err
	}
	h.onClose(h.lock.Close)
	h.cfg.Home = h.lock.Home()
	if h.file, err = readFile(h.cfg.Home); err != nil {
		return err
	}
	h.zone, err = h.file.location()
	return err
}

func (h *Host) openState(ctx context.Context) (err error) {
	if h.state, err = store.Open(ctx, h.path("state.db")); err != nil {
		return err
	}
	h.onClose(h.state.Close)
	h.payloads = h.state.Payloads()
	h.onClose(h.payloads.Close)
	return h.loadSeen(ctx)
}

func (h *Host) openAudit(ctx context.Context) (err error) {
	h.audit, err = audit.Open(ctx, audit.Config{Dir: h.path("audit"), Payloads: h.payloads, Now: h.now, Logger: h.log.Named("audit")})
	if err != nil {
		return err
	}
	h.onClose(h.audit.Close)
	h.recent.log = h.audit
	h.onClose(h.recent.close)
	return nil
}

func (h *Host) openPolicy(ctx context.Context) (err error) {
	folder := h.path("policy")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("policy folder: %w", err)
	}
	if err := h.openOrganisation(ctx); err != nil {
		return err
	}
	if err := policy.Recover(folder); err != nil {
		return fmt.Errorf("finish putting policies in force: %w", err)
	}
	h.policy, err = policy.Open(ctx, policy.Config{
		Layers: append(h.orgLayer(), policy.Layer{Name: "owner", Dir: folder}), Logger: h.log.Named("policy"), OnChange: h.policyChanged,
	})
	if err != nil {
		return err
	}
	h.onClose(h.policy.Close)
	h.keepRevision()
	h.followOrganisation(ctx)
	return h.policy.Watch(context.WithoutCancel(ctx)) // until Close
}

// policyChanged records a new set, or why it was not taken.
func (h *Host) policyChanged(revision string, err error) {
	r := audit.Record{Kind: audit.Policy, Actor: "owner", Revision: revision, Status: "done"}
	h.notices.clear("policy")
	if err == nil {
		h.keepRevision()
	}
	if err != nil {
		r.Status, r.Detail = "refused", err.Error()
		h.notices.set("policy", control.Notice{Message: "The newest policy files are not in force: " + err.Error(), Hint: "ambit policy check"})
	}
	if _, err := h.audit.Append(context.Background(), r, nil, true); err != nil {
		h.log.Error("a policy change can't be recorded", "error", err)
	}
}

func (h *Host) openPlugins(ctx context.Context) (err error) {
	if h.registry, err = registry.Open(h.path("plugins"), h.path("ambit.lock")); err != nil {
		return err
	}
	if err := h.registry.Sweep(h.now()); err != nil {
		return err
	}
	if h.publishers.open(h.path("publishers.json")); h.publishers.err != nil {
		h.notices.set("publishers", control.Notice{Message: "Nothing can be installed from a registry: " + h.publishers.err.Error(), Hint: "restore " + h.path("publishers.json") + ", or move it away to begin anew"})
	}
	h.openRevocations()
	h.plugins = &catalogue{registry: h.registry, state: h.state, revoked: h.revocations.entry, changed: h.noteRevoked}
	if h.cells, err = openCells(h); err != nil {
		return err
	}
	h.onClose(h.cells.Close)
	h.plugins.isolation = h.cells.isolation
	if err := h.plugins.reload(ctx); err != nil {
		return err
	}
	for _, p := range *h.plugins.plugins.Load() {
		h.revocations.news(p.entry, p.barred) // recorded when it was found
	}
	return nil
}

func (h *Host) openGate(ctx context.Context) (err error) {
	if err := h.openAllowances(); err != nil {
		return err
	}
	h.gate, err = gate.Open(ctx, gate.Config{
		Policy: h.policy, Audit: h.audit, Store: h.state, Plugins: h.plugins, Cells: h.cells, Logger: h.log, Clock: h.cfg.Clock,
		OwnerSeen: h.seen, Zone: h.zone, ApprovalTTL: time.Duration(h.file.ApprovalMinutes) * time.Minute, Notify: h.approvalChanged,
		Standing: h.allowances.standing,
	})
	if err == nil {
		h.onClose(h.gate.FlushTally)
		h.answers.open()
		h.onClose(h.answers.Close)
	}
	return err
}

func (h *Host) openEffects(ctx context.Context) (err error) {
	h.secrets, err = secret.Open(ctx, secret.Config{Dir: h.path("secrets"), Keyring: true, Logger: h.log.Named("secrets")})
	if err != nil {
		return err
	}
	if h.notebook, err = notebook.New(notebook.Config{Index: h.state, Folder: h.notesFolder, Default: DefaultAgent, Now: h.now}); err != nil {
		return err
	}
	h.effects, err = effects.New(effects.Config{
		Gate: h.gate, Plugins: h.plugins, Cells: h.cells, KV: h.state, Messenger: h, Secrets: h.secrets, Approvals: h.gate, Schedules: timetable{h}, Memory: h.notebook, Delegates: delegates{h}, Skills: library{h},
		Workspace: h.workspace, DefaultModel: h.modelFor, Cost: h.modelCost, OwnerSeen: h.seen, Zone: h.zone, Now: h.now, Logger: h.log,
	})
	return err
}

// workspace is the folder of an agent's files. What the owner does directly
// is done in the default agent's.
func (h *Host) workspace(name string) (string, error) { return h.agentFolder(name, "workspace") }

// notesFolder is where an agent's notes are: beside its workspace, so that
// nothing that writes files there reaches them.
func (h *Host) notesFolder(name string) (string, error) { return h.agentFolder(name, "memory") }

func (h *Host) agentFolder(name, folder string) (string, error) {
	if name == "" {
		name = DefaultAgent
	}
	if _, ok := h.file.Agents[name]; !ok {
		return "", fmt.Errorf("there is no agent %q", name)
	}
	dir := h.path(filepath.Join("agents", name, folder))
	return dir, os.MkdirAll(dir, 0o700)
}

func (h *Host) seen() time.Time {
	if us := h.ownerSeen.Load(); us != 0 {
		return time.UnixMicro(us)
	}
	return time.Time{}
}

func (h *Host) recordStart(ctx context.Context) error {
	r := audit.Record{Kind: audit.Start, Actor: "host", Detail: "ambit " + h.cfg.Version, Revision: h.policy.Revision()}
	if _, err := h.audit.Append(ctx, r, nil, true); err != nil {
		return err
	}
	return h.recoverPending(ctx)
}

// recoverPending closes the intents that a crash left open: whether they
// happened can't be told, and nobody may think they did not.
func (h *Host) recoverPending(ctx context.Context) error {
	pending := h.audit.Pending()
	for _, r := range pending {
		r.Kind, r.Time, r.Status, r.Commitment = audit.Outcome, h.now(), "unknown", ""
		r.Verdict, r.Rule, r.Revision, r.Grant, r.Approval = "", "", "", "", ""
		r.Detail = "the host ended before the outcome was recorded"
		if _, err := h.audit.Append(ctx, r, nil, false); err != nil {
			return err
		}
	}
	if n := len(pending); n > 0 {
		what := []string{}
		for _, r := range pending[max(0, n-3):] {
			what = append(what, r.Capability+" "+r.Resource)
		}
		h.notices.set("recovery", control.Notice{
			Message: fmt.Sprintf("The last host ended while %d effects were in flight; whether they happened is unknown (latest: %v).", n, what),
			Hint:    "ambit audit show",
		})
	}
	return nil
}

// Serve answers the control API until ctx ends.
func (h *Host) Serve(ctx context.Context) error {
	srv, err := control.New(control.Config{Backend: backend{h}, Logger: h.log.Named("control")})
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(h.agents)) {
		if err := h.agents[name].Start(ctx); err != nil {
			return err
		}
	}
	if err := h.channels.Start(ctx); err != nil {
		return err
	}
	h.takeUpQuestions()
	if err := h.serveWebhooks(ctx); err != nil {
		return err
	}
	lis, err := control.Listen(h.lock)
	if err != nil {
		return err
	}
	h.log.Info("ready", "home", h.cfg.Home, "policy", h.policy.Revision(), "plugins", len(h.registry.List()), "took", time.Since(h.started))
	return srv.Serve(ctx, lis)
}

// Close ends agents, cells and everything else, in the reverse order of
// opening, and frees the home. It may be called more than once.
func (h *Host) Close() error {
	h.closing.Do(func() {
		var errs []error
		for _, c := range slices.Backward(h.closers) {
			errs = append(errs, c())
		}
		h.closed = errors.Join(errs...)
	})
	return h.closed
}
