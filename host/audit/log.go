package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// ErrUnavailable is the error of a log that can't be written now. Nothing may
// happen meanwhile; [Log.Err] says when it is over.
var ErrUnavailable = errors.New("audit log unavailable")

// ErrClosed is the error of a log after Close. It is an [ErrUnavailable].
var ErrClosed = fmt.Errorf("%w: it is closed", ErrUnavailable)

// ErrDamaged is the error of a log whose files are not what was written. No
// crash leaves a log so; it needs a person.
var ErrDamaged = errors.New("audit log damaged")

// ErrLocked is the error of opening a log that another process has open.
var ErrLocked = errors.New("audit log in use")

// Config says where a log is and what surrounds it.
type Config struct {
	// Dir holds the log and its signing key. It is made if missing, readable
	// by its owner only. Required.
	Dir string
	// Origin names the log in its checkpoints, without spaces or plus signs:
	// "example.org/ambit/audit". It is fixed when the log is made; empty
	// takes the log's own or, for a new one, a random name.
	Origin string
	// Payloads keeps what records commit to; nil keeps nothing.
	Payloads Payloads
	// Logger is told of troubles and recoveries; nil is silent.
	Logger hclog.Logger
	// Now is the clock for records that come without a time; nil is time.Now.
	Now func() time.Time
	// SyncEvery bounds how long a record that nobody waits for stays
	// unsynced, and how often an unwritable log tries again: 250 ms if zero.
	SyncEvery time.Duration
	// PublishEvery is how often tiles and checkpoint follow: 1 s if zero.
	PublishEvery time.Duration
	// SegmentSize is the size in bytes at which a journal file is followed
	// by the next one: 8 MiB if zero.
	SegmentSize int64

	openFile func(path string) (file, error) // tests make the disk fail here
}

func (c Config) withDefaults() (Config, error) {
	if c.Dir == "" {
		return c, errors.New("audit: Config.Dir is empty; it says where the log is")
	}
	if c.SyncEvery < 0 || c.SyncEvery > time.Second || c.PublishEvery < 0 || c.SegmentSize < 0 || c.SegmentSize > maxSegmentFile/4 {
		return c, errors.New("audit: Config has a limit out of range: SyncEvery is 0 to 1 s, PublishEvery not negative, SegmentSize 0 to 64 MiB")
	}
	if c.Logger == nil {
		c.Logger = hclog.NewNullLogger()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.SyncEvery == 0 {
		c.SyncEvery = 250 * time.Millisecond
	}
	if c.PublishEvery == 0 {
		c.PublishEvery = time.Second
	}
	if c.SegmentSize == 0 {
		c.SegmentSize = 8 << 20
	}
	if c.openFile == nil {
		c.openFile = openJournal
	}
	return c, nil
}

// Log is an open audit log. Its methods may be called by many goroutines.
//
// Two locks: token is held by whoever syncs, repairs or rotates, and is taken
// before mu; mu guards the fields below it and is held for memory and one
// write at most.
type Log struct {
	cfg     Config
	paths   paths
	key     key
	lock    *os.File
	pending []Record

	token chan struct{} // capacity 1

	mu       sync.Mutex
	file     file     // the active segment
	segments []uint64 // first indexes; the last is the active one
	off      int64    // where the next frame goes
	size     uint64   // records written
	durable  uint64   // records synced
	synced   int64    // off after the last synced record
	tail     tail     // what is written and not synced
	batch    *batch   // who waits for the next sync; nil if nobody
	err      error    // why nothing can be written
	suspect  bool     // a sync failed: what the disk holds behind synced is unknown
	owed     []Record // what the log has to say about itself once it can
	closed   bool
	grown    chan struct{} // closed when durable grows; nil if nobody waits

	published  uint64 // records covered by the checkpoint
	checkpoint []byte

	pub  publisher // used by one goroutine at a time, under pubMu
	pubM sync.Mutex

	stop      context.CancelFunc
	loops     sync.WaitGroup
	closeOnce sync.Once
	closeErr  error
}

// batch is the callers that one sync serves.
type batch struct {
	done chan struct{}
	err  error // set before done is closed
}

// Err says why the log can't be written now; nil when it can.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	return l.err
}

// Size is the number of records, those not yet durable included.
func (l *Log) Size() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.size
}

// Checkpoint returns the latest signed tree head, to be kept where who holds
// the signing key can't change it. It covers what was published, usually all
// but the last second; [Log.Publish] brings it up to date.
func (l *Log) Checkpoint() ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.checkpoint == nil {
		return nil, errors.New("audit: no checkpoint was published yet")
	}
	return slices.Clone(l.checkpoint), nil
}

// VerifierKey is the public key of the checkpoints, in the form of
// golang.org/x/mod/sumdb/note. Keep it beside exported checkpoints.
func (l *Log) VerifierKey() string { return l.key.vkey }

// Pending returns the intents without an outcome that Open found, oldest
// first: effects of which nobody knows whether they happened.
func (l *Log) Pending() []Record { return slices.Clone(l.pending) }

// run starts the loops that sync, repair and publish.
func (l *Log) run() {
	ctx, cancel := context.WithCancel(context.Background())
	l.stop = cancel
	l.loops.Go(func() { every(ctx, l.cfg.SyncEvery, l.tend) })
	l.loops.Go(func() { every(ctx, l.cfg.PublishEvery, func() { l.publishQuietly() }) })
}

func every(ctx context.Context, d time.Duration, fn func()) {
	t := time.NewTicker(d)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			fn()
		}
	}
}

// Close syncs, publishes and releases the log. The first call's error is
// returned by all: what was not synced may be lost, what was not published is
// published by the next Open.
func (l *Log) Close() error {
	l.closeOnce.Do(func() {
		l.stop()
		l.loops.Wait()
		l.token <- struct{}{}
		l.mu.Lock()
		l.closed = true
		l.mu.Unlock()
		err := l.sync()
		if err == nil {
			l.mu.Lock()
			err = l.err
			l.mu.Unlock()
		}
		<-l.token
		l.closeErr = errors.Join(err, l.publish())
		l.release()
	})
	return l.closeErr
}

// release closes what is open and wakes followers.
func (l *Log) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.file != nil {
		l.closeErr = errors.Join(l.closeErr, l.file.Close())
	}
	l.pub.cursor.close()
	l.wake()
	l.lock.Close() // ends the flock
}
