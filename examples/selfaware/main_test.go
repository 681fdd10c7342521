package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/examples/selfaware/index"
	"github.com/ambithost/ambit/host"
	"github.com/ambithost/ambit/host/cell"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/plugins"
)

// TestMain lets this test's own executable run the cells.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "cell" {
		os.Exit(cell.Main())
	}
	os.Exit(m.Run())
}

// scenario is a model that names 33 to people, 22 to models and 0 to its like.
const scenario = `{"scenes":[
 {"on":"players are people","steps":[{"say":"Many will say 50.\nGUESS: 33"}]},
 {"on":"of different makers","steps":[{"say":"They may reason.\nGUESS: 22"}]},
 {"on":"AI models like you","steps":[{"say":"We all reason.\nGUESS: 0"}]}]}`

// TestThroughAHost runs the experiment the whole way: this command, the control
// API, the plugin asker in a cell, the gate, and the rehearsal model in a cell
// of its own.
func TestThroughAHost(t *testing.T) {
	if len(plugins.List()) == 0 {
		t.Skip(plugins.ErrNotBuilt)
	}
	home, dir := t.TempDir(), t.TempDir()
	client := serve(t, home)
	install(t, client, control.PreviewRequest{Name: "rehearsal", Config: map[string]string{"scenario": scenario}})
	install(t, client, control.PreviewRequest{Path: build(t)})
	args := []string{"--home", home, "--model", "rehearsal", "--file", filepath.Join(dir, "trials.jsonl"), "--svg", filepath.Join(dir, "plot.svg")}
	var first, again bytes.Buffer
	if err := run(t.Context(), append(args, "--trials", "2", "--json"), &first, io.Discard); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), append(args, "--trials", "12", "--json"), &again, io.Discard); err != nil {
		t.Fatal(err)
	}
	var r index.Result
	if err := json.Unmarshal(again.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{33, 22, 0} {
		if s := r.Framings[i]; s.Trials != 12 || s.NoGuess != 0 || *s.Median != want {
			t.Errorf("framing %s: %+v", s.Framing, s)
		}
	}
	if *r.Gaps[0].Median != 11 || *r.Gaps[1].Median != 22 || *r.Gaps[0].P > 0.001 || r.Profile != index.Graded {
		t.Errorf("gaps %+v, profile %s", r.Gaps, r.Profile)
	}
	plot, err := os.ReadFile(filepath.Join(dir, "plot.svg"))
	if err != nil || strings.Count(string(plot), "<circle") != 36 {
		t.Errorf("the plot has %d dots, %v", strings.Count(string(plot), "<circle"), err)
	}
	if err := run(t.Context(), append(args, "--trials", "13", "--budget", "10"), io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "budget") {
		t.Errorf("beyond its budget: %v", err)
	}
}

func serve(t *testing.T, home string) *control.Client {
	t.Helper()
	h, err := host.Open(t.Context(), host.Config{Home: home, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Serve(ctx) }()
	client := control.NewClient(home)
	t.Cleanup(func() {
		client.Close()
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	for {
		if _, err := client.Status(t.Context()); err == nil {
			return client
		}
		select {
		case err := <-done:
			done <- err
			t.Fatalf("the host ended: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func install(t *testing.T, client *control.Client, req control.PreviewRequest) {
	t.Helper()
	p, err := client.PreviewInstall(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	in := control.InstallRequest{Preview: p.ID, Digest: p.Digest}
	for _, r := range p.Requires {
		in.Grants = append(in.Grants, control.GrantWish{Capability: r.Capability})
	}
	if _, err := client.Install(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

// build lays out the plugin asker as its author does.
func build(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, "asker.wasm"), "./asker")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(filepath.Join("asker", "plugin.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "plugin.yaml"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}
