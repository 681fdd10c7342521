package audit

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// tend is the background duty: sync what nobody waits for, and bring an
// unavailable log back.
func (l *Log) tend() {
	l.token <- struct{}{}
	defer func() { <-l.token }()
	// Looked at first: after a failure nobody writes, so that the sync leaves
	// a tail that is empty or whose callers were all told.
	failed := l.Err() != nil
	_ = l.sync() // a failure shows in Err
	if failed {
		if err := l.repair(); err != nil {
			l.cfg.Logger.Debug("audit log still unavailable", "error", err)
		}
	}
}

// repair proves that the log can be written again: it opens the active segment
// anew, checks what must be in it, writes a second time what a failed sync left
// in doubt, adds a record of the gap, and syncs. The caller holds the token and
// has synced since the failure. Nobody writes while err is set, so mu is not
// held over the I/O.
func (l *Log) repair() error {
	l.mu.Lock()
	first, synced, durable := l.segments[len(l.segments)-1], l.synced, l.durable
	frames, cause, owed := l.tail.frames, l.err, l.owed
	l.mu.Unlock()

	rest, err := l.rewrite(frames, durable, append(owed[:len(owed):len(owed)], l.gapRecord(cause)))
	if err != nil {
		return err
	}
	f, err := l.cfg.openFile(l.paths.segment(first))
	if err != nil {
		return err
	}
	if err := l.restore(f, first, durable, synced, rest); err != nil {
		return errors.Join(err, f.Close())
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.file.Close(); err != nil {
		l.cfg.Logger.Debug("close the old journal descriptor", "error", err)
	}
	l.file = f
	l.size = durable + uint64(len(frames)+len(owed)+1)
	l.off = synced + int64(len(rest))
	l.err, l.suspect, l.owed = nil, false, nil
	l.settle(len(frames), l.size, l.off)
	l.cfg.Logger.Info("audit log available again", "entries", l.size)
	return nil
}

func (l *Log) gapRecord(cause error) Record {
	return Record{Kind: Recovery, Actor: "host", Time: l.cfg.Now(),
		Detail: oneLine(fmt.Sprintf("the log could be written again at %s: %v", l.cfg.Now().UTC().Format(time.RFC3339), cause))}
}

// rewrite returns the bytes that belong behind the first durable records: the
// unsynced frames, then the records that the log owes.
func (l *Log) rewrite(frames []tailFrame, durable uint64, owed []Record) ([]byte, error) {
	var out []byte
	index := durable
	add := func(data []byte) {
		seal(data, index, durable)
		out = append(out, data...)
		index++
	}
	for _, tf := range frames {
		data := append([]byte(nil), tf.data...)
		if tf.awaited {
			var err error
			if data, err = disown(data); err != nil {
				return nil, err
			}
		}
		add(data)
	}
	for _, r := range owed {
		if err := prepare(&r, l.cfg.Now); err != nil {
			return nil, err
		}
		data, err := encodeRecord(&r, frameHeader)
		if err != nil {
			return nil, err
		}
		add(data)
	}
	return out, nil
}

// disown turns a record whose caller was told that it failed into a Recovery
// record at the same index, so that no intent stands for what never began. An
// outcome stays: what it says is true.
func disown(data []byte) ([]byte, error) {
	r, err := decodeRecord(data[frameHeader:])
	if err != nil {
		return nil, err
	}
	if r.Kind == Outcome {
		return data, nil
	}
	detail := strings.TrimSuffix(fmt.Sprintf("%s that could not be made durable; its caller was told so: %s", r.Kind, r.Detail), ": ")
	r.Kind, r.Detail = Recovery, cut(detail)
	return encodeRecord(&r, frameHeader)
}

// restore makes f end with rest behind its synced part, on disk.
func (l *Log) restore(f file, first, durable uint64, synced int64, rest []byte) error {
	if err := checkSynced(f, first, durable, synced); err != nil {
		return fmt.Errorf("%w: %s: %w; stop the host, restore the file from a backup or move %s away to start a new log",
			ErrDamaged, l.paths.segment(first), err, l.paths.dir)
	}
	if err := f.Truncate(synced); err != nil {
		return err
	}
	if _, err := f.WriteAt(rest, synced); err != nil {
		return errors.Join(err, f.Truncate(synced))
	}
	return f.Datasync()
}

// checkSynced reads a segment again up to where it was durable.
func checkSynced(f file, first, durable uint64, synced int64) error {
	if err := checkSegmentHead(f, first); err != nil {
		return err
	}
	off := int64(segmentHeader)
	fr := newFrameReader(io.NewSectionReader(f, off, synced-off), first, off)
	for {
		if _, err := fr.read(); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
	}
	if fr.next != durable || fr.off != synced {
		return fmt.Errorf("it holds records up to %d instead of %d", fr.next, durable)
	}
	return nil
}
