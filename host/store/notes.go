package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/ambithost/ambit/host/notebook"
)

const noteColumns = `SELECT notes.agent, notes.name, labels, sources, by, created, changed, size, digest`

// wholeNote is up to how many bytes a note that was found is given whole.
const wholeNote = 1024

func scanNote(r row, more ...any) (v notebook.Record, err error) {
	var labels, sources string
	var created, changed int64
	if err = r.Scan(append([]any{&v.Agent, &v.Name, &labels, &sources, &v.By, &created, &changed, &v.Size, &v.Digest}, more...)...); err != nil {
		return v, err
	}
	v.Created, v.Changed = instant(created), instant(changed)
	return v, errors.Join(json.Unmarshal([]byte(labels), &v.Labels), json.Unmarshal([]byte(sources), &v.Sources))
}

// Notes returns what is known about an agent's notes, by name.
func (s *Store) Notes(ctx context.Context, name string) ([]notebook.Record, error) {
	return collect(ctx, s.read, func(r row) (notebook.Record, error) { return scanNote(r) }, noteColumns+` FROM notes WHERE agent = ? ORDER BY notes.name`, name)
}

// PutNote stores a record and, with a text, what searches find of it.
func (s *Store) PutNote(ctx context.Context, v notebook.Record, text *string) error {
	labels, err := json.Marshal(append([]string{}, v.Labels...))
	if err != nil {
		return err
	}
	sources, err := json.Marshal(append([]notebook.Source{}, v.Sources...))
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		var n int64
		err := tx.QueryRowContext(ctx, `INSERT INTO notes (agent, name, labels, sources, by, created, changed, size, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (agent, name) DO UPDATE SET labels = excluded.labels, sources = excluded.sources, by = excluded.by,
			changed = excluded.changed, size = excluded.size, digest = excluded.digest RETURNING n`,
			v.Agent, v.Name, string(labels), string(sources), v.By, micros(v.Created), micros(v.Changed), v.Size, v.Digest).Scan(&n)
		if err != nil || text == nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM notes_text WHERE rowid = ?`, n); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO notes_text (rowid, name, text) VALUES (?, ?, ?)`, n, v.Name, *text)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: note: %w", err)
	}
	return nil
}

// DropNote forgets a record and its text.
func (s *Store) DropNote(ctx context.Context, name, note string) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM notes_text WHERE rowid = (SELECT n FROM notes WHERE agent = ? AND name = ?)`, name, note); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM notes WHERE agent = ? AND name = ?`, name, note)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: note: %w", err)
	}
	return nil
}

// FindNotes searches by words. Each is quoted, so that none is taken for an
// operator of the search language.
func (s *Store) FindNotes(ctx context.Context, name string, words []string, all bool, limit int) ([]notebook.Found, error) {
	if len(words) == 0 {
		return nil, nil
	}
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = `"` + strings.ReplaceAll(w, `"`, `""`) + `" *`
	}
	operator := " OR "
	if all {
		operator = " AND "
	}
	found, err := collect(ctx, s.read, func(r row) (f notebook.Found, err error) {
		f.Record, err = scanNote(r, &f.Text, &f.Whole)
		return f, err
	}, noteColumns+`, CASE WHEN length(text) <= ? THEN text ELSE snippet(notes_text, 1, '', '', ' … ', 48) END, length(text) <= ?
		FROM notes_text JOIN notes ON notes.n = notes_text.rowid
		WHERE notes_text MATCH ? AND agent = ? ORDER BY notes_text.rank, n LIMIT ?`, wholeNote, wholeNote, strings.Join(quoted, operator), name, limit)
	if err != nil {
		return nil, fmt.Errorf("store: search: %w", err)
	}
	return found, nil
}
