package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ambithost/ambit/host/agent"
)

// Marks returns how far an agent has looked back.
func (s *Store) Marks(ctx context.Context, name string) ([]agent.Mark, error) {
	return collect(ctx, s.read, func(r row) (m agent.Mark, err error) {
		var at int64
		var lessons string
		if err = r.Scan(&m.Agent, &m.Session, &m.Upto, &at, &m.Next, &lessons); err != nil {
			return m, err
		}
		m.At = instant(at)
		if lessons != "" {
			err = json.Unmarshal([]byte(lessons), &m.Lessons)
		}
		return m, err
	}, `SELECT agent, session, upto, at, next, learned FROM lookbacks WHERE agent = ? ORDER BY session`, name)
}

// PutMark stores how far an agent has looked back on a session.
func (s *Store) PutMark(ctx context.Context, m agent.Mark) error {
	lessons := ""
	if len(m.Lessons) > 0 {
		b, err := json.Marshal(m.Lessons)
		if err != nil {
			return err
		}
		lessons = string(b)
	}
	if err := s.exec(ctx, `INSERT INTO lookbacks (session, agent, upto, at, next, learned) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (session) DO UPDATE SET upto = excluded.upto, at = excluded.at, next = excluded.next, learned = excluded.learned`,
		m.Session, m.Agent, m.Upto, micros(m.At), m.Next, lessons); err != nil {
		return fmt.Errorf("store: lookback: %w", err)
	}
	return nil
}

// LastWork tells when the last turn ended that no heartbeat started.
func (s *Store) LastWork(ctx context.Context, name string) (at time.Time, busy bool, err error) {
	var ended int64
	err = s.read.QueryRowContext(ctx, `SELECT ended FROM turns LEFT JOIN triggers ON triggers.id = turns.trigger
		WHERE turns.agent = ? AND coalesce(triggers.kind, '') != ? ORDER BY turns.n DESC LIMIT 1`, name, agent.KindHeartbeat).Scan(&ended)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, false, nil
	}
	return instant(ended), err == nil && ended == 0, err
}
