//go:build linux

package main_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/cell"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/plugins"
)

// BenchmarkReady starts the built binary on a home with ten plugins installed:
// the time until it answers, and the memory (PSS) of the idle host and of an
// idle cell. Aims: 50 ms; 40 MB for the host.
func BenchmarkReady(b *testing.B) {
	if len(plugins.List()) == 0 {
		b.Skip("the first-party plugins are not built: make plugins")
	}
	dir, bin, home := built(b)
	c, stop := launch(b, bin, home)
	for i := range 10 {
		installCopy(b, c, filepath.Join(dir, "copies"), "notes", fmt.Sprintf("copy%d", i), nil)
	}
	stop()

	var took []time.Duration
	for b.Loop() {
		begun := time.Now()
		_, stop := launch(b, bin, home)
		took = append(took, time.Since(begun))
		stop()
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")

	c, stop = launch(b, bin, home)
	defer stop()
	if _, err := c.Call(b.Context(), control.CallRequest{Tool: "copy0/list"}); err != nil {
		b.Fatal(err)
	}
	time.Sleep(2 * time.Second) // idle
	st, err := c.Status(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(pss(b, st.PID), "host-MB")
	b.ReportMetric(pss(b, childOf(b, st.PID)), "cell-MB")
}

// built is the binary as it is released, in a folder for one benchmark.
func built(b *testing.B) (dir, bin, home string) {
	b.Helper()
	dir, err := os.MkdirTemp("", "ambit")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	bin, home = filepath.Join(dir, "ambit"), filepath.Join(dir, "home")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", bin, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return dir, bin, home
}

// launch starts a host and returns when it answers.
func launch(b *testing.B, bin, home string) (*control.Client, func()) {
	b.Helper()
	cmd := exec.Command(bin, "up", "--quiet")
	cmd.Env = append(os.Environ(), "AMBIT_HOME="+home)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	c := control.NewClient(home)
	stop := func() {
		_ = c.Shutdown(context.Background())
		_ = cmd.Wait()
		c.Close()
	}
	for range 20_000 {
		if _, err := c.Grants(b.Context(), ""); err == nil { // Status would start a cell first, to see how it is confined
			return c, stop
		}
		time.Sleep(500 * time.Microsecond)
	}
	_ = cmd.Process.Kill()
	b.Fatalf("the host did not get ready\n%s", said.String())
	return nil, nil
}

// installCopy installs a first-party plugin under another name.
func installCopy(b *testing.B, c *control.Client, dir, plugin, name string, config map[string]string) {
	b.Helper()
	bundle, err := plugins.Open(plugin)
	if err != nil {
		b.Fatal(err)
	}
	dir = filepath.Join(dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	text := strings.Replace(string(bundle.Manifest), "name: "+plugin, "name: "+name, 1)
	for name, content := range map[string][]byte{"plugin.yaml": []byte(text), bundle.File: bundle.Module} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	install(b, c, control.PreviewRequest{Path: dir, Config: config})
}

// pss is a process's proportional set size in MB.
func pss(b *testing.B, pid int) float64 {
	b.Helper()
	memory, _ := cell.UsageOf(pid)
	if memory == 0 {
		b.Fatalf("process %d shows no memory", pid)
	}
	return float64(memory) / 1e6
}

// childOf is the one child of a process.
func childOf(b *testing.B, pid int) int {
	b.Helper()
	found := childrenOf(b, pid)
	if len(found) == 0 {
		b.Fatalf("process %d has no child", pid)
	}
	return found[0]
}

// childrenOf lists a process's children.
func childrenOf(b *testing.B, pid int) (list []int) {
	b.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		b.Fatal(err)
	}
	for _, file := range found {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // ended meanwhile
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		if f := strings.Fields(rest); len(f) > 1 && f[1] == strconv.Itoa(pid) && f[0] != "Z" {
			child, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			if err != nil {
				b.Fatal(err)
			}
			list = append(list, child)
		}
	}
	return list
}
