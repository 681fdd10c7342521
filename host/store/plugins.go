package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
)

// Setting is what the owner chose for one installed plugin.
type Setting struct {
	Enabled bool
	Config  map[string]string
}

// SetSetting stores the owner's choices for a plugin.
func (s *Store) SetSetting(ctx context.Context, plugin string, v Setting) error {
	config, err := json.Marshal(v.Config)
	if err != nil {
		return err
	}
	return s.exec(ctx, `INSERT INTO plugins (name, enabled, config) VALUES (?,?,?)
		ON CONFLICT (name) DO UPDATE SET enabled = excluded.enabled, config = excluded.config`, plugin, v.Enabled, string(config))
}

// Settings returns the owner's choices by plugin.
func (s *Store) Settings(ctx context.Context) (map[string]Setting, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT name, enabled, config FROM plugins`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]Setting{}
	for rows.Next() {
		var name, config string
		var v Setting
		if err := rows.Scan(&name, &v.Enabled, &config); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(config), &v.Config); err != nil {
			return nil, fmt.Errorf("settings of %s: %w", name, err)
		}
		out[name] = v
	}
	return out, rows.Err()
}

// SetValue keeps one value of the host itself.
func (s *Store) SetValue(ctx context.Context, key, value string) error {
	return s.exec(ctx, `INSERT INTO settings (key, value) VALUES (?,?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`, key, value)
}

// Value returns one value of the host itself, "" if it was never set.
func (s *Store) Value(ctx context.Context, key string) (string, error) {
	var v string
	err := s.read.QueryRowContext(ctx, `SELECT value FROM settings WHERE key = ?`, key).Scan(&v)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return v, err
}
