package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"
)

// Payloads keeps what opens the audit log's commitments, apart from the log so
// that it can be erased. Writes are gathered and stored within a second: the
// log is the record, a payload lost in a crash loses no evidence.
type Payloads struct {
	store *Store
	stop  chan struct{}
	done  chan struct{}

	mu    sync.Mutex
	queue []payload
	bytes int
}

type payload struct {
	index      uint64
	salt, data []byte
}

// maxQueued bounds the memory of payloads that wait, in bytes; beyond it a
// writer stores them itself.
const maxQueued = 8 << 20

// Payloads starts the background writer. Close it before the store.
func (s *Store) Payloads() *Payloads {
	p := &Payloads{store: s, stop: make(chan struct{}), done: make(chan struct{})}
	go p.run()
	return p
}

// PutPayload queues one payload.
func (p *Payloads) PutPayload(ctx context.Context, index uint64, salt, data []byte) error {
	p.mu.Lock()
	p.queue = append(p.queue, payload{index, salt, data})
	p.bytes += len(data)
	full := p.bytes > maxQueued
	p.mu.Unlock()
	if full {
		return p.Flush(ctx)
	}
	return nil
}

// Flush stores what is queued.
func (p *Payloads) Flush(ctx context.Context) error {
	p.mu.Lock()
	queue := p.queue
	p.queue, p.bytes = nil, 0
	p.mu.Unlock()
	if len(queue) == 0 {
		return nil
	}
	return p.store.write(ctx, func(tx *sql.Tx) error {
		stmt, err := tx.PrepareContext(ctx, `INSERT OR REPLACE INTO payloads (idx, salt, payload) VALUES (?,?,?)`)
		if err != nil {
			return err
		}
		defer stmt.Close()
		for _, e := range queue {
			if _, err := stmt.ExecContext(ctx, int64(e.index), e.salt, e.data); err != nil { //nolint:gosec // an index is far below 2^63
				return err
			}
		}
		return nil
	})
}

// Payload returns what was kept for a record, or found false once erased.
func (p *Payloads) Payload(ctx context.Context, index uint64) (salt, data []byte, found bool, err error) {
	if err := p.Flush(ctx); err != nil {
		return nil, nil, false, err
	}
	err = p.store.read.QueryRowContext(ctx, `SELECT salt, payload FROM payloads WHERE idx = ?`, int64(index)).Scan(&salt, &data) //nolint:gosec // as above
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, false, nil
	}
	return salt, data, err == nil, err
}

// Erase forgets the payloads of records before index. The log stays
// verifiable: it holds only their keyed hashes, and the keys go too.
func (p *Payloads) Erase(ctx context.Context, before uint64) error {
	if err := p.Flush(ctx); err != nil {
		return err
	}
	return p.store.exec(ctx, `DELETE FROM payloads WHERE idx < ?`, int64(before)) //nolint:gosec // as above
}

func (p *Payloads) run() {
	defer close(p.done)
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = p.Flush(context.Background()) // what failed shows at the next read or close
		case <-p.stop:
			return
		}
	}
}

// Close stores what is queued and stops.
func (p *Payloads) Close() error {
	select {
	case <-p.stop:
	default:
		close(p.stop)
	}
	<-p.done
	return p.Flush(context.Background())
}
