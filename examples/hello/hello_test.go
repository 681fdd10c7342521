package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ambithost/ambit/host/cell"
	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/plugintest"
	"github.com/ambithost/ambit/sdk/protocol"
)

// TestMain lets this test's own executable be the runner of its Wasm cell. A
// plugin's author has no need of it: a test like TestDuties is enough.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "cell" {
		os.Exit(cell.Main())
	}
	os.Exit(m.Run())
}

// TestDuties holds the plugin to what a host relies on, without building it.
func TestDuties(t *testing.T) {
	plugintest.Run(t, plugintest.Config{
		Manifest: plugintest.Manifest(t, "plugin.yaml"),
		Open:     func(*testing.T) plugintest.Plugin { return plugintest.Direct(hello(), nil) },
	})
}

// inCell is the plugin in a real cell.
type inCell struct{ *cell.Cell }

// Call implements plugintest.Plugin.
func (c inCell) Call(ctx context.Context, export string, input []byte, effect func(context.Context, string, []byte) ([]byte, error), emit func([]byte)) ([]byte, error) {
	return c.Cell.Call(ctx, cell.Call{Export: export, Input: input, Effect: effect, Emit: emit})
}

// TestBothWays builds this one source to Wasm and to a native executable, and
// runs both in cells, on the same cases.
func TestBothWays(t *testing.T) {
	for _, runtime := range []manifest.Runtime{manifest.Wasm, manifest.Native} {
		t.Run(string(runtime), func(t *testing.T) {
			dir := t.TempDir()
			driver, err := cell.NewDriver(cell.Config{RunDir: filepath.Join(dir, "run")})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := driver.Close(); err != nil {
					t.Error(err)
				}
			})
			spec := cell.Spec{Plugin: "hello", Runtime: runtime, Module: build(t, dir, runtime), Cache: filepath.Join(dir, "cache")}
			if _, err := driver.Inspect(t.Context(), spec); err != nil {
				t.Fatal(err)
			}
			open := func(t *testing.T) plugintest.Plugin {
				t.Helper()
				c, err := driver.Start(t.Context(), spec)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(c.Kill)
				return inCell{c}
			}
			plugintest.Run(t, plugintest.Config{Manifest: plugintest.Manifest(t, "plugin.yaml"), Open: open})
			cases(t, open(t))
			spec.Config = map[string]string{"greeting": "Ahoy"}
			if got, _ := plugintest.CallTool(t, open(t), new(plugintest.World).Effect, "greet", map[string]string{"name": "Ann"}); got != "Ahoy, Ann!" {
				t.Errorf("configured: %q", got)
			}
		})
	}
}

// build compiles as an author does.
func build(t *testing.T, dir string, runtime manifest.Runtime) string {
	t.Helper()
	out := filepath.Join(dir, "hello")
	args, env := []string{"build", "-trimpath", "-ldflags=-s -w", "-o", out}, append(os.Environ(), "CGO_ENABLED=0")
	if runtime == manifest.Wasm {
		args, env = append(args, "-buildmode=c-shared"), append(env, "GOOS=wasip1", "GOARCH=wasm")
	}
	cmd := exec.CommandContext(t.Context(), "go", append(args, ".")...)
	cmd.Env = env
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	return out
}

// cases are what both builds answer alike.
func cases(t *testing.T, p plugintest.Plugin) {
	t.Helper()
	denied := func(context.Context, string, []byte) ([]byte, error) {
		return nil, protocol.Errorf(protocol.Denied, "the owner has revoked clock.read")
	}
	for _, c := range []struct {
		name   string
		effect plugintest.Effect
		want   string
	}{
		{"Ann", new(plugintest.World).Effect, "Good afternoon, Ann!"},
		{"Zoë \u2603", new(plugintest.World).Effect, "Good afternoon, Zoë \u2603!"},
		{"Ann", denied, "denied: the owner has revoked clock.read"},
	} {
		if got, _ := plugintest.CallTool(t, p, c.effect, "greet", map[string]string{"name": c.name}); got != c.want {
			t.Errorf("greet %s: %q, want %q", c.name, got, c.want)
		}
	}
}
