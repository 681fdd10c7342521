package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// TurnsSince counts the turns that an agent began at or after a time.
func (s *Store) TurnsSince(ctx context.Context, agent string, since time.Time) (n int, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT count(*) FROM turns WHERE agent = ? AND started >= ?`, agent, micros(since)).Scan(&n)
	return n, err
}

// TurnText returns the owner's words that began a turn, "" when there are none:
// of a schedule those of one that the owner made.
func (s *Store) TurnText(ctx context.Context, turn string) (text string, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT text FROM triggers WHERE turn = ? AND sender = '' AND kind IN ('message', 'schedule') ORDER BY received LIMIT 1`, turn).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return text, err
}
