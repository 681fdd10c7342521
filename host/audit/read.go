package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/mod/sumdb/tlog"
)

// errTrimmed says that a journal record is only in the tiles by now.
var errTrimmed = errors.New("not in the journal any more")

// Read calls fn for each record from index from on, up to the newest at the
// time of the call. It works while others append; what it shows is durable.
// An error of fn ends it and is returned.
func (l *Log) Read(ctx context.Context, from uint64, fn func(index uint64, r Record) error) error {
	l.token <- struct{}{}
	_ = l.sync() // a failure shows in Err; what was durable is still read
	<-l.token
	var c cursor
	defer c.close()
	c.next = from
	return l.readTo(ctx, &c, l.durableSize(), fn)
}

// Reader reads on each time where it stopped the last time. It is for one
// goroutine at a time and holds a file open until it is closed.
type Reader struct {
	log *Log
	at  cursor
}

// Reader makes one that begins at an index.
func (l *Log) Reader(from uint64) *Reader { return &Reader{log: l, at: cursor{next: from}} }

// Read is [Log.Read] of what was appended since.
func (r *Reader) Read(ctx context.Context, fn func(index uint64, r Record) error) error {
	l := r.log
	if l.Size() <= r.at.next {
		return nil
	}
	l.token <- struct{}{}
	_ = l.sync() // as in Log.Read
	<-l.token
	return l.readTo(ctx, &r.at, l.durableSize(), fn)
}

// Close closes the file. It may be called more than once.
func (r *Reader) Close() error {
	r.at.close()
	return nil
}

// Follow is Read that goes on with new records as they become durable, until
// ctx ends, fn fails, or the log is closed ([ErrClosed]).
func (l *Log) Follow(ctx context.Context, from uint64, fn func(index uint64, r Record) error) error {
	var c cursor
	defer c.close()
	c.next = from
	for {
		grown, durable, closed := l.watch()
		if err := l.readTo(ctx, &c, durable, fn); err != nil {
			return err
		}
		if closed {
			return ErrClosed
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-grown:
		}
	}
}

// watch returns a channel that closes when there is more than durable.
func (l *Log) watch() (grown <-chan struct{}, durable uint64, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.grown == nil {
		l.grown = make(chan struct{})
	}
	return l.grown, l.durable, l.closed
}

func (l *Log) durableSize() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.durable
}

// readTo reads the records from c.next to before end, old ones from the tiles.
func (l *Log) readTo(ctx context.Context, c *cursor, end uint64, fn func(uint64, Record) error) error {
	entry := func(index uint64, data []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		r, err := decodeRecord(data)
		if err != nil {
			return fmt.Errorf("%w: entry %d: %w", ErrDamaged, index, err)
		}
		return fn(index, r)
	}
	for c.next < end {
		err := l.readJournal(c, end, entry)
		if errors.Is(err, errTrimmed) {
			err = l.readTiles(c, end, entry)
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// cursor is a place in the journal; its zero value is the beginning of the log.
type cursor struct {
	next  uint64 // index of the next record
	f     *os.File
	first uint64 // of the segment that f is
	at    uint64 // index of the record at off
	off   int64
}

func (c *cursor) close() {
	if c.f != nil {
		c.f.Close()
		c.f = nil
	}
}

// span is a segment and how much of it is durable.
type span struct {
	first, next uint64 // records [first, next)
	end         int64  // offset, or 0 for all of a complete segment
}

// spanOf returns the segment that holds a durable record.
func (l *Log) spanOf(index uint64) (span, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := len(l.segments) - 1
	for i := last; i >= 0; i-- {
		if l.segments[i] > index {
			continue
		}
		if i == last {
			return span{first: l.segments[i], next: l.durable, end: l.synced}, nil
		}
		return span{first: l.segments[i], next: l.segments[i+1]}, nil
	}
	return span{}, errTrimmed
}

// readJournal calls fn for the records from c.next to before end. The entry is
// valid during the call.
func (l *Log) readJournal(c *cursor, end uint64, fn func(index uint64, entry []byte) error) error {
	for c.next < end {
		s, err := l.spanOf(c.next)
		if err != nil {
			return err
		}
		if err := l.seek(c, s); err != nil {
			return err
		}
		if s.end == 0 {
			st, err := c.f.Stat()
			if err != nil {
				return err
			}
			s.end = st.Size()
		}
		fr := newFrameReader(io.NewSectionReader(c.f, c.off, s.end-c.off), c.at, c.off)
		for fr.next < min(end, s.next) {
			fm, err := fr.read()
			if err != nil {
				return fmt.Errorf("%w: %s at byte %d: %w", ErrDamaged, l.paths.segment(s.first), fr.off, err)
			}
			c.at, c.off = fr.next, fr.off
			if fm.index < c.next {
				continue
			}
			c.next = fm.index + 1
			if err := fn(fm.index, fm.entry); err != nil {
				return err
			}
		}
	}
	return nil
}

// seek opens the segment s for c unless it is there already.
func (l *Log) seek(c *cursor, s span) error {
	if c.f != nil && c.first == s.first && c.at <= c.next {
		return nil
	}
	c.close()
	f, err := os.Open(l.paths.segment(s.first))
	if errors.Is(err, fs.ErrNotExist) {
		return errTrimmed
	}
	if err != nil {
		return err
	}
	c.f, c.first, c.at, c.off = f, s.first, s.first, int64(segmentHeader)
	return nil
}

// readTiles is readJournal for published records. It returns early, without an
// error, where a bundle was replaced meanwhile.
func (l *Log) readTiles(c *cursor, end uint64, fn func(index uint64, entry []byte) error) error {
	l.mu.Lock()
	end = min(end, l.published)
	l.mu.Unlock()
	for c.next < end {
		entries, err := l.paths.readBundle(c.next/tileWidth, end)
		if err != nil {
			l.mu.Lock()
			moved := l.published > end
			l.mu.Unlock()
			if moved && errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		base := c.next / tileWidth * tileWidth
		for _, entry := range entries[c.next-base:] {
			c.next++
			if err := fn(c.next-1, entry); err != nil {
				return err
			}
		}
	}
	return nil
}

// readBundle returns the entries of bundle n in a log of the given size.
func (p paths) readBundle(n, size uint64) ([][]byte, error) {
	t := tlog.Tile{H: tileHeight, L: entriesLevel, N: int64(n), W: int(min(tileWidth, size-n*tileWidth))}
	data, err := p.readTile(t)
	if err != nil {
		return nil, err
	}
	entries, err := parseBundle(data, t.W)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, p.tile(t), err)
	}
	return entries, nil
}
