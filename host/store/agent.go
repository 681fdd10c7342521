package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ambithost/ambit/host/agent"
)

// Accept stores a trigger once per agent, channel and source id.
func (s *Store) Accept(ctx context.Context, t agent.Trigger) (stored agent.Trigger, fresh bool, err error) {
	err = s.write(ctx, func(tx *sql.Tx) (err error) {
		stored, fresh, err = accept(ctx, tx, t)
		return err
	})
	if err != nil {
		return agent.Trigger{}, false, fmt.Errorf("store: accept: %w", err)
	}
	return stored, fresh, nil
}

// Occur stores a trigger that is no message and what it says.
func (s *Store) Occur(ctx context.Context, t agent.Trigger, w agent.Wake) (stored agent.Trigger, fresh bool, err error) {
	parts, err := json.Marshal(w.Parts)
	if err != nil {
		return stored, false, err
	}
	err = s.write(ctx, func(tx *sql.Tx) (err error) {
		if stored, fresh, err = accept(ctx, tx, t); err != nil || !fresh {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO wakes (trigger, schedule, note, parts) VALUES (?, ?, ?, ?)`, t.ID, w.Schedule, w.Note, string(parts))
		return err
	})
	if err != nil {
		return agent.Trigger{}, false, fmt.Errorf("store: occur: %w", err)
	}
	return stored, fresh, nil
}

func accept(ctx context.Context, tx *sql.Tx, t agent.Trigger) (stored agent.Trigger, fresh bool, err error) {
	source := sql.NullString{String: t.SourceID, Valid: t.SourceID != ""}
	res, err := tx.ExecContext(ctx, `INSERT INTO triggers (id, agent, session, channel, source, kind, sender, text, turn, state, attempts, received, images, alone)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (agent, channel, source) DO NOTHING`,
		t.ID, t.Agent, t.Session, t.Channel, source, t.Kind, t.From, t.Text, t.Turn, t.State, t.Attempts, micros(t.Received), refsText(t.Images), t.Alone)
	if err != nil {
		return stored, false, err
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return t, err == nil, err
	}
	stored, err = scanTrigger(tx.QueryRowContext(ctx, triggerColumns+` WHERE agent = ? AND channel = ? AND source = ?`, t.Agent, t.Channel, source))
	return stored, false, err
}

// Settle ends triggers that no turn will answer.
func (s *Store) Settle(ctx context.Context, state agent.TriggerState, ids ...string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		for _, id := range ids {
			if _, err := tx.ExecContext(ctx, `UPDATE triggers SET state = ? WHERE id = ?`, state, id); err != nil {
				return err
			}
		}
		return nil
	})
}

const triggerColumns = `SELECT id, agent, session, channel, coalesce(source, ''), kind, sender, text, turn, state, attempts, received, images, alone FROM triggers`

type row interface{ Scan(...any) error }

func scanTrigger(r row) (t agent.Trigger, err error) {
	var received int64
	var images string
	err = r.Scan(&t.ID, &t.Agent, &t.Session, &t.Channel, &t.SourceID, &t.Kind, &t.From, &t.Text, &t.Turn, &t.State, &t.Attempts, &received, &images, &t.Alone)
	if err == nil {
		t.Images, err = refsIn(images)
	}
	t.Received = instant(received)
	return t, err
}

// Waiting returns the pending triggers of an agent, oldest first.
func (s *Store) Waiting(ctx context.Context, name string) ([]agent.Trigger, error) {
	return collect(ctx, s.read, scanTrigger, triggerColumns+` WHERE agent = ? AND state = ? ORDER BY n`, name, agent.Pending)
}

// Record writes one step of a turn in one transaction.
func (s *Store) Record(ctx context.Context, st *agent.Step) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		exec := func(query string, args ...any) error {
			_, err := tx.ExecContext(ctx, query, args...)
			return err
		}
		if err := recordBegin(exec, st); err != nil {
			return err
		}
		for i := range st.Entries {
			if err := recordEntry(ctx, tx, st.Session, &st.Entries[i]); err != nil {
				return err
			}
		}
		for _, c := range st.Calls {
			if err := exec(`INSERT INTO calls (turn, id, tool, args, state) VALUES (?, ?, ?, ?, ?)
				ON CONFLICT (turn, id) DO UPDATE SET state = excluded.state`, c.Turn, c.ID, c.Tool, string(c.Args), c.State); err != nil {
				return err
			}
		}
		if err := recordSession(exec, st); err != nil {
			return err
		}
		return recordEnd(exec, st)
	})
	if err != nil {
		return fmt.Errorf("store: turn %s: %w", st.Turn, err)
	}
	return nil
}

func recordBegin(exec func(string, ...any) error, st *agent.Step) error {
	if st.Agent != "" {
		now := micros(time.Now())
		if len(st.Entries) > 0 {
			now = micros(st.Entries[0].At)
		}
		if err := exec(`INSERT INTO sessions (id, agent, created, updated) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`, st.Session, st.Agent, now, now); err != nil {
			return err
		}
	}
	if t := st.Begin; t != nil {
		at := micros(t.Started)
		if err := exec(`INSERT INTO sessions (id, agent, parent, created, updated) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET updated = excluded.updated`, t.Session, t.Agent, st.Parent, at, at); err != nil {
			return err
		}
		if err := exec(`INSERT INTO turns (id, agent, session, trigger, reason, started) VALUES (?, ?, ?, ?, ?, ?)`,
			t.ID, t.Agent, t.Session, t.Trigger, agent.Active, at); err != nil {
			return err
		}
	}
	for _, id := range st.Take {
		if err := exec(`UPDATE triggers SET turn = ?, state = ?, attempts = attempts + 1 WHERE id = ?`, st.Turn, agent.Running, id); err != nil {
			return err
		}
	}
	return nil
}

func recordEntry(ctx context.Context, tx *sql.Tx, session string, e *agent.Entry) error {
	message, err := json.Marshal(e.Message)
	if err != nil {
		return err
	}
	var source []byte
	if e.Source != nil {
		if source, err = json.Marshal(e.Source); err != nil {
			return err
		}
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO entries (session, turn, kind, message, at, source, images) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		session, e.Turn, e.Kind, string(message), micros(e.At), string(source), refsText(e.Images))
	if err != nil {
		return err
	}
	e.Seq, err = res.LastInsertId()
	return err
}

func recordSession(exec func(string, ...any) error, st *agent.Step) error {
	if st.Labels != nil {
		labels, err := json.Marshal(st.Labels)
		if err != nil {
			return err
		}
		if err := exec(`UPDATE sessions SET labels = ? WHERE id = ?`, string(labels), st.Session); err != nil {
			return err
		}
	}
	if st.Model != nil {
		if err := exec(`UPDATE sessions SET model = ? WHERE id = ?`, *st.Model, st.Session); err != nil {
			return err
		}
	}
	if st.Floor != 0 {
		return exec(`UPDATE sessions SET floor = ? WHERE id = ?`, st.Floor, st.Session)
	}
	return nil
}

func recordEnd(exec func(string, ...any) error, st *agent.Step) error {
	t := st.End
	if t == nil {
		return nil
	}
	at := micros(t.Ended)
	if err := exec(`UPDATE turns SET reason = ?, detail = ?, steps = ?, input = ?, output = ?, cached = ?, cost = ?, unpriced = ?, ended = ? WHERE id = ?`,
		t.Reason, t.Detail, t.Steps, t.Usage.Input, t.Usage.Output, t.Usage.Cached, t.Cost, t.Unpriced, at, t.ID); err != nil {
		return err
	}
	if err := exec(`UPDATE sessions SET updated = ? WHERE id = ?`, at, t.Session); err != nil {
		return err
	}
	state := agent.Answered
	if st.Retry {
		state = agent.Pending
	}
	return exec(`UPDATE triggers SET state = ? WHERE turn = ? AND state = ?`, state, t.ID, agent.Running)
}

// Open returns the turns of an agent that never ended, oldest first.
func (s *Store) Open(ctx context.Context, name string) ([]agent.OpenTurn, error) {
	open, err := collect(ctx, s.read, func(r row) (t agent.OpenTurn, err error) {
		var started int64
		err = r.Scan(&t.ID, &t.Agent, &t.Session, &t.Trigger, &t.Reason, &t.Steps, &started)
		t.Started = instant(started)
		return t, err
	}, `SELECT id, agent, session, trigger, reason, steps, started FROM turns WHERE agent = ? AND ended = 0 ORDER BY n`, name)
	if err != nil {
		return nil, err
	}
	for i := range open {
		if open[i].Triggers, err = collect(ctx, s.read, scanTrigger, triggerColumns+` WHERE turn = ? AND state = ? ORDER BY n`, open[i].ID, agent.Running); err != nil {
			return nil, err
		}
	}
	return open, nil
}

// Calls returns the calls that any turn made for a trigger, oldest first.
func (s *Store) Calls(ctx context.Context, trigger string) ([]agent.Call, error) {
	return collect(ctx, s.read, func(r row) (c agent.Call, err error) {
		var args string
		err = r.Scan(&c.Turn, &c.ID, &c.Tool, &args, &c.State)
		c.Args = json.RawMessage(args)
		return c, err
	}, `SELECT calls.turn, calls.id, tool, args, state FROM calls JOIN turns ON turns.id = calls.turn WHERE trigger = ? ORDER BY calls.n`, trigger)
}

const sessionColumns = `SELECT id, agent, labels, parent, floor, model, created, updated FROM sessions`

func scanSession(r row) (v agent.Session, err error) {
	var labels string
	var created, updated int64
	if err = r.Scan(&v.ID, &v.Agent, &labels, &v.Parent, &v.Floor, &v.Model, &created, &updated); err != nil {
		return v, err
	}
	v.Created, v.Updated = instant(created), instant(updated)
	return v, json.Unmarshal([]byte(labels), &v.Labels)
}

// Session returns one session; an unknown one is zero but for its ID.
func (s *Store) Session(ctx context.Context, id string) (agent.Session, error) {
	v, err := scanSession(s.read.QueryRowContext(ctx, sessionColumns+` WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return agent.Session{ID: id}, nil
	}
	return v, err
}

// Sessions lists an agent's sessions, the last used first.
func (s *Store) Sessions(ctx context.Context, name string) ([]agent.Session, error) {
	return collect(ctx, s.read, scanSession, sessionColumns+` WHERE agent = ? ORDER BY updated DESC, id`, name)
}

// Entries returns up to limit entries of a session from seq on; limit 0 is all.
func (s *Store) Entries(ctx context.Context, session string, from int64, limit int) ([]agent.Entry, error) {
	if limit <= 0 {
		limit = -1
	}
	return collect(ctx, s.read, scanEntry, entryColumns+` AND seq >= ? ORDER BY seq LIMIT ?`, session, from, limit)
}

// LastEntries returns the newest entries of a session, at most so many, in their
// order.
func (s *Store) LastEntries(ctx context.Context, session string, most int) ([]agent.Entry, error) {
	list, err := collect(ctx, s.read, scanEntry, entryColumns+` ORDER BY seq DESC LIMIT ?`, session, most)
	slices.Reverse(list)
	return list, err
}

const entryColumns = `SELECT seq, turn, kind, message, at, source, images FROM entries WHERE session = ?`

func scanEntry(r row) (e agent.Entry, err error) {
	var message, source, images string
	var at int64
	if err = r.Scan(&e.Seq, &e.Turn, &e.Kind, &message, &at, &source, &images); err != nil {
		return e, err
	}
	if e.Images, err = refsIn(images); err != nil {
		return e, err
	}
	e.At = instant(at)
	if source != "" {
		if err := json.Unmarshal([]byte(source), &e.Source); err != nil {
			return e, err
		}
	}
	return e, json.Unmarshal([]byte(message), &e.Message)
}

func collect[T any](ctx context.Context, db *sql.DB, scan func(row) (T, error), query string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// micros and instant are how the schema writes times; 0 is none.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func instant(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
