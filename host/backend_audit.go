package host

import (
	"context"
	"errors"
	"time"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/protocol"
)

const maxPage = 1000

var errEnough = errors.New("enough")

func matches(q *control.AuditQuery, r *audit.Record) bool {
	for _, f := range [][2]string{{q.Kind, string(r.Kind)}, {q.Actor, r.Actor}, {q.Plugin, r.Plugin}, {q.Capability, r.Capability},
		{q.Session, r.Session}, {q.Verdict, r.Verdict}, {q.Effect, r.Effect}} {
		if f[0] != "" && f[0] != f[1] {
			return false
		}
	}
	return q.Since.IsZero() || !r.Time.Before(q.Since)
}

func entryOf(index uint64, r audit.Record) control.AuditEntry {
	return control.AuditEntry{Index: int64(index), Record: r} //nolint:gosec // far below 2^63
}

// AuditEntries returns one page.
func (b backend) AuditEntries(ctx context.Context, q control.AuditQuery) (*control.AuditPage, error) {
	limit := min(max(q.Limit, 0), maxPage)
	if limit == 0 {
		limit = 100
	}
	if q.Last > 0 {
		q.From, limit = 0, min(q.Last, maxPage)
	}
	page := &control.AuditPage{Entries: []control.AuditEntry{}, Next: max(q.From, 0)}
	err := b.audit.Read(ctx, uint64(max(q.From, 0)), func(i uint64, r audit.Record) error { //nolint:gosec // not negative
		page.Next = int64(i) + 1 //nolint:gosec // far below 2^63
		if !matches(&q, &r) {
			return nil
		}
		page.Entries = append(page.Entries, entryOf(i, r))
		switch {
		case q.Last > 0 && len(page.Entries) > limit:
			page.Entries = page.Entries[1:]
		case q.Last <= 0 && len(page.Entries) == limit:
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	page.Size = int64(b.audit.Size()) //nolint:gosec // far below 2^63
	return page, nil
}

// AuditEntry returns one entry with what is kept apart from the log.
func (b backend) AuditEntry(ctx context.Context, index int64) (*control.AuditDetail, error) {
	if index < 0 {
		return nil, protocol.Errorf(protocol.Invalid, "audit entries count from 0")
	}
	var out *control.AuditDetail
	err := b.audit.Read(ctx, uint64(index), func(i uint64, r audit.Record) error {
		out = &control.AuditDetail{AuditEntry: entryOf(i, r)}
		return errEnough
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	if out == nil {
		return nil, protocol.Errorf(protocol.NotFound, "the audit log has %d entries, there is no %d", b.audit.Size(), index)
	}
	salt, payload, ok, err := b.payloads.Payload(ctx, uint64(index))
	if err != nil {
		return nil, err
	}
	if ok && audit.CheckPayload(out.Record, salt, payload) {
		out.Payload = string(payload)
		if out.Kind == audit.Intent || out.Kind == audit.Refusal || out.Kind == audit.Evaluation {
			p, err := gate.OpenPayload(payload)
			if err != nil {
				return nil, err
			}
			out.Payload, out.Request = string(p.Args), p.Request
		}
	}
	if out.Effect != "" {
		out.Related, err = b.related(ctx, out.AuditEntry)
	}
	return out, err
}

// relatedWindow bounds how far around an entry its relatives are looked for.
const relatedWindow = 10_000

func (b backend) related(ctx context.Context, e control.AuditEntry) (out []control.AuditEntry, err error) {
	from := uint64(max(e.Index-relatedWindow, 0)) //nolint:gosec // not negative
	err = b.audit.Read(ctx, from, func(i uint64, r audit.Record) error {
		if int64(i) > e.Index+relatedWindow { //nolint:gosec // far below 2^63
			return errEnough
		}
		if r.Effect == e.Effect && int64(i) != e.Index { //nolint:gosec // far below 2^63
			out = append(out, entryOf(i, r))
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return out, err
}

// FollowAudit emits matching entries as they are written.
func (b backend) FollowAudit(ctx context.Context, q control.AuditQuery, emit func(control.AuditEntry) error) error {
	from := uint64(max(q.From, 0)) //nolint:gosec // not negative
	if q.Last > 0 {
		page, err := b.AuditEntries(ctx, q)
		if err != nil {
			return err
		}
		for _, e := range page.Entries {
			if err := emit(e); err != nil {
				return err
			}
		}
		from = uint64(page.Next) //nolint:gosec // not negative
	}
	err := b.audit.Follow(ctx, from, func(i uint64, r audit.Record) error {
		if !matches(&q, &r) {
			return nil
		}
		return emit(entryOf(i, r))
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// VerifyAudit proves the host's own log, or a copy, from its files alone.
func (b backend) VerifyAudit(ctx context.Context, req control.VerifyRequest) (*control.Verification, error) {
	start := time.Now()
	cfg := audit.VerifyConfig{Dir: req.Folder, Key: b.audit.VerifierKey()}
	if req.Checkpoint != "" {
		cfg.Against = []byte(req.Checkpoint)
	}
	if cfg.Dir == "" {
		cfg.Dir = b.path("audit")
		if err := b.audit.Publish(ctx); err != nil {
			return nil, err
		}
	}
	report, err := audit.Verify(ctx, cfg)
	if err != nil {
		return nil, err
	}
	v := &control.Verification{
		OK: len(report.Problems) == 0, Entries: int64(report.Entries), //nolint:gosec // far below 2^63
		Root: report.Root, Problems: report.Problems, Micros: time.Since(start).Microseconds(),
	}
	if v.OK && req.Folder == "" {
		b.verified.Store(b.now().UnixMicro())
	}
	return v, nil
}

// AuditCheckpoint signs the log as it is now.
func (b backend) AuditCheckpoint(ctx context.Context) (*control.Checkpoint, error) {
	if err := b.audit.Publish(ctx); err != nil {
		return nil, err
	}
	note, err := b.audit.Checkpoint()
	if err != nil {
		return nil, err
	}
	return &control.Checkpoint{Note: string(note), Key: b.audit.VerifierKey(), Size: int64(b.audit.Size()), Signed: time.Now()}, nil //nolint:gosec // far below 2^63
}
