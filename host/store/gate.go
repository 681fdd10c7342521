package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/capability"
)

var _ gate.Store = (*Store)(nil)

// LoadGrants returns the grants that were not revoked, oldest first.
func (s *Store) LoadGrants(ctx context.Context) ([]gate.Grant, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, plugin, capability, agent, scope, limits, consent, created, expires FROM grants WHERE revoked = 0 ORDER BY created, id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []gate.Grant
	for rows.Next() {
		var g gate.Grant
		var scope, limits string
		var created, expires int64
		if err := rows.Scan(&g.ID, &g.Plugin, &g.Capability, &g.Agent, &scope, &limits, &g.Consent, &created, &expires); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(scope), &g.Scope); err != nil {
			return nil, fmt.Errorf("grant %s: %w", g.ID, err)
		}
		if err := json.Unmarshal([]byte(limits), &g.Limits); err != nil {
			return nil, fmt.Errorf("limits of grant %s: %w", g.ID, err)
		}
		g.Created, g.Expires = instant(created), instant(expires)
		out = append(out, g)
	}
	return out, rows.Err()
}

// SaveGrants adds grants, all or none; each but a consent ends those that its
// plugin holds for the same capability, for that agent or for all.
func (s *Store) SaveGrants(ctx context.Context, grants []gate.Grant) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		for _, g := range grants {
			scope, err := json.Marshal(g.Scope)
			limits, limitsErr := json.Marshal(g.Limits)
			if err := errors.Join(err, limitsErr); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `UPDATE grants SET revoked = ? WHERE plugin = ? AND capability = ? AND revoked = 0 AND NOT ? AND (? = '' OR agent IN ('', ?))`,
				micros(g.Created), g.Plugin, g.Capability, g.Consent, g.Agent, g.Agent); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO grants (id, plugin, capability, agent, scope, limits, consent, created, expires) VALUES (?,?,?,?,?,?,?,?,?)`,
				g.ID, g.Plugin, g.Capability, g.Agent, string(scope), string(limits), g.Consent, micros(g.Created), micros(g.Expires)); err != nil {
				return err
			}
		}
		return nil
	})
}

// EndGrants marks grants as revoked.
func (s *Store) EndGrants(ctx context.Context, ids []string, at time.Time) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		for _, id := range ids {
			if _, err := tx.ExecContext(ctx, `UPDATE grants SET revoked = ? WHERE id = ? AND revoked = 0`, micros(at), id); err != nil {
				return err
			}
		}
		return nil
	})
}

// LoadLatch returns what is halted.
func (s *Store) LoadLatch(ctx context.Context) ([]gate.Halt, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT target, since, by, reason FROM latch`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []gate.Halt
	for rows.Next() {
		var h gate.Halt
		var since int64
		if err := rows.Scan(&h.Target, &since, &h.By, &h.Reason); err != nil {
			return nil, err
		}
		h.Since = instant(since)
		out = append(out, h)
	}
	return out, rows.Err()
}

// SetLatch halts a target.
func (s *Store) SetLatch(ctx context.Context, h gate.Halt) error {
	return s.exec(ctx, `INSERT INTO latch (target, since, by, reason) VALUES (?,?,?,?)
		ON CONFLICT (target) DO UPDATE SET since = excluded.since, by = excluded.by, reason = excluded.reason`, h.Target, micros(h.Since), h.By, h.Reason)
}

// ClearLatch removes exactly these halts; one that was set again since stays.
func (s *Store) ClearLatch(ctx context.Context, halts []gate.Halt) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		for _, h := range halts {
			if _, err := tx.ExecContext(ctx, `DELETE FROM latch WHERE target = ? AND since <= ?`, h.Target, micros(h.Since)); err != nil {
				return err
			}
		}
		return nil
	})
}

// AddApproval stores a waiting approval and gives it its number.
func (s *Store) AddApproval(ctx context.Context, a *gate.Approval) error {
	request, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `INSERT INTO approvals (digest, request, created, expires, state) VALUES (?,?,?,?,?)`,
			a.Digest, string(request), micros(a.Created), micros(a.Expires), string(a.State))
		if err != nil {
			return err
		}
		a.ID, err = res.LastInsertId()
		return err
	})
}

// EndApproval stores how an approval ended. One that has ended stays as it is.
func (s *Store) EndApproval(ctx context.Context, a gate.Approval) error {
	return s.exec(ctx, `UPDATE approvals SET state = ?, answered = ?, reason = ?, by = ?, lasting = ? WHERE id = ? AND state = 'waiting'`,
		string(a.State), micros(a.Answered), a.Answer, a.By, string(a.Lasting), a.ID)
}

// Approvals returns the newest approvals, whatever their state.
func (s *Store) Approvals(ctx context.Context, limit int) ([]gate.Approval, error) {
	list, err := collect(ctx, s.read, scanApproval, approvalColumns+` ORDER BY id DESC LIMIT ?`, limit)
	if list == nil {
		list = []gate.Approval{}
	}
	return list, err
}

// retype gives attributes that were read from JSON the types they had.
func retype(attrs capability.Attributes) {
	for k, v := range attrs {
		switch v := v.(type) {
		case float64:
			if n := int64(v); float64(n) == v {
				attrs[k] = n
			}
		case []any:
			list := make([]string, 0, len(v))
			for _, e := range v {
				if s, ok := e.(string); ok {
					list = append(list, s)
				}
			}
			if len(list) == len(v) {
				attrs[k] = list
			}
		}
	}
}
