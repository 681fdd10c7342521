package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ambithost/ambit/host/channel"
	wire "github.com/ambithost/ambit/sdk/channel"
)

// arrivalsKept is how long the id of what arrived is known after it was done
// with. A service that sends something again does so within days.
const arrivalsKept = 30 * 24 * time.Hour

// Cursor returns a channel's cursor.
func (s *Store) Cursor(ctx context.Context, plugin string) (json.RawMessage, error) {
	var cursor string
	err := s.read.QueryRowContext(ctx, `SELECT cursor FROM channel_cursors WHERE plugin = ?`, plugin).Scan(&cursor)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return json.RawMessage(cursor), err
}

// Arrive stores events that are new together with the cursor.
func (s *Store) Arrive(ctx context.Context, plugin string, cursor json.RawMessage, events []wire.Event) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		if err := arrive(ctx, tx, plugin, events); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO channel_cursors (plugin, cursor) VALUES (?, ?) ON CONFLICT (plugin) DO UPDATE SET cursor = excluded.cursor`, plugin, string(cursor))
		return err
	})
	if err != nil {
		return fmt.Errorf("store: what arrived over %s: %w", plugin, err)
	}
	return nil
}

// ArriveHook stores the events of a webhook, unless its mark is there already.
func (s *Store) ArriveHook(ctx context.Context, plugin, mark string, events []wire.Event) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `INSERT INTO arrivals (plugin, id, event, at) VALUES (?, ?, '', ?) ON CONFLICT (plugin, id) DO NOTHING`, plugin, mark, micros(time.Now()))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		return arrive(ctx, tx, plugin, events)
	})
	if err != nil {
		return fmt.Errorf("store: what arrived over %s: %w", plugin, err)
	}
	return nil
}

// arrive stores events that are new, and forgets ids that were kept long enough.
func arrive(ctx context.Context, tx *sql.Tx, plugin string, events []wire.Event) error {
	now := time.Now()
	for _, e := range events {
		b, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO arrivals (plugin, id, event, at) VALUES (?, ?, ?, ?) ON CONFLICT (plugin, id) DO NOTHING`,
			plugin, e.ID, string(b), micros(now)); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM arrivals WHERE plugin = ? AND event = '' AND at < ?`, plugin, micros(now.Add(-arrivalsKept)))
	return err
}

// Arrived tells whether something with this id arrived before.
func (s *Store) Arrived(ctx context.Context, plugin, id string) (known bool, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM arrivals WHERE plugin = ? AND id = ?)`, plugin, id).Scan(&known)
	return known, err
}

// Arrivals returns those not done with, oldest first.
func (s *Store) Arrivals(ctx context.Context, plugin string, limit int) ([]channel.Arrival, error) {
	return collect(ctx, s.read, func(r row) (a channel.Arrival, err error) {
		var event string
		if err = r.Scan(&a.N, &event); err != nil {
			return a, err
		}
		return a, json.Unmarshal([]byte(event), &a.Event)
	}, `SELECT n, event FROM arrivals WHERE plugin = ? AND event != '' ORDER BY n LIMIT ?`, plugin, limit)
}

// Done forgets what an arrival said.
func (s *Store) Done(ctx context.Context, n int64) error {
	return s.exec(ctx, `UPDATE arrivals SET event = '' WHERE n = ?`, n)
}

const peerColumns = `SELECT plugin, person, name, role, alias, agent, chat, code, expires, since, session, delivered, sending FROM peers`

func scanPeer(r row) (p channel.Peer, err error) {
	var expires, since int64
	err = r.Scan(&p.Plugin, &p.Person, &p.Name, &p.Role, &p.Alias, &p.Agent, &p.Chat, &p.Code, &expires, &since, &p.Session, &p.Delivered, &p.Sending)
	p.Expires, p.Since = instant(expires), instant(since)
	return p, err
}

// Peer finds somebody.
func (s *Store) Peer(ctx context.Context, plugin, person string) (channel.Peer, bool, error) {
	p, err := scanPeer(s.read.QueryRowContext(ctx, peerColumns+` WHERE plugin = ? AND person = ?`, plugin, person))
	if errors.Is(err, sql.ErrNoRows) {
		return channel.Peer{}, false, nil
	}
	return p, err == nil, err
}

// Peers lists everybody, by channel, those who came first before the others.
func (s *Store) Peers(ctx context.Context) ([]channel.Peer, error) {
	return collect(ctx, s.read, scanPeer, peerColumns+` ORDER BY plugin, since, person`)
}

// SavePeer writes a peer. How far its delivery got stays, unless its session is
// another.
func (s *Store) SavePeer(ctx context.Context, p channel.Peer) error {
	err := s.exec(ctx, `INSERT INTO peers (plugin, person, name, role, alias, agent, chat, code, expires, since, session) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (plugin, person) DO UPDATE SET name = excluded.name, role = excluded.role, alias = excluded.alias, agent = excluded.agent,
			chat = excluded.chat, code = excluded.code, expires = excluded.expires, since = excluded.since,
			delivered = CASE session WHEN excluded.session THEN delivered ELSE 0 END,
			sending = CASE session WHEN excluded.session THEN sending ELSE 0 END, session = excluded.session`,
		p.Plugin, p.Person, p.Name, p.Role, p.Alias, p.Agent, p.Chat, p.Code, micros(p.Expires), micros(p.Since), p.Session)
	if err != nil {
		return fmt.Errorf("store: %s over %s: %w", p.Person, p.Plugin, err)
	}
	return nil
}

// RemovePeer forgets somebody.
func (s *Store) RemovePeer(ctx context.Context, plugin, person string) error {
	return s.exec(ctx, `DELETE FROM peers WHERE plugin = ? AND person = ?`, plugin, person)
}

// Progress notes how far the delivery of a session got.
func (s *Store) Progress(ctx context.Context, p channel.Peer) error {
	return s.exec(ctx, `UPDATE peers SET delivered = ?, sending = ? WHERE plugin = ? AND person = ? AND session = ?`, p.Delivered, p.Sending, p.Plugin, p.Person, p.Session)
}
