package audit

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

func benchRecord(i int64) Record {
	r := intent(int(i))
	r.Kind = Turn // of no consequence for the order of intents
	r.Agent, r.Session, r.Turn = "main", "owner", "01J9Z3"
	r.Digest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	return r
}

// BenchmarkAppendDurable is records that are on disk before Append returns.
func BenchmarkAppendDurable(b *testing.B) {
	for _, callers := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			cfg := quiet(b.TempDir())
			var syncs atomic.Int64
			cfg.openFile = func(path string) (file, error) {
				f, err := openJournal(path)
				return countingFile{f, &syncs}, err
			}
			l := mustOpen(b, cfg)
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range callers {
				wg.Go(func() {
					for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
						if _, err := l.Append(context.Background(), benchRecord(i), nil, true); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(float64(b.N)/float64(syncs.Load()), "records/sync")
		})
	}
}

// countingFile tells how well callers share syncs, which the disk's speed
// does not.
type countingFile struct {
	file
	syncs *atomic.Int64
}

func (f countingFile) Datasync() error {
	f.syncs.Add(1)
	return f.file.Datasync()
}

// BenchmarkAppend is records that are on disk within a second.
func BenchmarkAppend(b *testing.B) {
	for _, payload := range [][]byte{nil, make([]byte, 1024)} {
		b.Run(fmt.Sprintf("payload=%d", len(payload)), func(b *testing.B) {
			l := mustOpen(b, Config{Dir: b.TempDir()})
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				if _, err := l.Append(context.Background(), benchRecord(int64(i)), payload, false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkVerify is the verification of a closed log of 100,000 entries.
func BenchmarkVerify(b *testing.B) {
	const entries = 100_000
	cfg := quiet(b.TempDir())
	l := mustOpen(b, cfg)
	fill(b, l, 0, entries)
	mustClose(b, l)
	b.ResetTimer()
	for range b.N {
		mustVerify(b, VerifyConfig{Dir: cfg.Dir, Key: l.VerifierKey()})
	}
	b.ReportMetric(float64(entries*b.N)/b.Elapsed().Seconds(), "entries/s")
}

// BenchmarkPublish is the work behind the journal: tiles and a checkpoint.
func BenchmarkPublish(b *testing.B) {
	l := mustOpen(b, quiet(b.TempDir()))
	fill(b, l, 0, b.N)
	b.ResetTimer()
	if err := l.Publish(context.Background()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkOpen is the start of a log with 100,000 entries.
func BenchmarkOpen(b *testing.B) {
	cfg := quiet(b.TempDir())
	l := mustOpen(b, cfg)
	fill(b, l, 0, 100_000)
	mustClose(b, l)
	b.ResetTimer()
	for range b.N {
		mustClose(b, mustOpen(b, cfg))
	}
}
