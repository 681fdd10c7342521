package hostile

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/cell"
)

// BenchmarkBystander calls a well-behaved plugin while another attacks, and
// reports the median and by how much it is over the one without an attack. The
// aim is a ratio of 3 at most.
func BenchmarkBystander(b *testing.B) {
	l := newLab(b)
	alone := l.calls(b, func() bool { return true }, 2000)
	b.Logf("alone: median %v", median(alone))
	worst := []string{"call tree", "memory fill", "memory bomb", "log flood", "effect storm", "emit flood",
		"native spin", "native memory bomb", "error flood", "broker flood", "unsettled effects"}
	for _, a := range append(Wasm(), Native()...) {
		if !slices.Contains(worst, a.Name) {
			continue
		}
		b.Run(a.Name, func(b *testing.B) {
			ctx, cancel := context.WithCancel(b.Context())
			var attacker sync.WaitGroup
			attacker.Go(func() { l.again(b, ctx, a) })
			time.Sleep(100 * time.Millisecond) // it is under way
			during := l.calls(b, b.Loop, 0)
			cancel()
			attacker.Wait()
			b.ReportMetric(float64(median(during).Microseconds()), "p50-µs")
			b.ReportMetric(float64(median(during))/float64(median(alone)), "ratio")
		})
	}
}

// calls calls the bystander while more says so, at most n times if n is not 0.
func (l *lab) calls(b *testing.B, more func() bool, n int) (took []time.Duration) {
	for more() && (n == 0 || len(took) < n) {
		begun := time.Now()
		if _, err := l.bystander.Call(b.Context(), cell.Call{Export: "call", Input: []byte("x")}); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(begun))
	}
	return took
}

// again attacks until ctx ends, from a new cell each time the last one ended.
func (l *lab) again(b *testing.B, ctx context.Context, a Attack) {
	var spec cell.Spec
	if a.Module != nil {
		spec = l.install(b, a.Name, a.Module(), time.Minute)
	} else {
		spec = l.native(b, a, time.Minute)
	}
	export := "call"
	if a.Export != "" {
		export = a.Export
	}
	for ctx.Err() == nil {
		c, err := l.driver.Start(ctx, spec)
		if err != nil {
			if ctx.Err() == nil {
				b.Error(err)
			}
			return
		}
		w := &world{}
		_, _ = c.Call(ctx, cell.Call{Export: export, Input: mustJSON(b, l.targets), Effect: w.effect, Emit: w.emit})
		c.Kill()
	}
}
