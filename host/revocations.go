package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/registry"
	"github.com/ambithost/ambit/registry/durable"
	"github.com/ambithost/ambit/registry/feed"
	"github.com/ambithost/ambit/registry/trust"
	"github.com/ambithost/ambit/sdk/protocol"
)

// revocationEvery is how often feeds are looked at: what one revokes has to stop
// within a minute.
const revocationEvery = 20 * time.Second

// RevocationFile names a feed of what must not run any more.
type RevocationFile struct {
	// Feed is its address, by https; plain http is for this machine only.
	Feed string `yaml:"feed"`
	// Key is the id of the key that signs it ("sha256:…").
	Key string `yaml:"key"`
	// Registries are those whose plugins it may revoke, as "host[:port]", or "*" for
	// every plugin, wherever it came from; absent: the feed's own host.
	Registries []string `yaml:"registries"`
	// Stale says what becomes of these plugins while the feed is out of date or was
	// never got: "warn" (or empty) tells the owner, "stop" lets none of them run.
	Stale string `yaml:"stale"`
}

func (f *RevocationFile) check() error {
	u, err := feed.CheckURL(f.Feed)
	switch {
	case err != nil:
		return err
	case !trust.IsKeyID(f.Key):
		return fmt.Errorf("key %.80q: want the id of a key, sha256: and 64 hex digits", f.Key)
	case f.Stale != "" && f.Stale != "warn" && f.Stale != "stop":
		return fmt.Errorf("stale: %q: want warn or stop", f.Stale)
	}
	if len(f.Registries) == 0 {
		f.Registries = []string{strings.ToLower(u.Host)}
	}
	for _, r := range f.Registries {
		if r != "*" && (r == "" || r != strings.ToLower(r) || strings.ContainsAny(r, "/ *")) {
			return fmt.Errorf("registries: %q: want host[:port] in lower case, or *", r)
		}
	}
	return nil
}

// revocations are the feeds that are followed.
type revocations struct {
	now  func() time.Time
	list []*followed

	mu       sync.Mutex
	told     []string          // topics of notices
	recorded map[string]string // verdicts in the audit log, by name and digest
}

// followed is one feed. What was seen of it is in a file, so that an older one is
// known as such after a restart, and what it revokes does not run meanwhile.
type followed struct {
	RevocationFile
	url  *url.URL
	path string

	mu      sync.Mutex
	feed    *feed.Feed // nil: none was ever got
	damaged error      // what was seen can't be read: nothing of its registries runs
	trouble error      // of the last look
}

// seenFeed is the file: the feed as it was got, under the key of that time.
type seenFeed struct {
	Key  string `json:"key"`
	Feed []byte `json:"feed"`
}

// revoked is why a plugin does not run.
type revoked struct {
	by    string // the feed
	entry feed.Entry
}

func (r *revoked) Error() string {
	return fmt.Sprintf("it is revoked since %s: %s (says %s)", r.entry.Since.Format(time.DateOnly), r.entry.Reason, r.by)
}

// held is why a plugin does not run that may be revoked.
type held struct {
	by    string
	cause error
}

func (h *held) Error() string {
	return fmt.Sprintf("whether it is revoked can't be told, and then it must not run: %s: %v", h.by, h.cause)
}

func (h *Host) openRevocations() {
	h.revocations.now = h.now
	for _, f := range h.file.Revocations {
		u, err := feed.CheckURL(f.Feed)
		if err != nil {
			continue // the settings were checked
		}
		sum := sha256.Sum256([]byte(f.Feed))
		w := &followed{RevocationFile: f, url: u, path: h.path(filepath.Join("revocations", hex.EncodeToString(sum[:8])+".json"))}
		if w.damaged = w.recall(); w.damaged != nil {
			h.log.Error("what was seen of a revocation feed can't be read", "feed", f.Feed, "error", w.damaged)
		}
		h.revocations.list = append(h.revocations.list, w)
	}
}

// recall reads what was seen before. A feed under another key than the settings
// name now is left: the owner changed it.
func (w *followed) recall() error {
	info, err := os.Stat(w.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && info.Size() > 2*feed.MaxBytes {
		err = fmt.Errorf("%s has %d bytes", w.path, info.Size())
	}
	if err != nil {
		return err
	}
	b, err := os.ReadFile(w.path)
	if err != nil {
		return err
	}
	var seen seenFeed
	if err := trust.DecodeStrict(b, &seen); err != nil {
		return fmt.Errorf("%s is damaged: %w", w.path, err)
	}
	if seen.Key != w.Key {
		return nil
	}
	if w.feed, err = feed.Parse(seen.Feed, w.Key); err != nil {
		return fmt.Errorf("%s is damaged: %w", w.path, err)
	}
	return nil
}

// look gets the feed. One that can't be had, or is not to be believed, leaves what
// is known.
func (w *followed) look(ctx context.Context, now time.Time) error {
	b, err := feed.Fetch(ctx, w.url)
	if err != nil {
		return err
	}
	f, err := feed.Parse(b, w.Key)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := errors.Join(w.damaged, f.Fresh(now), f.Follows(w.feed)); err != nil {
		return err
	}
	if w.feed != nil && w.feed.Number == f.Number {
		return nil
	}
	text, err := json.Marshal(seenFeed{w.Key, b})
	if err == nil {
		err = os.MkdirAll(filepath.Dir(w.path), 0o700)
	}
	w.feed = f // in force, also when it can't be written down
	if err == nil {
		err = durable.Write(w.path, text, 0o600)
	}
	return err
}

// judge says why a plugin must not run, if so.
func (w *followed) judge(s feed.Subject, now time.Time) error {
	registryHost, _, _ := strings.Cut(s.Repository, "/")
	if !slices.Contains(w.Registries, "*") && (s.Repository == "" || !slices.Contains(w.Registries, registryHost)) {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.damaged != nil {
		return &held{w.Feed, w.damaged}
	}
	if w.feed != nil {
		if e, listed := w.feed.Lists(s); listed {
			return &revoked{w.Feed, e}
		}
	}
	if err := w.upToDate(now); err != nil && w.Stale == "stop" {
		return &held{w.Feed, err}
	}
	return nil
}

// upToDate says why the feed can't be relied on. w.mu is held.
func (w *followed) upToDate(now time.Time) error {
	if w.feed == nil {
		return fmt.Errorf("%w: none was ever got", feed.ErrStale)
	}
	return w.feed.Fresh(now)
}

// judge asks every feed about a plugin.
func (r *revocations) judge(s feed.Subject) error {
	for _, w := range r.list {
		if err := w.judge(s, r.now()); err != nil {
			return err
		}
	}
	return nil
}

// entry asks about what is installed.
func (r *revocations) entry(e registry.Entry) error {
	return r.judge(feed.Subject{Artifact: e.Artifact, Module: e.Digest, Repository: e.Repository, Version: e.Version, Signer: e.Signer})
}

// mayInstall refuses a candidate that is revoked.
func (r *revocations) mayInstall(c *registry.Candidate) error {
	s := feed.Subject{Artifact: c.Artifact(), Module: c.Digest, Repository: c.Repository(), Version: c.Manifest.Version, Signer: c.Signer()}
	if err := r.judge(s); err != nil {
		return protocol.Errorf(protocol.Denied, "%s %s: %v. Nothing was installed.", c.Manifest.Name, c.Manifest.Version, err)
	}
	return nil
}

// mayHandOver refuses a new key that a revoked one handed over to: whoever stole
// the old key could have.
func (r *revocations) mayHandOver(repository, old string) error {
	if err := r.judge(feed.Subject{Repository: repository, Signer: old}); err != nil {
		return protocol.Errorf(protocol.Denied, "the key that handed over to this one: %v. Nothing was installed. If the publisher tells you by other means which key is right: ambit key forget %s", err, repository[:strings.LastIndexByte(repository, '/')])
	}
	return nil
}

// followRevocations looks at the feeds until the host closes.
func (h *Host) followRevocations(ctx context.Context) error {
	if len(h.revocations.list) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	h.onClose(func() error { cancel(); <-done; return nil })
	go func() {
		defer close(done)
		tick := time.NewTicker(revocationEvery)
		defer tick.Stop()
		for {
			h.lookForRevocations(ctx)
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return nil
}

// lookForRevocations looks at every feed at once, and ends what must not run.
func (h *Host) lookForRevocations(ctx context.Context) {
	var wait sync.WaitGroup
	for _, w := range h.revocations.list {
		wait.Go(func() {
			err := w.look(ctx, h.now())
			if ctx.Err() != nil {
				return
			}
			w.mu.Lock()
			w.trouble = err
			w.mu.Unlock()
			h.tellFeed(w)
			h.heedRevocations(ctx) // without waiting for a slower feed
		})
	}
	wait.Wait()
}

// tellFeed tells the owner of a feed that can't be relied on.
func (h *Host) tellFeed(w *followed) {
	w.mu.Lock()
	defer w.mu.Unlock()
	topic := "revocations " + w.Feed
	trouble := errors.Join(w.damaged, w.trouble)
	if late := w.upToDate(h.now()); trouble == nil {
		trouble = late
	}
	if trouble == nil {
		h.notices.clear(topic)
		return
	}
	what := "The revocation feed " + w.Feed + " was not renewed: " + trouble.Error()
	if w.damaged == nil && w.Stale != "stop" {
		what += ". Its plugins run on"
	}
	if h.notices.about(topic).Message != what {
		h.log.Error("a revocation feed was not renewed", "feed", w.Feed, "error", trouble)
	}
	h.notices.set(topic, control.Notice{Message: what, Hint: "docs/revocation.md"})
}

// heedRevocations ends what must not run, and tells of what has changed.
func (h *Host) heedRevocations(ctx context.Context) {
	h.endBarred() // an install that takes its time holds up the rest, and not this
	h.installing.Lock()
	defer h.installing.Unlock()
	for _, p := range *h.plugins.plugins.Load() {
		if says(h.revocations.entry(p.entry)) == says(p.barred) {
			continue
		}
		if err := h.plugins.reload(ctx); err != nil {
			h.log.Error("what is revoked can't be taken out of the catalogue; its cells are ended at each look", "error", err)
		}
		h.endBarred() // what began in between
		break
	}
	for _, p := range *h.plugins.plugins.Load() {
		if verdict := h.revocations.entry(p.entry); h.revocations.news(p.entry, verdict) {
			h.tellRevoked(ctx, p, verdict)
		}
	}
}

// endBarred ends the cells of all that must not run, whenever that was found.
func (h *Host) endBarred() {
	for name, p := range *h.plugins.plugins.Load() {
		if h.revocations.entry(p.entry) != nil {
			h.cells.KillPlugin(name)
		}
	}
}

// news reports whether the verdict is another than the one last recorded, and
// takes it for recorded. What was barred when the host started was recorded before.
func (r *revocations) news(e registry.Entry, verdict error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := e.Name + "@" + e.Digest
	if r.recorded[key] == says(verdict) {
		return false
	}
	if r.recorded == nil {
		r.recorded = map[string]string{}
	}
	r.recorded[key] = says(verdict)
	return true
}

// tellRevoked records that a plugin was barred, or is no more. It is barred whether
// that can be written down or not.
func (h *Host) tellRevoked(ctx context.Context, p *plugin, verdict error) {
	r := audit.Record{Kind: audit.Enable, Actor: "host", Plugin: p.entry.Name, Digest: p.entry.Digest, Detail: "no feed keeps it from running any more"}
	if verdict != nil {
		r.Kind, r.Detail = audit.Disable, verdict.Error()
	}
	if _, err := h.audit.Append(ctx, r, nil, true); err != nil {
		h.log.Error("a revocation can't be recorded", "plugin", p.entry.Name, "error", err)
	}
	h.log.Warn("a revocation feed decides about a plugin", "plugin", p.entry.Name, "version", p.entry.Version, "runs", verdict == nil, "why", r.Detail)
}

// noteRevoked keeps what the owner reads in step with the catalogue.
func (h *Host) noteRevoked() {
	r := &h.revocations
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, topic := range r.told {
		h.notices.clear(topic)
	}
	r.told = nil
	for name, p := range *h.plugins.plugins.Load() {
		if p.barred == nil {
			continue
		}
		hint := "ambit plugin remove " + name
		if p.entry.Previous != nil {
			hint = "ambit plugin rollback " + name + ", or " + hint
		}
		topic := "revoked " + name
		r.told = append(r.told, topic)
		h.notices.set(topic, control.Notice{Message: fmt.Sprintf("Plugin %s %s does not run: %v", name, p.entry.Version, p.barred), Hint: hint})
	}
}

func says(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
