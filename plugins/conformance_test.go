package plugins_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/cell"
	"github.com/ambithost/ambit/plugins"
	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/plugintest"
)

// compiled is where the tests of this package compile each module once.
var compiled string

// TestMain lets this test's own executable be the runner of its Wasm cells.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "cell" {
		os.Exit(cell.Main())
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "ambit-compiled-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	compiled = dir
	return m.Run()
}

// inCell is a plugin in a real cell.
type inCell struct{ *cell.Cell }

// Call implements plugintest.Plugin.
func (c inCell) Call(ctx context.Context, export string, input []byte, effect func(context.Context, string, []byte) ([]byte, error), emit func([]byte)) ([]byte, error) {
	return c.Cell.Call(ctx, cell.Call{Export: export, Input: input, Effect: effect, Emit: emit})
}

// specOf unpacks a first-party plugin as an installation would.
func specOf(t testing.TB, dir, name string) (cell.Spec, *manifest.Manifest) {
	t.Helper()
	b, err := plugins.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Parse(b.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	module := filepath.Join(dir, name, b.File)
	if err := os.MkdirAll(filepath.Dir(module), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(module, b.Module, 0o755); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b.Module)
	return cell.Spec{
		Plugin: name, Digest: "sha256:" + hex.EncodeToString(sum[:]), Runtime: m.Runtime, Module: module,
		Cache: filepath.Join(compiled, name), MemoryMB: m.Limits.MemoryMB, Timeout: time.Minute,
	}, m
}

func newDriver(t testing.TB, dir string) *cell.Driver {
	t.Helper()
	d, err := cell.NewDriver(cell.Config{RunDir: filepath.Join(dir, "run")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func start(t testing.TB, d *cell.Driver, s cell.Spec) *cell.Cell {
	t.Helper()
	c, err := d.Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Kill)
	return c
}

// TestConformance holds each first-party plugin, as it is built and in a cell
// as it will run, to the duties of package plugintest.
func TestConformance(t *testing.T) {
	if len(plugins.List()) == 0 {
		t.Skip(plugins.ErrNotBuilt)
	}
	for _, b := range plugins.List() {
		t.Run(b.Name, func(t *testing.T) {
			dir := t.TempDir()
			spec, m := specOf(t, dir, b.Name)
			spec.Config = settings(b.Name)
			driver := newDriver(t, dir)
			if _, err := driver.Inspect(t.Context(), spec); err != nil {
				t.Fatal(err)
			}
			// One cell for all duties, as in a host, unless one of them ends it.
			c := start(t, driver, spec)
			plugintest.Run(t, plugintest.Config{
				Manifest: m,
				Open: func(*testing.T) plugintest.Plugin {
					if c.Err() != nil {
						c = start(t, driver, spec)
					}
					return inCell{c}
				},
				Effect: func() plugintest.Effect { return world(b.Name).Effect },
				Args:   arguments(b.Name),
				Chat:   chats()[b.Name],
				Hook:   hooks()[b.Name],
			})
		})
	}
}

// settings is the configuration a plugin needs to work at all.
func settings(name string) map[string]string {
	switch name {
	case "openai", "anthropic", "ollama", "gemini":
		return map[string]string{"base_url": "https://models.example/v1", "model": "test"}
	case "webhook":
		return map[string]string{"url": "https://chat.example/in", "secret": "WEBHOOK_KEY"}
	case "telegram", "matrix":
		return map[string]string{"base_url": "https://chat.example", "secret": strings.ToUpper(name) + "_TOKEN"}
	}
	return nil
}

// arguments are what the suite cannot guess from a schema.
func arguments(name string) map[string]string {
	switch name {
	case "code":
		return map[string]string{"run": `{"language": "starlark", "code": "print('a')\nresult = 6 * 7"}`}
	case "schedule":
		return map[string]string{"add": `{"text": "A sample", "every": "1h"}`, "cancel": `{"id": "s1"}`}
	case "skills":
		return map[string]string{"use": `{"skill": "sample"}`, "file": `{"skill": "sample", "path": "a.md"}`}
	case "delegate":
		return map[string]string{"run": `{"task": "A sample", "tools": ["notes/read"]}`}
	case "memory":
		return map[string]string{"forget": `{"name": "sample"}`}
	case "playbank":
		return map[string]string{"charge": `{"amount": 100, "currency": "USD", "merchant": "A shop"}`, "ledger": `{"card": "play"}`}
	case "moltbook":
		const one = `{"post": "0f5d6f0e-1111-4222-8333-444455556666"}`
		return map[string]string{"vote": one, "delete": one}
	}
	return nil
}

// world is where a plugin finds what it works with.
func world(name string) *plugintest.World {
	w := new(plugintest.World)
	switch name {
	case "skills":
		w.Skills = map[string]string{"sample": "Do it well.", "sample/a.md": "Rule 1."}
	case "notes":
		w.SetFile("notes/sample.md", []byte("A sample.\n"))
	case "memory":
		_, _ = w.Effect(context.Background(), "memory.write", []byte(`{"name": "sample", "text": "A sample"}`)) // as below
	case "schedule":
		_, _ = w.Effect(context.Background(), "schedule.create", []byte(`{"text": "A sample", "every": "1h"}`)) // a world never fails
	case "openai", "anthropic", "ollama", "gemini":
		w.HTTP = serveModel
	case "telegram":
		w.HTTP = serveTelegram
	case "matrix":
		w.HTTP = serveMatrix
	case "webhook":
		w.HTTP = serveWebhook
	case "moltbook":
		w.HTTP = func(plugintest.HTTPRequest) plugintest.HTTPResponse {
			return plugintest.HTTPResponse{Body: []byte(`{"success":true,"status":"claimed","agent":{"api_key":"moltbook_0123456789abcdef","name":"sample_agent"},
				"post":{"id":"0f5d6f0e-1111-4222-8333-444455556666","title":"A title","content":"A text","submolt":"general"},
				"requests":{"items":[{"conversation_id":"c1","from":{"name":"sample_agent"}}]},
				"conversations":{"items":[{"conversation_id":"c1","with_agent":{"name":"sample_agent"}},{"conversation_id":"c2","with_agent":{"name":"sample"}}]}}`)}
		}
	}
	return w
}

// BenchmarkLoad measures each plugin from nothing to its first answer: cached,
// as it starts from day to day, and cold, as an installation does, which
// compiles a Wasm module first.
func BenchmarkLoad(b *testing.B) {
	for _, bundle := range plugins.List() {
		dir := b.TempDir()
		spec, _ := specOf(b, dir, bundle.Name)
		driver := newDriver(b, dir)
		b.Run(bundle.Name+"/cold", func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				fresh := spec
				fresh.Cache = filepath.Join(dir, "cold", strconv.Itoa(i))
				inspect(b, driver, fresh)
				first(b, driver, fresh)
			}
			b.ReportMetric(float64(len(module(b, spec)))/1e6, "MB")
		})
		b.Run(bundle.Name+"/cached", func(b *testing.B) {
			inspect(b, driver, spec)
			for b.Loop() {
				first(b, driver, spec)
			}
		})
	}
}

func inspect(b *testing.B, d *cell.Driver, s cell.Spec) {
	b.Helper()
	if _, err := d.Inspect(b.Context(), s); err != nil {
		b.Fatal(err)
	}
}

// first starts a cell and takes one answer from it.
func first(b *testing.B, d *cell.Driver, s cell.Spec) {
	b.Helper()
	c, err := d.Start(b.Context(), s)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Kill()
	if _, err := c.Call(b.Context(), cell.Call{Export: "describe", Input: []byte("{}")}); err != nil {
		b.Log(err) // a model without tools has nothing to describe
	}
}

func module(b *testing.B, s cell.Spec) []byte {
	b.Helper()
	text, err := os.ReadFile(s.Module)
	if err != nil {
		b.Fatal(err)
	}
	return text
}
