package store

import (
	"context"

	"github.com/ambithost/ambit/host/gate"
)

// AddTally adds to what is stored of a day.
func (s *Store) AddTally(ctx context.Context, t gate.Tally) error {
	return s.exec(ctx, `INSERT INTO tally (day, allowed, asked, denied) VALUES (?,?,?,?)
		ON CONFLICT (day) DO UPDATE SET allowed = allowed + excluded.allowed, asked = asked + excluded.asked, denied = denied + excluded.denied`,
		t.Day, t.Allowed, t.Asked, t.Denied)
}

// Tallies returns the days from since on, oldest first.
func (s *Store) Tallies(ctx context.Context, since string) ([]gate.Tally, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT day, allowed, asked, denied FROM tally WHERE day >= ? ORDER BY day`, since)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []gate.Tally
	for rows.Next() {
		var t gate.Tally
		if err := rows.Scan(&t.Day, &t.Allowed, &t.Asked, &t.Denied); err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, rows.Err()
}
