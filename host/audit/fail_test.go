package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// badDisk is a real journal file behind a disk that can be told to fail.
type badDisk struct {
	writes atomic.Bool // fail, after half of the bytes
	syncs  atomic.Bool // fail, and lose what was not synced before
	opens  atomic.Bool
	during atomic.Pointer[func()] // called once, within a sync
}

type badFile struct {
	file
	disk   *badDisk
	mu     sync.Mutex
	synced int64 // size at the last good sync
	size   int64
}

func (d *badDisk) open(path string) (file, error) {
	if d.opens.Load() {
		return nil, syscall.EROFS
	}
	f, err := openJournal(path)
	if err != nil {
		return nil, err
	}
	size, err := f.(osFile).Seek(0, 2)
	return &badFile{file: f, disk: d, synced: size, size: size}, err
}

func (f *badFile) WriteAt(p []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.disk.writes.Load() {
		n, _ := f.file.WriteAt(p[:len(p)/2], off)
		return n, syscall.ENOSPC
	}
	f.size = max(f.size, off+int64(len(p)))
	return f.file.WriteAt(p, off)
}

func (f *badFile) Datasync() error {
	if during := f.disk.during.Swap(nil); during != nil {
		(*during)()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.disk.syncs.Load() {
		// As the kernel may: the pages are dropped, the file reads as zeros.
		if f.size > f.synced {
			f.file.WriteAt(make([]byte, f.size-f.synced), f.synced)
		}
		return syscall.EIO
	}
	f.synced = f.size
	return f.file.Datasync()
}

// waitHealthy waits until the log has brought itself back.
func waitHealthy(t *testing.T, l *Log) {
	t.Helper()
	for l.Err() != nil {
		select {
		case <-t.Context().Done():
			t.Fatal(l.Err())
		case <-time.After(time.Millisecond):
		}
	}
}

func badLog(t *testing.T) (*Log, *badDisk) {
	cfg := quiet(t.TempDir())
	cfg.SyncEvery = 5 * time.Millisecond
	disk := &badDisk{}
	cfg.openFile = disk.open
	return mustOpen(t, cfg), disk
}

func TestFailedWriteStopsAndRecovers(t *testing.T) {
	t.Parallel()
	l, disk := badLog(t)
	fill(t, l, 0, 10)
	disk.writes.Store(true)
	for _, durable := range []bool{true, false} {
		_, err := l.Append(t.Context(), intent(100), nil, durable)
		if !errors.Is(err, ErrUnavailable) || !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("append on a full disk: %v", err)
		}
		if !strings.Contains(err.Error(), l.paths.dir) || !strings.Contains(err.Error(), "make room") {
			t.Errorf("the error does not say where and what to do: %v", err)
		}
	}
	if !errors.Is(l.Err(), ErrUnavailable) {
		t.Fatalf("Err is %v", l.Err())
	}
	if n := len(readAll(t, l)); n != 10 {
		t.Errorf("%d records can be read meanwhile, want 10", n)
	}
	disk.writes.Store(false)
	waitHealthy(t, l)
	if _, err := l.Append(t.Context(), intent(200), nil, true); err != nil {
		t.Fatal(err)
	}
	all := readAll(t, l)
	if len(all) != 12 || all[10].Kind != Recovery || !strings.Contains(all[10].Detail, "no space") || all[11].Effect != "e200" {
		t.Fatalf("the log has %d records, ending in %+v", len(all), all[10:])
	}
	mustClose(t, l)
	mustVerify(t, VerifyConfig{Dir: l.paths.dir})
}

func TestFailedSyncIsRewritten(t *testing.T) {
	t.Parallel()
	l, disk := badLog(t)
	fill(t, l, 0, 11) // ends with an intent without outcome
	disk.syncs.Store(true)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			// Some of these come after the failure and are not in the log.
			if _, err := l.Append(context.Background(), intent(100+i), nil, true); !errors.Is(err, ErrUnavailable) || !errors.Is(err, syscall.EIO) {
				t.Errorf("append on a broken disk: %v", err)
			}
		})
	}
	wg.Wait()
	disk.syncs.Store(false)
	waitHealthy(t, l)
	index, err := l.Append(t.Context(), outcome(5), nil, true)
	if err != nil {
		t.Fatal(err)
	}
	all := readAll(t, l)
	if index != uint64(len(all)-1) {
		t.Errorf("index %d of %d records", index, len(all))
	}
	for i, r := range all {
		if i < 11 && r.Effect != fmt.Sprintf("e%d", i/2) {
			t.Errorf("entry %d, acknowledged before the failure, is %+v", i, r)
		}
		if i >= 11 && r.Kind == Intent {
			t.Errorf("entry %d is an intent whose caller was told that it failed", i)
		}
	}
	mustClose(t, l)
	if r := mustVerify(t, VerifyConfig{Dir: l.paths.dir}); len(r.Pending) != 0 {
		t.Errorf("pending: %v", r.Pending)
	}
}

// TestOutcomeSurvivesFailedSync: an outcome is true whether its caller could be
// told so or not.
func TestOutcomeSurvivesFailedSync(t *testing.T) {
	t.Parallel()
	cfg := quiet(t.TempDir())
	disk := &badDisk{}
	cfg.openFile = disk.open
	l := mustOpen(t, cfg)
	if _, err := l.Append(t.Context(), intent(1), nil, true); err != nil {
		t.Fatal(err)
	}
	disk.syncs.Store(true)
	if _, err := l.Append(t.Context(), outcome(1), nil, true); !errors.Is(err, ErrUnavailable) {
		t.Fatal(err)
	}
	disk.syncs.Store(false)
	waitHealthy(t, l)
	if all := readAll(t, l); all[1].Kind != Outcome || all[2].Kind != Recovery {
		t.Fatalf("%+v", all)
	}
}

func TestUnwritableDiskAtOpen(t *testing.T) {
	t.Parallel()
	dir, _, _ := sampleLog(t)
	cfg := quiet(dir)
	disk := &badDisk{}
	cfg.openFile = disk.open
	disk.opens.Store(true)
	if l, err := Open(t.Context(), cfg); err == nil {
		l.Close()
		t.Fatal("opened a log whose journal can't be")
	}
	disk.opens.Store(false)
	// A torn record and no room for the record about it.
	firsts, err := listSegments(paths{dir})
	if err != nil {
		t.Fatal(err)
	}
	tear(t, paths{dir}.segment(firsts[len(firsts)-1]), 3)
	disk.writes.Store(true)
	cfg.SyncEvery = 5 * time.Millisecond
	l := mustOpen(t, cfg)
	if !errors.Is(l.Err(), ErrUnavailable) {
		t.Fatalf("Err is %v", l.Err())
	}
	disk.writes.Store(false)
	waitHealthy(t, l)
	all := readAll(t, l)
	if r := all[len(all)-2]; r.Kind != Recovery || !strings.Contains(r.Detail, "incomplete") {
		t.Errorf("the cut is not on record: %+v", all[len(all)-2:])
	}
}

// TestWriteFailsDuringSync: a durable record is written while the background
// syncs, then a write fails. The record's caller was told nothing yet, so the
// repair must neither give the record up nor forget the caller.
func TestWriteFailsDuringSync(t *testing.T) {
	t.Parallel()
	l, disk := badLog(t)
	var waiting *batch
	ready := make(chan struct{})
	during := func() {
		defer close(ready)
		for _, fails := range []bool{false, true} {
			r := intent(100)
			if err := prepare(&r, time.Now); err != nil {
				t.Error(err)
			}
			data, err := encodeRecord(&r, frameHeader)
			if err != nil {
				t.Error(err)
			}
			disk.writes.Store(fails)
			_, b, err := l.write(data, true)
			if (err != nil) != fails {
				t.Errorf("write: %v", err)
			}
			if !fails {
				waiting = b
			}
		}
		disk.writes.Store(false)
	}
	disk.during.Store(&during)
	fill(t, l, 0, 1)
	<-ready
	<-waiting.done
	if waiting.err != nil {
		t.Fatal(waiting.err)
	}
	waitHealthy(t, l)
	if all := readAll(t, l); len(all) != 3 || all[1].Kind != Intent || all[1].Effect != "e100" || all[2].Kind != Recovery {
		t.Fatalf("%+v", all)
	}
}

// TestHammerFailures appends from many goroutines while the disk comes and
// goes; what was acknowledged stays, at its index.
func TestHammerFailures(t *testing.T) {
	t.Parallel()
	cfg := quiet(t.TempDir())
	cfg.SyncEvery, cfg.PublishEvery, cfg.SegmentSize = 2*time.Millisecond, 7*time.Millisecond, 16<<10
	disk := &badDisk{}
	cfg.openFile = disk.open
	l := mustOpen(t, cfg)
	var mu sync.Mutex
	acked := map[uint64]string{}
	var wg sync.WaitGroup
	for g := range 6 {
		wg.Go(func() {
			for i := range 300 {
				r := Record{Kind: Turn, Turn: fmt.Sprintf("%d/%d", g, i)}
				index, err := l.Append(context.Background(), r, nil, i%2 == 0)
				if errors.Is(err, ErrUnavailable) {
					waitHealthy(t, l)
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acked[index] = r.Turn
				mu.Unlock()
			}
		})
	}
	stop := make(chan struct{})
	var breaker sync.WaitGroup
	breaker.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				disk.writes.Store(false)
				disk.syncs.Store(false)
				return
			case <-time.After(3 * time.Millisecond):
				disk.writes.Store(i%4 == 1)
				disk.syncs.Store(i%4 == 3)
			}
		}
	})
	wg.Wait()
	close(stop)
	breaker.Wait()
	waitHealthy(t, l)
	all := readAll(t, l)
	for index, turn := range acked {
		if index >= uint64(len(all)) || all[index].Turn != turn || all[index].Kind != Turn {
			t.Fatalf("entry %d was acknowledged as %s and is gone", index, turn)
		}
	}
	mustClose(t, l)
	mustVerify(t, VerifyConfig{Dir: cfg.Dir})
}
