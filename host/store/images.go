package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/sdk/model"
)

// KeepImages stores images of a session and lets go of those beyond its newest
// keep. One that is stored again counts as new.
func (s *Store) KeepImages(ctx context.Context, session string, keep int, images []model.Image, refs []agent.ImageRef) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		for i, image := range images {
			if _, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO images (session, digest, data) VALUES (?, ?, ?)`, session, refs[i].Digest, image.Data); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM images WHERE session = ? AND n NOT IN (SELECT n FROM images WHERE session = ? ORDER BY n DESC LIMIT ?)`, session, session, keep)
		return err
	})
}

// Image returns an image's bytes, or found false when it is no longer kept.
func (s *Store) Image(ctx context.Context, session, digest string) (data []byte, found bool, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT data FROM images WHERE session = ? AND digest = ?`, session, digest).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	return data, err == nil, err
}

// Spent is what turns used.
type Spent struct {
	Turns         int
	Input, Output int64 // tokens
	Cost          int64 // millionths of the prices' currency
	Unpriced      int64 // tokens that had no price
}

// SpentSince adds up the turns that an agent ended at or after a time.
func (s *Store) SpentSince(ctx context.Context, name string, since time.Time) (v Spent, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT count(*), coalesce(sum(input), 0), coalesce(sum(output), 0), coalesce(sum(cost), 0), coalesce(sum(unpriced), 0)
		FROM turns WHERE agent = ? AND ended >= ?`, name, max(micros(since), 1)).Scan(&v.Turns, &v.Input, &v.Output, &v.Cost, &v.Unpriced)
	return v, err
}

// SpentIn adds up a session's turns.
func (s *Store) SpentIn(ctx context.Context, session string) (v Spent, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT count(*), coalesce(sum(input), 0), coalesce(sum(output), 0), coalesce(sum(cost), 0), coalesce(sum(unpriced), 0)
		FROM turns WHERE session = ?`, session).Scan(&v.Turns, &v.Input, &v.Output, &v.Cost, &v.Unpriced)
	return v, err
}

// refsText and refsIn are how rows write references to images; "" is none.
func refsText(refs []agent.ImageRef) string {
	if len(refs) == 0 {
		return ""
	}
	b, err := json.Marshal(refs)
	if err != nil { // text and numbers always can be
		return ""
	}
	return string(b)
}

func refsIn(text string) (refs []agent.ImageRef, err error) {
	if text == "" {
		return nil, nil
	}
	err = json.Unmarshal([]byte(text), &refs)
	return refs, err
}
