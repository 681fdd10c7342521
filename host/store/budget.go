package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/ambithost/ambit/host/budget"
	"github.com/ambithost/ambit/host/gate"
)

// keepCharges is how long spent charges are kept: the longest window and a bit.
const keepCharges = 400 * 24 * time.Hour

// querier is a transaction or the readers.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// AffordCharges tells whether there is room now.
func (s *Store) AffordCharges(ctx context.Context, charges []budget.Charge) error {
	return fits(ctx, s.read, charges)
}

// fits adds up what counts on each account. A sum that overflows is an error
// of SQLite's.
func fits(ctx context.Context, q querier, charges []budget.Charge) error {
	for _, c := range charges {
		var used int64
		err := q.QueryRowContext(ctx, `SELECT coalesce(sum(amount), 0) FROM charges WHERE account = ? AND (at = 0 OR at > ?)`,
			c.Account, micros(c.Since)-1).Scan(&used)
		if err != nil {
			return err
		}
		if c.Amount < 0 || c.Amount > c.Limit-used {
			return &budget.Exceeded{Charge: c, Used: used}
		}
	}
	return nil
}

// ReserveCharges adds up and books in one transaction of the one writer, so
// that no two reservations can both find the same room. Budgets that share an
// account share its booking.
func (s *Store) ReserveCharges(ctx context.Context, effect string, charges []budget.Charge) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		if err := fits(ctx, tx, charges); err != nil {
			return err
		}
		booked := map[string]bool{}
		for _, c := range charges {
			if booked[c.Account] {
				continue
			}
			booked[c.Account] = true
			if _, err := tx.ExecContext(ctx, `INSERT INTO charges (effect, account, unit, amount, state, at) VALUES (?,?,?,?,'reserved',0)`,
				effect, c.Account, string(c.Unit), c.Amount); err != nil {
				return err
			}
		}
		return nil
	})
}

// SettleCharges ends what an effect has reserved.
func (s *Store) SettleCharges(ctx context.Context, effect string, how gate.Settlement, used map[budget.Unit]int64, at time.Time) error {
	if how == gate.Released {
		return s.exec(ctx, `DELETE FROM charges WHERE effect = ? AND state = 'reserved'`, effect)
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		for unit, n := range used {
			if _, err := tx.ExecContext(ctx, `UPDATE charges SET amount = ? WHERE effect = ? AND unit = ? AND state = 'reserved'`, n, effect, string(unit)); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `UPDATE charges SET state = ?, at = ? WHERE effect = ? AND state = 'reserved'`, string(how), micros(at), effect)
		return err
	})
}

// RecoverCharges makes what a host that is gone had reserved unknown, and
// forgets what no window reaches any more.
func (s *Store) RecoverCharges(ctx context.Context, now time.Time) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE charges SET state = 'unknown', at = ? WHERE state = 'reserved'`, micros(now)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM charges WHERE state = 'spent' AND at < ?`, micros(now.Add(-keepCharges)))
		return err
	})
}

// ResolveCharges ends what is unknown of an effect.
func (s *Store) ResolveCharges(ctx context.Context, effect string, how gate.Settlement) (found bool, err error) {
	query, args := `UPDATE charges SET state = ? WHERE effect = ? AND state = 'unknown'`, []any{string(how), effect}
	if how == gate.Released {
		query, args = `DELETE FROM charges WHERE effect = ? AND state = 'unknown'`, []any{effect}
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		found = n > 0
		return err
	})
	return found, err
}

// Accounts adds up what was used since the owner's day, week and month began,
// by account. Those of which nothing was used in the month and nothing is
// unknown are left out.
func (s *Store) Accounts(ctx context.Context, day, week, month time.Time) ([]gate.Account, error) {
	first := min(micros(day), micros(week), micros(month))
	rows, err := s.read.QueryContext(ctx, `SELECT account, unit, effect, amount, state, at FROM charges
		WHERE at = 0 OR at >= ? OR state = 'unknown' ORDER BY account, at`, first)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []gate.Account{}
	for rows.Next() {
		var account, unit, effect, state string
		var n, at int64
		if err := rows.Scan(&account, &unit, &effect, &n, &state, &at); err != nil {
			return nil, err
		}
		if len(out) == 0 || out[len(out)-1].Account != account {
			out = append(out, gate.Account{Account: account, Unit: budget.Unit(unit)})
		}
		a := &out[len(out)-1]
		for i, sum := range []*int64{&a.Day, &a.Week, &a.Month} {
			if at == 0 || at >= micros([]time.Time{day, week, month}[i]) {
				*sum += n
			}
		}
		switch state {
		case "reserved":
			a.Reserved += n
		case "unknown":
			a.Unknown = append(a.Unknown, gate.UnknownCharge{Effect: effect, Amount: n, At: instant(at)})
		}
	}
	return out, rows.Err()
}
