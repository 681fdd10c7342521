package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"
)

// Open opens the log in cfg.Dir, or makes one. It cuts a record that a crash
// has torn and says so in a [Recovery] record; it refuses a log that is
// damaged otherwise ([ErrDamaged]) or in use ([ErrLocked]). A log that can't
// be written at the moment opens, and [Log.Err] is set.
func Open(ctx context.Context, cfg Config) (*Log, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	l := &Log{cfg: cfg, paths: paths{cfg.Dir}, token: make(chan struct{}, 1)}
	if err := l.open(ctx); err != nil {
		if l.lock != nil {
			l.release()
		}
		return nil, err
	}
	l.run()
	return l, nil
}

func (l *Log) open(ctx context.Context) error {
	if err := l.claim(); err != nil {
		return err
	}
	fresh, err := l.isFresh()
	if err != nil {
		return err
	}
	if l.key, err = loadKey(l.paths, l.cfg.Origin, fresh); err != nil {
		return err
	}
	if err := l.loadPublished(fresh); err != nil {
		return err
	}
	torn, err := l.loadJournal(fresh)
	if err != nil {
		return err
	}
	if err := l.loadPending(ctx); err != nil {
		return err
	}
	l.removeStalePartials()
	if torn != "" {
		l.cfg.Logger.Warn("audit log was cut after a crash", "found", torn)
		r := Record{Kind: Recovery, Actor: "host", Detail: torn, Time: l.cfg.Now()}
		if err := l.note(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// claim makes the folders and takes the lock.
func (l *Log) claim() error {
	for _, dir := range []string{l.paths.dir, l.paths.tmp(), l.paths.journal(), l.paths.public()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("audit: make folder: %w", err)
		}
	}
	f, err := os.OpenFile(l.paths.lock(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("audit: lock: %w", err)
	}
	held, err := tryLock(f)
	if held {
		err = fmt.Errorf("%w: another process has %s open; stop it first", ErrLocked, l.paths.dir)
	}
	if err != nil {
		f.Close()
		return err
	}
	l.lock = f
	leftovers, err := os.ReadDir(l.paths.tmp())
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	for _, e := range leftovers {
		if err := os.Remove(filepath.Join(l.paths.tmp(), e.Name())); err != nil {
			return fmt.Errorf("audit: remove what a crash left: %w", err)
		}
	}
	return nil
}

// isFresh reports whether the folder holds no log yet. The checkpoint is the
// first thing written after the key, so that its absence next to a journal
// means loss.
func (l *Log) isFresh() (bool, error) {
	_, err := os.Stat(l.paths.checkpoint())
	if err == nil {
		return false, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("audit: %w", err)
	}
	firsts, err := listSegments(l.paths)
	if err != nil {
		return false, fmt.Errorf("audit: %w", err)
	}
	if len(firsts) > 0 {
		return false, l.damaged("there is a journal and no %s", l.paths.checkpoint())
	}
	return true, nil
}

func (l *Log) damaged(format string, a ...any) error {
	return fmt.Errorf("%w: %w; restore %s from a backup, or move it away to start a new log",
		ErrDamaged, fmt.Errorf(format, a...), l.paths.dir)
}

// loadPublished reads the checkpoint and the right edge of its tree, and
// checks one against the other.
func (l *Log) loadPublished(fresh bool) error {
	l.pub.ledger = newLedger()
	if fresh {
		// An empty tree, so that there always is a checkpoint.
		return l.publish()
	}
	signed, err := readCapped(l.paths.checkpoint(), maxSmallFile)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	size, want, err := l.key.openCheckpoint(signed)
	if err != nil {
		return l.damaged("%s: %w", l.paths.checkpoint(), err)
	}
	t := tree{size: size}
	for _, tile := range edgeTiles(size) {
		for len(t.edges) <= tile.L {
			t.edges = append(t.edges, nil)
		}
		if t.edges[tile.L], err = l.paths.readTile(tile); err != nil {
			return l.damaged("a tile of the checkpoint can't be read: %w", err)
		}
	}
	if root, err := t.root(); err != nil || root != want {
		return l.damaged("the tiles do not lead to the checkpoint's root (%v)", err)
	}
	l.pub.current = t.partials() // a tree of whole bundles has some too, higher up
	if w := int(size % tileWidth); w > 0 {
		tile := tlog.Tile{H: tileHeight, L: entriesLevel, N: int64(size / tileWidth), W: w}
		if l.pub.bundle, err = l.paths.readTile(tile); err != nil {
			return l.damaged("the last entries can't be read: %w", err)
		}
		entries, err := parseBundle(l.pub.bundle, w)
		if err != nil {
			return l.damaged("%s: %w", l.paths.tile(tile), err)
		}
		for i, e := range entries {
			if tlog.RecordHash(e) != tlog.Hash(t.edges[0][i*tlog.HashSize:]) {
				return l.damaged("entry %d is not what its tile says", size-uint64(w)+uint64(i))
			}
		}
		l.pub.current = append(l.pub.current, tile)
	}
	l.pub.tree, l.published, l.checkpoint = t, size, signed
	return nil
}

// loadJournal checks that the journal continues the tiles, cuts a torn end and
// opens the last segment for writing. It returns what it cut, for a record.
func (l *Log) loadJournal(fresh bool) (torn string, err error) {
	if fresh {
		if err := createSegment(l.paths, 0); err != nil {
			return "", fmt.Errorf("audit: make journal: %w", err)
		}
	}
	if l.segments, err = listSegments(l.paths); err != nil {
		return "", fmt.Errorf("audit: %w", err)
	}
	if len(l.segments) == 0 && l.published == 0 {
		// A crash came between the first checkpoint and the first segment.
		if err := createSegment(l.paths, 0); err != nil {
			return "", fmt.Errorf("audit: make journal: %w", err)
		}
		l.segments = []uint64{0}
	}
	if len(l.segments) == 0 || l.segments[0] > l.published {
		return "", l.damaged("the journal does not continue the %d published entries", l.published)
	}
	for i, first := range l.segments {
		res, err := l.loadSegment(first)
		if err != nil {
			return "", err
		}
		last := i == len(l.segments)-1
		switch {
		case !last && (res.bad != nil || res.next != l.segments[i+1]):
			return "", l.damaged("%s is incomplete at byte %d: %v", l.paths.segment(first), res.end, res.bad)
		case res.bad != nil && (res.next < l.published || res.laterDurable > res.next):
			return "", l.damaged("%s at byte %d: %w, where entry %d had been durable", l.paths.segment(first), res.end, res.bad, res.next)
		case last && res.next < l.published:
			return "", l.damaged("the journal ends at entry %d, %d are published", res.next, l.published)
		case last:
			l.size, l.durable, l.off, l.synced = res.next, res.next, res.end, res.end
			torn = res.torn(first)
		}
	}
	return torn, l.openActive(torn != "")
}

// torn describes the end that is cut off, or is empty.
func (r scanResult) torn(first uint64) string {
	if r.bad == nil {
		return ""
	}
	s := fmt.Sprintf("after a crash the journal was cut: entry %d was incomplete (%d bytes of segment %d)", r.next, r.size-r.end, first)
	if r.later > 0 {
		s += fmt.Sprintf(", %d entries that were not yet durable either followed it", r.later)
	}
	return s
}

// loadSegment scans a segment and compares what is published already.
func (l *Log) loadSegment(first uint64) (scanResult, error) {
	f, err := os.Open(l.paths.segment(first))
	if err != nil {
		return scanResult{}, fmt.Errorf("audit: %w", err)
	}
	defer f.Close()
	base := l.published - l.published%tileWidth
	res, err := scanSegment(f, first, func(fm frame) error {
		if fm.index < base || fm.index >= l.published {
			return nil
		}
		at := (fm.index - base) * tlog.HashSize
		if tlog.RecordHash(fm.entry) != tlog.Hash(l.pub.tree.edges[0][at:at+tlog.HashSize]) {
			return fmt.Errorf("entry %d is another one than was published", fm.index)
		}
		return nil
	})
	if err != nil {
		return res, l.damaged("%s: %w", l.paths.segment(first), err)
	}
	return res, nil
}

// openActive opens the last segment for writing at its intact end.
func (l *Log) openActive(cut bool) error {
	path := l.paths.segment(l.segments[len(l.segments)-1])
	f, err := l.cfg.openFile(path)
	if err != nil {
		return fmt.Errorf("audit: open journal: %w", err)
	}
	l.file = f
	if cut {
		if err := f.Truncate(l.off); err != nil {
			return fmt.Errorf("audit: cut the torn end of %s: %w", path, err)
		}
	}
	// What was read may be in memory only: it was written, not synced.
	if err := f.Datasync(); err != nil {
		return fmt.Errorf("audit: sync %s: %w", path, err)
	}
	return nil
}

// loadPending finds the intents without outcome: from the stored list and what
// came after it, or from all entries if the list is of no use.
func (l *Log) loadPending(ctx context.Context) error {
	if stored, err := l.readLedger(); err == nil && stored.size <= l.size {
		l.pub.ledger = stored
	} else if l.published > 0 {
		l.cfg.Logger.Warn("list of open intents is of no use, reading all entries", "error", err)
	}
	c := cursor{next: l.pub.ledger.size}
	defer c.close()
	if err := l.readTo(ctx, &c, l.size, func(_ uint64, r Record) error {
		l.pub.ledger.add(r)
		return nil
	}); err != nil {
		return err
	}
	l.pending = l.pub.ledger.records()
	return nil
}

func (l *Log) readLedger() (*ledger, error) {
	data, err := readCapped(l.paths.open(), maxSegmentFile)
	if err != nil {
		return nil, err
	}
	return parseLedger(data)
}

// note appends a record of the log about itself; a log that can't be written
// now does it when it can.
func (l *Log) note(ctx context.Context, r Record) error {
	_, err := l.Append(ctx, r, nil, true)
	if errors.Is(err, ErrUnavailable) {
		l.mu.Lock()
		l.owed = append(l.owed, r)
		l.mu.Unlock()
		return nil
	}
	return err
}

// removeStalePartials removes partial tiles that a crash kept from being
// removed.
func (l *Log) removeStalePartials() {
	l.removePartialsOf(entriesLevel, int64(l.published/tileWidth))
	for level := 0; l.published>>(tileHeight*level) > 0; level++ {
		l.removePartialsOf(level, int64(l.published>>(tileHeight*(level+1))))
	}
}

// removePartialsOf does so for the unfinished tile of a level and the last
// finished one.
func (l *Log) removePartialsOf(level int, edge int64) {
	for n := max(edge-1, 0); n <= edge; n++ {
		dir := filepath.Dir(l.paths.tile(tlog.Tile{H: tileHeight, L: level, N: n, W: 1}))
		names, err := os.ReadDir(dir)
		if err != nil {
			continue // most often there is none
		}
		for _, e := range names {
			w, err := strconv.Atoi(e.Name())
			if err != nil || slices.Contains(l.pub.current, tlog.Tile{H: tileHeight, L: level, N: n, W: w}) {
				continue
			}
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				l.cfg.Logger.Debug("remove stale partial tile", "error", err)
			}
		}
		os.Remove(dir) // if it is empty now
	}
}
