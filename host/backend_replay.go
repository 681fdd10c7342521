package host

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

const (
	keptRevisions = 100    // of the owner's files
	maxReplayed   = 100000 // requests of one replay, the newest
	maxChanges    = 1000   // listed; all are counted
)

// keepRevision keeps the owner's files in force, for ambit policy diff.
func (h *Host) keepRevision() {
	if _, err := h.policy.Save(h.path("policy.history"), keptRevisions); err != nil {
		h.log.Warn("this revision of the policy can't be kept", "error", err)
	}
}

// policyLayers are what would be in force with another folder as the owner's.
func (b backend) policyLayers(folder string) []policy.Layer {
	return append(b.orgLayer(), b.ownerLayer(folder))
}

var revisionName = regexp.MustCompile(`^[0-9a-f]{12}$`)

// policySet opens the policy that a folder, a kept revision or, with "", what is
// in force makes. end closes it.
func (b backend) policySet(ctx context.Context, of string) (e *policy.Engine, end func(), err error) {
	if of == "" {
		return b.policy, func() {}, nil
	}
	folder := of
	if revisionName.MatchString(of) {
		folder = filepath.Join(b.path("policy.history"), of)
	}
	if _, err := os.Stat(folder); err != nil {
		if folder != of {
			return nil, nil, protocol.Errorf(protocol.NotFound, "revision %s is not kept; the newest %d are", of, keptRevisions)
		}
		return nil, nil, protocol.Errorf(protocol.Invalid, "%v", err)
	}
	e, err = policy.Open(ctx, policy.Config{Layers: b.policyLayers(folder)})
	if err != nil {
		return nil, nil, protocol.Errorf(protocol.Invalid, "%v", err)
	}
	return e, func() { _ = e.Close() }, nil
}

// ReplayPolicy decides recorded requests by two policies.
func (b backend) ReplayPolicy(ctx context.Context, req control.PolicyReplayRequest) (*control.PolicyReplay, error) {
	was, end, err := b.policySet(ctx, req.Against)
	if err != nil {
		return nil, err
	}
	defer end()
	becomes, end, err := b.policySet(ctx, req.Folder)
	if err != nil {
		return nil, err
	}
	defer end()
	out := &control.PolicyReplay{From: was.Revision(), To: becomes.Revision(), Changes: []control.PolicyChange{}}
	out.Skipped, err = b.recorded(ctx, req, func(e control.AuditEntry, r *policy.Request) error {
		before, err := was.Decide(ctx, r)
		if err != nil {
			return protocol.Errorf(protocol.Unavailable, "entry %d by revision %s: %v", e.Index, out.From, err)
		}
		after, err := becomes.Decide(ctx, r)
		if err != nil {
			return protocol.Errorf(protocol.Unavailable, "entry %d by revision %s: %v", e.Index, out.To, err)
		}
		if before.Revision != out.From {
			return protocol.Errorf(protocol.Unavailable, "policy %s came in force meanwhile; run it again", before.Revision)
		}
		out.Count(e, before, after, maxChanges)
		return ctx.Err()
	})
	return out, err
}

// recorded calls fn for the requests that policy was asked about, oldest first,
// and says how many others there were: refused before, or no longer kept.
func (b backend) recorded(ctx context.Context, req control.PolicyReplayRequest, fn func(control.AuditEntry, *policy.Request) error) (skipped int, err error) {
	var entries []control.AuditEntry
	err = b.audit.Read(ctx, 0, func(i uint64, r audit.Record) error {
		if (r.Kind == audit.Intent || r.Kind == audit.Refusal || r.Kind == audit.Evaluation) && !r.Time.Before(req.Since) {
			if len(entries) == maxReplayed {
				entries, skipped = entries[1:], skipped+1
			}
			entries = append(entries, entryOf(i, r))
		}
		return nil
	})
	if err != nil {
		return skipped, err
	}
	for _, e := range entries {
		salt, payload, ok, err := b.payloads.Payload(ctx, uint64(e.Index)) //nolint:gosec // not negative
		if err != nil {
			return skipped, err
		}
		p, err := gate.OpenPayload(payload)
		if !ok || err != nil || p.Request == nil || !audit.CheckPayload(e.Record, salt, payload) {
			skipped++
			continue
		}
		if err := fn(e, p.Request); err != nil {
			return skipped, err
		}
	}
	return skipped, nil
}

// SuggestGrants finds for each plugin and capability the narrowest scope that
// covers all that was let through.
func (b backend) SuggestGrants(ctx context.Context, req control.PolicyReplayRequest) ([]control.Suggestion, error) {
	type key struct{ plugin, capability string }
	found := map[key]*control.Suggestion{}
	_, err := b.recorded(ctx, req, func(e control.AuditEntry, r *policy.Request) error {
		c, known := capability.Lookup(e.Capability)
		if e.Kind != audit.Intent || !known {
			return nil
		}
		k := key{e.Plugin, e.Capability}
		if found[k] == nil {
			found[k] = &control.Suggestion{Plugin: e.Plugin, Capability: e.Capability, Scope: capability.Scope{Allow: map[string][]string{}, Max: map[string]int64{}}}
		}
		found[k].Uses++
		widen(&found[k].Scope, policy.Narrowest(c, r.Resource.Attributes))
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	keys := slices.SortedFunc(maps.Keys(found), func(a, b key) int {
		return strings.Compare(a.plugin+" "+a.capability, b.plugin+" "+b.capability)
	})
	out := []control.Suggestion{}
	for _, k := range keys {
		out = append(out, *found[k])
	}
	return out, nil
}

// widen makes a scope cover another, too.
func widen(s *capability.Scope, other capability.Scope) {
	for name, entries := range other.Allow {
		for _, e := range entries {
			if !slices.Contains(s.Allow[name], e) {
				s.Allow[name] = append(s.Allow[name], e)
				slices.Sort(s.Allow[name])
			}
		}
	}
	for name, n := range other.Max {
		s.Max[name] = max(s.Max[name], n)
	}
}

// ActivatePolicy puts a folder in the place of the owner's.
func (b backend) ActivatePolicy(ctx context.Context, req control.PolicyActivateRequest) (*control.PolicyStatus, error) {
	b.touch()
	report, err := b.CheckPolicy(ctx, control.PolicyCheckRequest{Folder: req.Folder})
	if err != nil {
		return nil, err
	}
	if !report.OK {
		return nil, protocol.Errorf(protocol.Invalid, "%s has problems: %v", req.Folder, report.Problems[0])
	}
	err = b.policy.Activate(ctx, req.Folder, req.From, req.To)
	switch {
	case errors.Is(err, policy.ErrMoved):
		return nil, protocol.Errorf(protocol.Invalid, "%v; look at it again", err)
	case err != nil:
		return nil, err
	}
	return b.PolicyStatus(ctx)
}
