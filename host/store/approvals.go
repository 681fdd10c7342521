package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ambithost/ambit/host/gate"
)

const approvalColumns = `SELECT id, request, state, answered, reason, by, lasting, gone FROM approvals`

func scanApproval(r row) (a gate.Approval, err error) {
	var id, answered int64
	var request, state, reason, by, lasting string
	var gone int
	if err := r.Scan(&id, &request, &state, &answered, &reason, &by, &lasting, &gone); err != nil {
		return a, err
	}
	if err := json.Unmarshal([]byte(request), &a); err != nil {
		return a, fmt.Errorf("approval %d: %w", id, err)
	}
	a.ID, a.State, a.Answered, a.Answer = id, gate.State(state), instant(answered), reason
	retype(a.Attributes)
	a.By, a.Lasting, a.Left = by, gate.Lasting(lasting), gone != 0
	return a, nil
}

// LeaveApproval notes that who asked is gone, or has come back.
func (s *Store) LeaveApproval(ctx context.Context, id int64, gone bool) error {
	return s.exec(ctx, `UPDATE approvals SET gone = ? WHERE id = ?`, gone, id)
}

// UseApproval uses up a yes.
func (s *Store) UseApproval(ctx context.Context, id int64) (used bool, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE approvals SET used = 1 WHERE id = ? AND state = 'approved' AND used = 0`, id)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		used = n == 1
		return err
	})
	return used, err
}

// LeftApprovals ends the questions of the last run that nobody wants answered any
// more, and returns the others and every yes that was not used.
func (s *Store) LeftApprovals(ctx context.Context, now time.Time) ([]gate.Approval, error) {
	const asked = `coalesce(request ->> '$.turn', '') != '' AND coalesce(request ->> '$.session', '') != ''`
	err := s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE approvals SET state = 'expired', answered = ? WHERE state = 'waiting' AND (expires <= ? OR NOT (`+asked+`))`, micros(now), micros(now))
		if err == nil {
			_, err = tx.ExecContext(ctx, `UPDATE approvals SET gone = 1 WHERE gone = 0 AND (state = 'waiting' OR state = 'approved' AND used = 0 AND expires > ? AND `+asked+`)`, micros(now))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: questions of the last run: %w", err)
	}
	return collect(ctx, s.read, scanApproval, approvalColumns+` WHERE gone != 0 AND expires > ? AND (state = 'waiting' OR state = 'approved' AND used = 0) ORDER BY id`, micros(now))
}

// Untold returns answers that who asked was not told, the oldest first.
func (s *Store) Untold(ctx context.Context) ([]gate.Approval, error) {
	return collect(ctx, s.read, scanApproval, approvalColumns+` WHERE gone = 1 AND (state = 'declined' OR state = 'approved' AND used = 0) ORDER BY id`)
}

// UntoldDone notes that who asked knows the answer.
func (s *Store) UntoldDone(ctx context.Context, id int64) error {
	return s.exec(ctx, `UPDATE approvals SET gone = 2 WHERE id = ?`, id)
}
