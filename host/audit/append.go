package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
)

// tailLimit is how many unsynced bytes are kept before callers that would not
// wait have to.
const tailLimit = 32 << 20

// gatherLimit is how many records are enough for one sync.
const gatherLimit = 1024

// tail is the frames that are written and not yet synced. They are kept to be
// written again should a sync fail: what it left on disk can't be known.
type tail struct {
	frames []tailFrame
	bytes  int
}

type tailFrame struct {
	data []byte
	// A caller waits for it, and will be told if the sync fails.
	awaited bool
}

func (t *tail) add(data []byte, awaited bool) {
	t.frames = append(t.frames, tailFrame{data, awaited})
	t.bytes += len(data)
}

// drop forgets the first n frames.
func (t *tail) drop(n int) {
	for i := range n {
		t.bytes -= len(t.frames[i].data)
	}
	k := copy(t.frames, t.frames[n:])
	clear(t.frames[k:])
	t.frames = t.frames[:k]
}

// Append writes r and returns its index. With durable it returns once the
// record is on disk, otherwise when it is written; it will be on disk within a
// second. A zero r.Time becomes now. A payload, if not nil, is bound to the
// record by r.Commitment, and kept by [Config.Payloads].
//
// On an error that is [ErrUnavailable] what the record allows must not happen.
// A record of any kind but [Outcome] whose durability failed is kept as a
// [Recovery] record. An error that is [ErrRecord] is about r.
//
// ctx is looked at before the write only: a record on its way can't be taken
// back. An outcome should come with a context that outlives its effect.
func (l *Log) Append(ctx context.Context, r Record, payload []byte, durable bool) (index uint64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	var salt []byte
	if payload != nil {
		salt, r.Commitment = commit(payload)
	}
	if err := prepare(&r, l.cfg.Now); err != nil {
		return 0, err
	}
	data, err := encodeRecord(&r, frameHeader)
	if err != nil {
		return 0, err
	}
	index, b, err := l.write(data, durable)
	if err == nil && b != nil {
		err = l.await(b)
	}
	if err != nil {
		return 0, err
	}
	if payload != nil && l.cfg.Payloads != nil {
		if err := l.cfg.Payloads.PutPayload(ctx, index, salt, payload); err != nil {
			l.cfg.Logger.Warn("payload of a record is lost", "index", index, "error", err)
		}
	}
	return index, nil
}

// write puts a frame into the journal and returns the batch to wait for.
func (l *Log) write(data []byte, durable bool) (uint64, *batch, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return 0, nil, ErrClosed
	}
	if l.err != nil {
		return 0, nil, l.err
	}
	index := l.size
	seal(data, index, l.durable)
	if _, err := l.file.WriteAt(data, l.off); err != nil {
		l.fail("write", err)
		if err := l.file.Truncate(l.off); err != nil {
			l.cfg.Logger.Debug("half a record stays until the log is repaired", "error", err)
		}
		return 0, nil, l.err
	}
	l.off += int64(len(data))
	l.size++
	awaited := durable || l.tail.bytes > tailLimit
	l.tail.add(data, awaited)
	if !awaited {
		return index, nil, nil
	}
	if l.batch == nil {
		l.batch = &batch{done: make(chan struct{})}
	}
	return index, l.batch, nil
}

// await returns when b is synced. Whoever of the batch gets the token first
// syncs for all.
func (l *Log) await(b *batch) error {
	select {
	case <-b.done:
	case l.token <- struct{}{}:
		l.gather()
		_ = l.sync() // a failure shows in Err
		<-l.token
		<-b.done
	}
	return b.err
}

// gather lets callers that the sync before has just released join the next
// one, for as long as each look finds more of them. That costs microseconds
// where a sync costs hundreds; alone it is one look.
func (l *Log) gather() {
	for seen := -1; ; {
		l.mu.Lock()
		n := len(l.tail.frames)
		l.mu.Unlock()
		if n <= seen || n > gatherLimit {
			return
		}
		seen = n
		runtime.Gosched()
	}
}

// sync makes what is written durable and wakes who waits for it. The caller
// holds the token.
func (l *Log) sync() error {
	l.mu.Lock()
	n, end, off, f, b := len(l.tail.frames), l.size, l.off, l.file, l.batch
	if n == 0 || l.suspect {
		l.mu.Unlock()
		return nil // nobody waits: a batch has a frame in a tail that can be synced
	}
	l.batch = nil
	l.mu.Unlock()

	err := f.Datasync()

	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.failSync(err)
		err = l.err
	} else {
		l.settle(n, end, off)
		l.rotate()
	}
	if b != nil {
		b.err = err
		close(b.done)
	}
	return err
}

// settle notes that the first n frames of the tail are durable.
func (l *Log) settle(n int, size uint64, off int64) {
	l.tail.drop(n)
	l.durable, l.synced = size, off
	l.wake()
}

func (l *Log) wake() {
	if l.grown != nil {
		close(l.grown)
		l.grown = nil
	}
}

// rotate starts the next segment if the active one is full. The caller holds
// token and mu, so that nobody writes meanwhile: a few milliseconds every
// SegmentSize bytes.
func (l *Log) rotate() {
	if l.off < l.cfg.SegmentSize || l.err != nil {
		return
	}
	if n := len(l.tail.frames); n > 0 {
		if err := l.file.Datasync(); err != nil {
			l.failSync(err)
			return
		}
		l.settle(n, l.size, l.off)
		l.finish(nil)
	}
	f, err := l.nextSegment()
	if err != nil {
		l.cfg.Logger.Warn("no new journal file; the old one grows", "error", err)
		if l.off > maxSegmentFile/2 {
			l.fail("rotate", err)
		}
		return
	}
	if err := l.file.Close(); err != nil {
		l.cfg.Logger.Warn("close journal file", "error", err)
	}
	l.file, l.off, l.synced = f, int64(segmentHeader), int64(segmentHeader)
	l.segments = append(l.segments, l.size)
}

// nextSegment makes and opens the segment that starts with the next record. It
// leaves none behind that it could not open: the old one may grow past it.
func (l *Log) nextSegment() (file, error) {
	path := l.paths.segment(l.size)
	err := createSegment(l.paths, l.size)
	if err == nil {
		var f file
		if f, err = l.cfg.openFile(path); err == nil {
			return f, nil
		}
	}
	if e := os.Remove(path); e != nil && !errors.Is(e, fs.ErrNotExist) {
		l.fail("rotate", e)
		err = errors.Join(err, e)
	}
	return nil, err
}

// finish tells those who wait for the next sync how it ended.
func (l *Log) finish(err error) {
	if l.batch != nil {
		l.batch.err = err
		close(l.batch.done)
		l.batch = nil
	}
}

// fail makes the log unavailable until repaired. The caller holds mu.
func (l *Log) fail(op string, cause error) {
	if l.err != nil {
		return
	}
	path := l.paths.segment(l.segments[len(l.segments)-1])
	l.err = fmt.Errorf("%w since %s: %s %s: %w; nothing is allowed until it can be written: make room or repair that disk, and the log goes on by itself",
		ErrUnavailable, l.cfg.Now().Format("15:04:05"), op, path, cause)
	l.cfg.Logger.Error("audit log unavailable, effects stop", "op", op, "file", path, "error", cause)
}

// failSync is fail for a sync: all who wait are told so, and nothing behind
// the last good sync is trusted. The caller holds mu.
func (l *Log) failSync(cause error) {
	l.suspect = true
	l.fail("sync", cause)
	l.finish(l.err)
}
