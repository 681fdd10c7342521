package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/notebook"
)

// batch is how many rows are looked at, or changed, at once.
const batch = 500

// Sift shows every payload and erases those that drop wants gone. It returns how
// many it erased. The log stays verifiable, as with [Payloads.Erase].
func (p *Payloads) Sift(ctx context.Context, drop func(data []byte) bool) (erased int, err error) {
	if err := p.Flush(ctx); err != nil {
		return 0, err
	}
	for last := int64(-1); ; {
		type found struct {
			idx  int64
			gone bool
		}
		rows, err := collect(ctx, p.store.read, func(r row) (f found, err error) {
			var data []byte
			err = r.Scan(&f.idx, &data)
			f.gone = err == nil && drop(data)
			return f, err
		}, `SELECT idx, payload FROM payloads WHERE idx > ? ORDER BY idx LIMIT ?`, last, batch)
		if err != nil || len(rows) == 0 {
			return erased, err
		}
		last = rows[len(rows)-1].idx
		err = p.store.write(ctx, func(tx *sql.Tx) error {
			for _, f := range rows {
				if !f.gone {
					continue
				}
				erased++
				if _, err := tx.ExecContext(ctx, `DELETE FROM payloads WHERE idx = ?`, f.idx); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return erased, err
		}
	}
}

// Mention is a conversation that holds passages.
type Mention struct {
	Agent, Session string
	Entries        int
}

// Mentions are the conversations that hold any of the passages.
func (s *Store) Mentions(ctx context.Context, p notebook.Passages) (out []Mention, err error) {
	err = s.read3(ctx, `SELECT seq, session, message FROM entries WHERE seq > ? ORDER BY seq LIMIT ?`, func(_ int64, session, message string) error {
		if p.Empty() || !p.In([]byte(message)) {
			return nil
		}
		for i := range out {
			if out[i].Session == session {
				out[i].Entries++
				return nil
			}
		}
		out = append(out, Mention{Session: session, Entries: 1})
		return nil
	})
	for i := range out {
		if err == nil {
			var v agent.Session
			v, err = s.Session(ctx, out[i].Session)
			out[i].Agent = v.Agent
		}
	}
	return out, err
}

// read3 goes through a table in steps, so that nobody waits for all of it.
func (s *Store) read3(ctx context.Context, query string, see func(n int64, a, b string) error) error {
	type line struct {
		n    int64
		a, b string
	}
	for last := int64(-1); ; {
		rows, err := collect(ctx, s.read, func(r row) (l line, err error) { return l, r.Scan(&l.n, &l.a, &l.b) }, query, last, batch)
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, l := range rows {
			if err := see(l.n, l.a, l.b); err != nil {
				return err
			}
		}
		last = rows[len(rows)-1].n
	}
}

// kept are the places where conversations, and questions to the owner, hold what
// was said; each query gives a row's number, "" and the text. The text is JSON
// unless it is plain.
var kept = []struct {
	read, write string
	plain       bool
	answered    bool // no part of a conversation: taken out in any case
}{
	{read: `SELECT seq, '', message FROM entries WHERE seq > ? ORDER BY seq LIMIT ?`, write: `UPDATE entries SET message = ? WHERE seq = ?`},
	{read: `SELECT n, '', args FROM calls WHERE n > ? ORDER BY n LIMIT ?`, write: `UPDATE calls SET args = ? WHERE n = ?`},
	{read: `SELECT n, '', text FROM triggers WHERE n > ? ORDER BY n LIMIT ?`, write: `UPDATE triggers SET text = ? WHERE n = ?`, plain: true},
	{read: `SELECT w.n, '', parts FROM (SELECT triggers.n, parts FROM wakes JOIN triggers ON triggers.id = trigger) w WHERE w.n > ? ORDER BY w.n LIMIT ?`,
		write: `UPDATE wakes SET parts = ? WHERE trigger = (SELECT id FROM triggers WHERE n = ?)`},
	{read: `SELECT id, '', request FROM approvals WHERE id > ? AND state != 'waiting' ORDER BY id LIMIT ?`, write: `UPDATE approvals SET request = ? WHERE id = ?`, answered: true},
}

// Redact takes passages out of the questions that the owner answered and, with
// history, out of conversations. It returns how many rows it changed.
func (s *Store) Redact(ctx context.Context, p notebook.Passages, history bool) (changed int, err error) {
	if p.Empty() {
		return 0, nil
	}
	for _, place := range kept {
		if !history && !place.answered {
			continue
		}
		err = errors.Join(err, s.read3(ctx, place.read, func(n int64, _, text string) error {
			clean := []byte(p.Without(text))
			if !place.plain {
				if !p.In([]byte(text)) {
					return nil
				}
				var err error
				if clean, err = p.WithoutJSON([]byte(text)); err != nil {
					return fmt.Errorf("store: forget: %w", err)
				}
			}
			if string(clean) == text {
				return nil
			}
			changed++
			return s.exec(ctx, place.write, string(clean), n)
		}))
	}
	return changed, err
}

// Scrub brings everything from the write-ahead log into the database and empties
// it: what was deleted stands in neither.
func (s *Store) Scrub(ctx context.Context) error {
	var busy, frames, moved int
	if err := s.writer.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &frames, &moved); err != nil {
		return fmt.Errorf("store: checkpoint: %w", err)
	}
	if busy != 0 {
		return errors.New("store: the write-ahead log is in use and still holds what was deleted, until the host ends")
	}
	return nil
}
