package store

import (
	"context"
	"database/sql"
	"errors"
)

// Get returns one value of a plugin's own store.
func (s *Store) Get(ctx context.Context, plugin, key string) (value []byte, found bool, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT value FROM kv WHERE plugin = ? AND key = ?`, plugin, key).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	return value, err == nil, err
}

// Put writes one value.
func (s *Store) Put(ctx context.Context, plugin, key string, value []byte) error {
	if value == nil {
		value = []byte{}
	}
	return s.exec(ctx, `INSERT INTO kv (plugin, key, value) VALUES (?, ?, ?)
		ON CONFLICT (plugin, key) DO UPDATE SET value = excluded.value`, plugin, key, value)
}

// Delete removes one value; a missing one is no error.
func (s *Store) Delete(ctx context.Context, plugin, key string) error {
	return s.exec(ctx, `DELETE FROM kv WHERE plugin = ? AND key = ?`, plugin, key)
}

// Keys lists a plugin's keys with a prefix, sorted.
func (s *Store) Keys(ctx context.Context, plugin, prefix string) ([]string, error) {
	return s.list(ctx, `SELECT key FROM kv WHERE plugin = ? AND substr(key, 1, length(?)) = ? ORDER BY key`, plugin, prefix, prefix)
}

// DeletePlugin forgets all that is kept for a plugin: values and settings.
func (s *Store) DeletePlugin(ctx context.Context, plugin string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		for _, q := range []string{`DELETE FROM kv WHERE plugin = ?`, `DELETE FROM plugins WHERE name = ?`} {
			if _, err := tx.ExecContext(ctx, q, plugin); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) list(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []string{}
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// Usage returns how many keys a plugin has and how many bytes keys and values
// take together.
func (s *Store) Usage(ctx context.Context, plugin string) (keys int, bytes int64, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT count(*), coalesce(sum(length(CAST(key AS BLOB)) + length(value)), 0) FROM kv WHERE plugin = ?`, plugin).Scan(&keys, &bytes)
	return keys, bytes, err
}
