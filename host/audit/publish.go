package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// publisher turns durable records into tiles and signed checkpoints.
type publisher struct {
	tree   tree
	bundle []byte // the entries of the unfinished bundle
	ledger *ledger
	cursor cursor
	// Partial tiles of the last and the one before: a reader that holds the
	// checkpoint before the last can still follow it.
	current, previous []tlog.Tile
	failing           bool
}

// step is one publication in the making; the publisher changes only if all of
// it got to disk.
type step struct {
	tree   tree
	bundle []byte
	ledger *ledger
	files  *staged
	paths  paths
	odd    []string // problems of order, for the logger
}

// Publish makes what was appended durable and covered by a checkpoint.
func (l *Log) Publish(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.token <- struct{}{}
	err := l.sync()
	<-l.token
	if err != nil {
		return err
	}
	return l.publish()
}

// publishQuietly is publish for the background, which tries again anyway.
func (l *Log) publishQuietly() {
	err := l.publish()
	l.pubM.Lock()
	defer l.pubM.Unlock()
	switch {
	case err != nil && !l.pub.failing:
		l.cfg.Logger.Error("checkpoint can't be published, records stay in the journal until it can", "error", err)
	case err == nil && l.pub.failing:
		l.cfg.Logger.Info("checkpoints are published again")
	}
	l.pub.failing = err != nil
}

// publish brings tiles and checkpoint up to the durable records.
func (l *Log) publish() error {
	l.pubM.Lock()
	defer l.pubM.Unlock()
	target := l.durableSize()
	p := &l.pub
	if target == p.tree.size && l.checkpoint != nil {
		return nil
	}
	s := &step{tree: p.tree.clone(), bundle: slices.Clone(p.bundle), ledger: p.ledger.clone(), files: newStaged(l.paths.tmp()), paths: l.paths}
	defer s.files.discard()
	p.cursor.next = p.tree.size
	if err := l.readJournal(&p.cursor, target, s.integrate); err != nil {
		return fmt.Errorf("audit: publish: %w", err)
	}
	checkpoint, partials, err := s.finish(l.key)
	if err != nil {
		return fmt.Errorf("audit: publish: %w", err)
	}
	if err := writeDurable(l.paths.tmp(), l.paths.checkpoint(), checkpoint); err != nil {
		return fmt.Errorf("audit: publish checkpoint: %w", err)
	}
	for _, odd := range s.odd {
		l.cfg.Logger.Warn("audit record out of order", "problem", odd)
	}
	p.tree, p.bundle, p.ledger = s.tree, s.bundle, s.ledger
	old := p.previous
	p.previous, p.current = p.current, partials
	l.mu.Lock()
	l.published, l.checkpoint = target, checkpoint
	l.mu.Unlock()
	l.tidy(old)
	return nil
}

// integrate takes the next entry.
func (s *step) integrate(index uint64, entry []byte) error {
	if index != s.tree.size {
		return fmt.Errorf("entry %d in place of %d", index, s.tree.size)
	}
	r, err := decodeRecord(entry)
	if err != nil {
		return fmt.Errorf("entry %d: %w", index, err)
	}
	if index >= s.ledger.size { // Open may have read further than was published
		if odd := s.ledger.add(r); odd != "" {
			s.odd = append(s.odd, fmt.Sprintf("entry %d: %s", index, odd))
		}
	}
	s.bundle = appendEntry(s.bundle, entry)
	if err := s.tree.add(tlog.RecordHash(entry), func(t tlog.Tile, data []byte) error {
		return s.files.add(s.paths.tile(t), data)
	}); err != nil {
		return err
	}
	if s.tree.size%tileWidth > 0 {
		return nil
	}
	full := tlog.Tile{H: tileHeight, L: entriesLevel, N: int64(index / tileWidth), W: tileWidth}
	err = s.files.add(s.paths.tile(full), s.bundle)
	s.bundle = s.bundle[:0]
	return err
}

// finish writes the unfinished tiles and what Open wants to know, makes all
// durable, and returns the checkpoint that may now be shown.
func (s *step) finish(k key) (checkpoint []byte, partials []tlog.Tile, err error) {
	partials = s.tree.partials()
	for _, t := range partials {
		if err := s.files.add(s.paths.tile(t), s.tree.edges[t.L]); err != nil {
			return nil, nil, err
		}
	}
	if w := int(s.tree.size % tileWidth); w > 0 {
		t := tlog.Tile{H: tileHeight, L: entriesLevel, N: int64(s.tree.size / tileWidth), W: w}
		if err := s.files.add(s.paths.tile(t), s.bundle); err != nil {
			return nil, nil, err
		}
		partials = append(partials, t)
	}
	state, err := s.ledger.marshal()
	if err != nil {
		return nil, nil, err
	}
	if err := s.files.add(s.paths.open(), state); err != nil {
		return nil, nil, err
	}
	if err := s.files.commit(); err != nil {
		return nil, nil, err
	}
	root, err := s.tree.root()
	if err != nil {
		return nil, nil, err
	}
	checkpoint, err = k.sign(s.tree.size, root)
	return checkpoint, partials, err
}

// tidy removes partial tiles that newer ones replace, and journal files that
// the checkpoint covers. What it can't remove, a later start does.
func (l *Log) tidy(old []tlog.Tile) {
	for _, t := range old {
		if slices.Contains(l.pub.current, t) || slices.Contains(l.pub.previous, t) {
			continue // an edge that did not grow
		}
		path := l.paths.tile(t)
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			l.cfg.Logger.Debug("remove old partial tile", "error", err)
		}
		os.Remove(filepath.Dir(path)) // fails while others are in it, as it should
	}
	l.mu.Lock()
	var done []uint64
	for len(l.segments) > 1 && l.segments[1] <= l.published {
		done = append(done, l.segments[0])
		l.segments = l.segments[1:]
	}
	l.mu.Unlock()
	if len(done) == 0 {
		return
	}
	for _, first := range done {
		if first == l.pub.cursor.first {
			l.pub.cursor.close()
		}
		if err := os.Remove(l.paths.segment(first)); err != nil {
			l.cfg.Logger.Warn("remove journal file", "error", err)
		}
	}
	if err := syncDir(l.paths.journal()); err != nil {
		l.cfg.Logger.Warn("sync journal folder", "error", err)
	}
}
