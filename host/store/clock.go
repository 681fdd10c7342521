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

const scheduleColumns = `id, agent, session, name, by, rule, text, labels, created, due, next, state, trigger, fails, runs, idle, missed, last, reason`

// Schedules returns an agent's, the oldest first.
func (s *Store) Schedules(ctx context.Context, name string) ([]agent.Schedule, error) {
	return collect(ctx, s.read, scanSchedule, `SELECT `+scheduleColumns+` FROM schedules WHERE agent = ? ORDER BY created, id`, name)
}

func scanSchedule(r row) (v agent.Schedule, err error) {
	var rule, labels string
	var created, due, next, last int64
	if err = r.Scan(&v.ID, &v.Agent, &v.Session, &v.Name, &v.By, &rule, &v.Text, &labels, &created, &due, &next, &v.State, &v.Trigger,
		&v.Fails, &v.Runs, &v.Idle, &v.Missed, &last, &v.Reason); err != nil {
		return v, err
	}
	v.Created, v.Due, v.Next, v.Last = instant(created), instant(due), instant(next), instant(last)
	if err := errors.Join(json.Unmarshal([]byte(rule), &v.Rule), json.Unmarshal([]byte(labels), &v.Labels)); err != nil {
		return v, fmt.Errorf("schedule %s: %w", v.ID, err)
	}
	return v, nil
}

// PutSchedule adds or replaces one.
func (s *Store) PutSchedule(ctx context.Context, v agent.Schedule) error {
	return s.write(ctx, func(tx *sql.Tx) error { return putSchedule(ctx, tx, v) })
}

func putSchedule(ctx context.Context, tx *sql.Tx, v agent.Schedule) error {
	labels := v.Labels
	if labels == nil {
		labels = []string{}
	}
	list, err := json.Marshal(labels)
	if err != nil {
		return err
	}
	rule, err := json.Marshal(v.Rule)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT OR REPLACE INTO schedules (`+scheduleColumns+`) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
		v.ID, v.Agent, v.Session, v.Name, v.By, string(rule), v.Text, string(list), micros(v.Created), micros(v.Due), micros(v.Next), v.State, v.Trigger,
		v.Fails, v.Runs, v.Idle, v.Missed, micros(v.Last), v.Reason)
	return err
}

// RemoveSchedule forgets one.
func (s *Store) RemoveSchedule(ctx context.Context, id string) error {
	return s.exec(ctx, `DELETE FROM schedules WHERE id = ?`, id)
}

// Fire stores a trigger of the clock, what it says and its schedule in one
// transaction.
func (s *Store) Fire(ctx context.Context, t agent.Trigger, w agent.Wake, v agent.Schedule) (fresh bool, err error) {
	parts, err := json.Marshal(w.Parts)
	if err != nil {
		return false, err
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `INSERT INTO triggers (id, agent, session, channel, source, kind, text, turn, state, received)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (agent, channel, source) DO NOTHING`,
			t.ID, t.Agent, t.Session, t.Channel, t.SourceID, t.Kind, t.Text, t.Turn, t.State, micros(t.Received))
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return err
		}
		if fresh = n == 1; !fresh {
			v.State, v.Trigger = agent.ScheduleActive, ""
			return putSchedule(ctx, tx, v)
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO wakes (trigger, schedule, note, parts) VALUES (?, ?, ?, ?)`, t.ID, w.Schedule, w.Note, string(parts)); err != nil {
			return err
		}
		return putSchedule(ctx, tx, v)
	})
	if err != nil {
		return false, fmt.Errorf("store: fire %s: %w", v.ID, err)
	}
	return fresh, nil
}

// Wake returns what was stored with a trigger of the clock.
func (s *Store) Wake(ctx context.Context, trigger string) (w agent.Wake, err error) {
	var parts string
	err = s.read.QueryRowContext(ctx, `SELECT trigger, schedule, note, parts FROM wakes WHERE trigger = ?`, trigger).Scan(&w.Trigger, &w.Schedule, &w.Note, &parts)
	if err == nil {
		err = json.Unmarshal([]byte(parts), &w.Parts)
	}
	if err != nil {
		return w, fmt.Errorf("store: what trigger %s says: %w", trigger, err)
	}
	return w, nil
}

// Outcome tells how far a trigger got and how its turn ended.
func (s *Store) Outcome(ctx context.Context, trigger string) (state agent.TriggerState, reason agent.Reason, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT triggers.state, coalesce(turns.reason, '') FROM triggers LEFT JOIN turns ON turns.id = triggers.turn WHERE triggers.id = ?`,
		trigger).Scan(&state, &reason)
	if errors.Is(err, sql.ErrNoRows) {
		return agent.Dropped, "", nil
	}
	return state, reason, err
}

// OwnerWord tells when the owner last said something to an agent.
func (s *Store) OwnerWord(ctx context.Context, name string) (time.Time, error) {
	var at sql.NullInt64
	err := s.read.QueryRowContext(ctx, `SELECT max((SELECT max(at) FROM entries WHERE session = sessions.id AND kind = 'owner')) FROM sessions WHERE agent = ?`, name).Scan(&at)
	return instant(at.Int64), err
}

// LastTurn tells when an agent's last turn ended, or began if it runs, and what
// started it; zero if there was none.
func (s *Store) LastTurn(ctx context.Context, name string) (at time.Time, kind string, err error) {
	var us int64
	err = s.read.QueryRowContext(ctx, `SELECT max(started, ended), coalesce((SELECT kind FROM triggers WHERE triggers.id = turns.trigger), '')
		FROM turns WHERE agent = ? ORDER BY n DESC LIMIT 1`, name).Scan(&us, &kind)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, "", nil
	}
	return instant(us), kind, err
}

// Used adds up what was spent, reserved or may have been of an account since a
// time.
func (s *Store) Used(ctx context.Context, account string, since time.Time) (n int64, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT coalesce(sum(amount), 0) FROM charges WHERE account = ? AND (at = 0 OR at >= ?)`, account, micros(since)).Scan(&n)
	return n, err
}
