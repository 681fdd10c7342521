package cell_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/cell"
	"github.com/ambithost/ambit/host/cell/hostile"
	"github.com/ambithost/ambit/sdk/protocol"
)

// BenchmarkCall is a call that does nothing, through a cell. Compare with
// BenchmarkRaw in package wasm.
func BenchmarkCall(b *testing.B) {
	d := newDriver(b, nil)
	for name, s := range map[string]cell.Spec{"small": moduleSpec(b, hostile.Echo()), "native": nativeSpec(b)} {
		b.Run(name, func(b *testing.B) {
			c := start(b, d, s)
			export := "call"
			if name == "native" {
				export = "echo"
			}
			for b.Loop() {
				if _, err := c.Call(b.Context(), cell.Call{Export: export, Input: []byte("x")}); err != nil {
					b.Fatal(err)
				}
			}
			c.Kill()
		})
	}
}

// BenchmarkCompute is processor work in a Go guest; see BenchmarkRawCompute.
func BenchmarkCompute(b *testing.B) {
	c := start(b, newDriver(b, nil), guestSpec(b))
	for b.Loop() {
		if _, err := c.Call(b.Context(), cell.Call{Export: "sum"}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStart is from nothing to the end of the first call. Aims: 15 ms for
// a small guest, 70 ms for a Go guest, compiled before.
func BenchmarkStart(b *testing.B) {
	d := newDriver(b, nil)
	for name, s := range map[string]cell.Spec{"small": moduleSpec(b, hostile.Echo()), "go": guestSpec(b), "native": nativeSpec(b)} {
		b.Run(name, func(b *testing.B) {
			export := "echo"
			if name == "small" {
				export = "call"
				if _, err := d.Inspect(b.Context(), s); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				c := start(b, d, s)
				if _, err := c.Call(b.Context(), cell.Call{Export: export, Input: []byte("x")}); err != nil {
					b.Fatal(err)
				}
				c.Kill()
			}
		})
	}
}

// BenchmarkKill is from the kill of spinning cells until the last is reaped.
// The aim is 5 ms at the 99th percentile.
func BenchmarkKill(b *testing.B) {
	for name, n := range map[string]int{"one": 1, "ten": 10} {
		b.Run(name, func(b *testing.B) {
			specs := map[string]cell.Spec{}
			s := moduleSpec(b, hostileModule(b, "call tree"))
			for i := range n {
				specs[string(rune('a'+i))] = s
			}
			p := newPool(b, specs)
			var took []time.Duration
			for b.Loop() {
				ended := make(chan error, n)
				for plugin := range specs {
					if err := p.Start(b.Context(), plugin); err != nil {
						b.Fatal(err)
					}
					go func() {
						_, err := p.Call(context.Background(), plugin, cell.Call{Export: "call"})
						ended <- err
					}()
				}
				eventually(b, "all spin", func() bool {
					list := p.Running()
					return len(list) == n && !slices.ContainsFunc(list, func(i cell.Info) bool { return i.Calls == 0 })
				})
				time.Sleep(5 * time.Millisecond) // into the guest
				begun := time.Now()
				killed := p.KillAll()
				took = append(took, time.Since(begun))
				if killed != n {
					b.Fatalf("killed %d, want %d", killed, n)
				}
				for range n {
					if err := <-ended; protocol.CodeOf(err) != protocol.Killed {
						b.Fatal(err)
					}
				}
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		})
	}
}

var helloGuest = build("hello.wasm", []string{"GOOS=wasip1", "GOARCH=wasm"}, "-buildmode=c-shared", "../../examples/hello")

// BenchmarkGoTool is a call of a tool that was written with package sdk: JSON in,
// JSON out. Beside it stand the module's size, packed too, and the memory of its
// cell alone on the machine. docs/guest-size.md says what these consist of.
func BenchmarkGoTool(b *testing.B) {
	file, err := helloGuest()
	if err != nil {
		b.Fatal(err)
	}
	module, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(module); err != nil || z.Close() != nil {
		b.Fatal(err)
	}
	d := newDriver(b, nil)
	s := moduleSpec(b, module)
	if _, err := d.Inspect(b.Context(), s); err != nil {
		b.Fatal(err)
	}
	c := start(b, d, s)
	input := []byte(`{"method":"tools/call","params":{"name":"greet","arguments":{"name":"Ada"}}}`)
	for b.Loop() {
		if _, err := c.Call(b.Context(), cell.Call{Export: protocol.ExportCall, Input: input}); err != nil {
			b.Fatal(err)
		}
	}
	memory, _ := cell.UsageOf(c.PID())
	b.ReportMetric(float64(len(module)), "module-B")
	b.ReportMetric(float64(packed.Len()), "packed-B")
	b.ReportMetric(float64(memory>>10), "cell-KiB")
	c.Kill()
}
