package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
)

// quiet is a configuration in which nothing is published unless asked for.
func quiet(dir string) Config {
	return Config{Dir: dir, PublishEvery: time.Hour}
}

func mustOpen(t testing.TB, cfg Config) *Log {
	t.Helper()
	l, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func mustClose(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func intent(i int) Record {
	return Record{Kind: Intent, Effect: fmt.Sprintf("e%d", i), Actor: "agent:main", Plugin: "web", Capability: "http.request",
		Resource: "https://example.org/", Verdict: "allow", Rule: "base.allow"}
}

func outcome(i int) Record {
	return Record{Kind: Outcome, Effect: fmt.Sprintf("e%d", i), Status: "done", Micros: 12}
}

// fill appends n records, intents and their outcomes in turn.
func fill(t testing.TB, l *Log, from, n int) {
	t.Helper()
	for i := from; i < from+n; i++ {
		r := intent(i / 2)
		if i%2 == 1 {
			r = outcome(i / 2)
		}
		if _, err := l.Append(context.Background(), r, nil, false); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReopenAtEverySize: what a start tidies up must not be what the checkpoint
// stands on, also where the tree consists of whole bundles.
func TestReopenAtEverySize(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 255, 256, 257, 511, 512, 513, 65536} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			t.Parallel()
			cfg := quiet(t.TempDir())
			l := mustOpen(t, cfg)
			fill(t, l, 0, n)
			if err := l.Publish(t.Context()); err != nil {
				t.Fatal(err)
			}
			mustClose(t, l)
			for range 2 { // the first start tidies, the second needs what is left
				mustClose(t, mustOpen(t, cfg))
			}
			l = mustOpen(t, cfg)
			fill(t, l, n, 3)
			mustClose(t, l)
			if r := mustVerify(t, VerifyConfig{Dir: cfg.Dir, Key: l.VerifierKey()}); r.Entries != uint64(n+3) {
				t.Errorf("%d entries", r.Entries)
			}
		})
	}
}

func verify(t testing.TB, cfg VerifyConfig) Report {
	t.Helper()
	r, err := Verify(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func mustVerify(t testing.TB, cfg VerifyConfig) Report {
	t.Helper()
	r := verify(t, cfg)
	if !r.OK() {
		t.Fatalf("the log should be intact:\n%s", strings.Join(r.Problems, "\n"))
	}
	return r
}

func readAll(t testing.TB, l *Log) []Record {
	t.Helper()
	var all []Record
	err := l.Read(t.Context(), 0, func(index uint64, r Record) error {
		if index != uint64(len(all)) {
			return fmt.Errorf("entry %d in place of %d", index, len(all))
		}
		all = append(all, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestAppendReadVerifyReopen(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 2, 255, 256, 257, 511, 512, 700} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			cfg := quiet(t.TempDir())
			cfg.Origin = "example.org/audit"
			l := mustOpen(t, cfg)
			fill(t, l, 0, n)
			if got := len(readAll(t, l)); got != n {
				t.Fatalf("read %d of %d records before publication", got, n)
			}
			if n > 300 { // a checkpoint in between, so that partial tiles grow
				if err := l.Publish(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			fill(t, l, n, 3)
			mustVerify(t, VerifyConfig{Dir: cfg.Dir, Key: l.VerifierKey()}) // while open
			mustClose(t, l)
			r := mustVerify(t, VerifyConfig{Dir: cfg.Dir, Key: l.VerifierKey()})
			if r.Entries != uint64(n+3) || r.Published != r.Entries {
				t.Fatalf("report has %d entries, %d published, want %d", r.Entries, r.Published, n+3)
			}
			l = mustOpen(t, cfg)
			if l.Size() != uint64(n+3) {
				t.Fatalf("size after reopening is %d, want %d", l.Size(), n+3)
			}
			fill(t, l, n+3, 300)
			all := readAll(t, l)
			if len(all) != n+303 || (n > 0 && all[0].Effect != "e0") {
				t.Fatalf("read %d records, want %d", len(all), n+303)
			}
			mustClose(t, l)
			mustVerify(t, VerifyConfig{Dir: cfg.Dir, Key: l.VerifierKey()})
		})
	}
}

func TestIndexesAreInOrderOfAppend(t *testing.T) {
	t.Parallel()
	l := mustOpen(t, quiet(t.TempDir()))
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := map[uint64]string{}
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				r := Record{Kind: Turn, Turn: fmt.Sprintf("%d/%d", g, i)}
				index, err := l.Append(context.Background(), r, nil, i%3 == 0)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				got[index] = r.Turn
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	all := readAll(t, l)
	if len(all) != 400 || len(got) != 400 {
		t.Fatalf("%d records, %d indexes, want 400", len(all), len(got))
	}
	for i, r := range all {
		if got[uint64(i)] != r.Turn {
			t.Fatalf("entry %d is %s, Append said %s", i, r.Turn, got[uint64(i)])
		}
	}
}

func TestSegmentsRotateAndAreTrimmed(t *testing.T) {
	t.Parallel()
	cfg := quiet(t.TempDir())
	cfg.SegmentSize = 4 << 10
	l := mustOpen(t, cfg)
	for i := range 40 {
		fill(t, l, i*10, 9)
		if _, err := l.Append(t.Context(), outcome((i*10+9)/2), nil, true); err != nil {
			t.Fatal(err)
		}
	}
	count := func() int {
		firsts, err := listSegments(paths{cfg.Dir})
		if err != nil {
			t.Fatal(err)
		}
		return len(firsts)
	}
	if n := count(); n < 5 {
		t.Fatalf("%d journal files, expected rotation", n)
	}
	mustVerify(t, VerifyConfig{Dir: cfg.Dir})
	if err := l.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 1 {
		t.Fatalf("%d journal files after publication, want 1", n)
	}
	if n := len(readAll(t, l)); n != 400 {
		t.Fatalf("read %d records from tiles and journal, want 400", n)
	}
	mustVerify(t, VerifyConfig{Dir: cfg.Dir})
}

func TestPendingIntents(t *testing.T) {
	t.Parallel()
	for _, published := range []bool{true, false} {
		cfg := quiet(t.TempDir())
		l := mustOpen(t, cfg)
		fill(t, l, 0, 100)
		if _, err := l.Append(t.Context(), intent(1000), nil, true); err != nil {
			t.Fatal(err)
		}
		if published {
			if err := l.Publish(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		fill(t, l, 100, 20)
		if _, err := l.Append(t.Context(), intent(2000), nil, true); err != nil {
			t.Fatal(err)
		}
		copied := crash(t, cfg.Dir) // as a crash would leave it
		if err := os.Remove(filepath.Join(copied, "open")); err != nil && published {
			t.Fatal(err)
		}
		for _, dir := range []string{crash(t, cfg.Dir), copied} {
			l2 := mustOpen(t, quiet(dir))
			p := l2.Pending()
			if len(p) != 2 || p[0].Effect != "e1000" || p[1].Effect != "e2000" {
				t.Fatalf("pending is %v", p)
			}
			if _, err := l2.Append(t.Context(), Record{Kind: Outcome, Effect: "e1000", Status: "unknown"}, nil, true); err != nil {
				t.Fatal(err)
			}
			mustClose(t, l2)
			r := mustVerify(t, VerifyConfig{Dir: dir})
			if len(r.Pending) != 1 || r.Pending[0].Effect != "e2000" {
				t.Fatalf("the report's pending is %v", r.Pending)
			}
		}
	}
}

// crash copies a log's folder as it is while the log is open.
func crash(t testing.TB, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestSecondOpenerIsRefused(t *testing.T) {
	t.Parallel()
	cfg := quiet(t.TempDir())
	l := mustOpen(t, cfg)
	if _, err := Open(t.Context(), cfg); !errors.Is(err, ErrLocked) {
		t.Fatalf("second open: %v", err)
	}
	mustClose(t, l)
	if err := l.Close(); err != nil {
		t.Fatalf("second close: %v", err)
	}
	if _, err := l.Append(t.Context(), intent(0), nil, true); !errors.Is(err, ErrClosed) || !errors.Is(err, ErrUnavailable) {
		t.Fatalf("append after close: %v", err)
	}
	mustOpen(t, cfg)
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, cfg := range []Config{{}, {Dir: dir, SyncEvery: time.Minute}, {Dir: dir, SegmentSize: -1}, {Dir: dir, Origin: "with space"}, {Dir: dir, Origin: "a+b"}} {
		if l, err := Open(t.Context(), cfg); err == nil {
			l.Close()
			t.Errorf("%+v was accepted", cfg)
		}
	}
	l := mustOpen(t, Config{Dir: dir, Logger: hclog.NewNullLogger(), Origin: "one.example"})
	mustClose(t, l)
	if _, err := Open(t.Context(), Config{Dir: dir, Origin: "two.example"}); err == nil || !strings.Contains(err.Error(), "one.example") {
		t.Errorf("another origin: %v", err)
	}
}

func TestFollow(t *testing.T) {
	t.Parallel()
	l := mustOpen(t, quiet(t.TempDir()))
	fill(t, l, 0, 10)
	got := make(chan uint64)
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		done <- l.Follow(ctx, 5, func(index uint64, _ Record) error {
			got <- index
			return nil
		})
	}()
	for want := uint64(5); want < 10; want++ {
		if i := <-got; i != want {
			t.Fatalf("got %d, want %d", i, want)
		}
	}
	if err := l.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	appended := make(chan struct{})
	go func() {
		defer close(appended)
		for i := range 500 {
			if _, err := l.Append(context.Background(), Record{Kind: Turn, Turn: fmt.Sprint(i)}, nil, false); err != nil {
				t.Error(err)
			}
		}
	}()
	for want := uint64(10); want < 510; want++ {
		if i := <-got; i != want {
			t.Fatalf("got %d, want %d", i, want)
		}
	}
	<-appended
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("follow ended with %v", err)
	}
	go func() { done <- l.Follow(context.Background(), l.Size(), func(uint64, Record) error { return nil }) }()
	mustClose(t, l)
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Fatalf("follow of a closed log ended with %v", err)
	}
}

// TestVerifyAndReadWhileAppending looks at a log that grows, publishes and
// trims as fast as it can.
func TestVerifyAndReadWhileAppending(t *testing.T) {
	t.Parallel()
	cfg := Config{Dir: t.TempDir(), SyncEvery: time.Millisecond, PublishEvery: 2 * time.Millisecond, SegmentSize: 8 << 10}
	l := mustOpen(t, cfg)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for g := range 2 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				effect := fmt.Sprintf("%d-%d", g, i)
				for _, kind := range []Kind{Intent, Outcome} {
					if _, err := l.Append(context.Background(), Record{Kind: kind, Effect: effect}, nil, i%4 == 0); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Go(func() {
		next := uint64(0)
		err := l.Follow(context.Background(), 0, func(index uint64, _ Record) error {
			if index != next {
				return fmt.Errorf("entry %d in place of %d", index, next)
			}
			next++
			select {
			case <-stop:
				return ErrClosed
			default:
				return nil
			}
		})
		if !errors.Is(err, ErrClosed) {
			t.Errorf("follow: %v", err)
		}
	})
	for n := 0; n < 5 || l.Size() < 3000; n++ {
		if r := verify(t, VerifyConfig{Dir: cfg.Dir, Key: l.VerifierKey()}); !r.OK() {
			t.Errorf("%d entries: %s", r.Entries, strings.Join(r.Problems, "\n"))
			break
		}
		readAll(t, l)
	}
	close(stop)
	if _, err := l.Append(t.Context(), Record{Kind: Turn}, nil, true); err != nil { // wakes the follower
		t.Error(err)
	}
	wg.Wait()
	t.Logf("%d entries", l.Size())
}
