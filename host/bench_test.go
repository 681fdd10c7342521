package host

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/cell"
	"github.com/ambithost/ambit/host/cell/hostile"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

const echoManifest = `manifest: 1
name: echo
version: 0.1.0
description: Does nothing.
runtime: wasm
module: echo.wasm
kinds: [tool]
tools:
  - {name: look, description: Read nothing., capability: memory.read, input: {type: object}}
  - {name: keep, description: Keep nothing., capability: memory.write, input: {type: object}}
`

// benchHost is a host with a plugin that does nothing, granted all it asks for.
func benchHost(b *testing.B) backend {
	b.Helper()
	dir, err := os.MkdirTemp("", "ambit")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // cells run as somebody else
		b.Fatal(err)
	}
	runner := filepath.Join(dir, "ambit")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", runner, "./cell/runner")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	plugin := filepath.Join(dir, "echo")
	for name, content := range map[string][]byte{"plugin.yaml": []byte(echoManifest), "echo.wasm": hostile.Echo()} {
		if err := os.MkdirAll(plugin, 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(plugin, name), content, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	h, err := Open(b.Context(), Config{Home: filepath.Join(dir, "home"), CellBinary: runner})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = h.Close() })
	p, err := backend{h}.PreviewInstall(b.Context(), control.PreviewRequest{Path: plugin})
	if err != nil {
		b.Fatal(err)
	}
	in := control.InstallRequest{Preview: p.ID, Digest: p.Digest}
	for _, r := range p.Requires {
		in.Grants = append(in.Grants, control.GrantWish{Capability: r.Capability})
	}
	if _, err := (backend{h}).Install(b.Context(), in); err != nil {
		b.Fatal(err)
	}
	return backend{h}
}

// percentiles runs a step and reports how long it takes at the median and at
// the 99th percentile, which the mean hides. The step says what is timed.
func percentiles(b *testing.B, step func() time.Duration) {
	b.Helper()
	var took []time.Duration
	for b.Loop() {
		took = append(took, step())
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1e3, "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1e3, "p99-µs")
}

// timed is the time that a call takes which must succeed.
func timed(b *testing.B, call func() error) time.Duration {
	begun := time.Now()
	if err := call(); err != nil {
		b.Fatal(err)
	}
	return time.Since(begun)
}

// BenchmarkTool is a tool that does nothing: the bare round trip through its
// cell, the same behind gate, policy and audit as a read, as a write, whose
// intent is on disk first, and what one fdatasync takes here. Aim: gate, policy
// and audit add 60 µs to a read, and one fdatasync more to a write.
func BenchmarkTool(b *testing.B) {
	h := benchHost(b)
	input := []byte(`{"method":"tools/call","params":{"name":"look","arguments":{}}}`)
	bare := func() error {
		_, err := h.cells.Call(context.Background(), "echo", cell.Call{Export: protocol.ExportCall, Input: input})
		return err
	}
	tool := func(name string) func() error {
		return func() error {
			_, err := h.effects.CallTool(context.Background(), owner, gate.Origin{Trigger: "bench"}, name, json.RawMessage("{}"))
			return err
		}
	}
	if err := bare(); err != nil { // the cell is up
		b.Fatal(err)
	}
	b.Run("bare", func(b *testing.B) { percentiles(b, func() time.Duration { return timed(b, bare) }) })
	for name, what := range map[string]string{"read": "echo/look", "write": "echo/keep"} {
		b.Run(name, func(b *testing.B) { percentiles(b, func() time.Duration { return timed(b, tool(what)) }) })
	}
	b.Run("fdatasync", func(b *testing.B) {
		f, err := os.Create(filepath.Join(h.cfg.Home, "bench"))
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		record := make([]byte, 300)
		percentiles(b, func() time.Duration {
			return timed(b, func() error {
				if _, err := f.Write(record); err != nil {
					return err
				}
				return datasync(f)
			})
		})
	})
}

// BenchmarkRevoke is from the call of Revoke until it returned and the effect
// that was in flight has heard of it. The aim is 1 ms at the 99th percentile.
func BenchmarkRevoke(b *testing.B) {
	h := benchHost(b)
	percentiles(b, func() time.Duration {
		if _, err := h.Grant(b.Context(), control.GrantRequest{Plugin: "echo", Capability: "memory.read", Scope: &capability.Scope{}}); err != nil {
			b.Fatal(err)
		}
		inside, heard := make(chan struct{}), make(chan error, 1)
		go func() {
			heard <- h.gate.Do(context.Background(), gate.Effect{
				Capability: "memory.read", Actor: owner, Plugin: "echo", Resource: "echo/look", Args: []byte("{}"), Origin: gate.Origin{Trigger: "bench"},
				Perform: func(ctx context.Context, _ *gate.Flight) error {
					close(inside)
					<-ctx.Done()
					return context.Cause(ctx)
				},
			})
		}()
		select {
		case <-inside:
		case err := <-heard:
			b.Fatal("never in flight: ", err)
		}
		begun := time.Now()
		r, err := h.Revoke(b.Context(), control.RevokeRequest{Plugin: "echo", Capability: "memory.read"})
		if err == nil && r.Cancelled != 1 {
			err = fmt.Errorf("cancelled %d effects, want 1", r.Cancelled)
		}
		if err != nil {
			b.Fatal(err)
		}
		if err := <-heard; protocol.CodeOf(err) != protocol.Revoked {
			b.Fatal(err)
		}
		return time.Since(begun)
	})
}
