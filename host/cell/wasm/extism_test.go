package wasm

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ambithost/ambit/sdk/protocol"
	"github.com/ambithost/ambit/sdk/protocol/session"
)

// published is the folder of modules that come with go-sdk: Extism plugins of
// several toolchains, made by others for other hosts.
var published = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/extism/go-sdk").Output()
	return filepath.Join(strings.TrimSpace(string(out)), "wasm"), err
})

func publishedModule(t *testing.T, name string) []byte {
	t.Helper()
	dir, err := published()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, name+".wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestExtismPlugins runs the modules of go-sdk as they are. Each function is
// called twice: what a guest leaves behind must not be in the way of the next.
func TestExtismPlugins(t *testing.T) {
	t.Parallel()
	config := map[string]string{"thing": "a setting"}
	for _, test := range []struct {
		module, export, input string
		want                  string // in the output, or in the error
		code                  protocol.Code
		effect                bool
	}{
		{module: "count_vowels", export: "count_vowels", input: "hello world", want: `"count":3`},
		{module: "count_vowels_std", export: "_start", input: "hello world", want: `"count": 3`},
		{module: "config", export: "run_test", want: "a setting"},
		{module: "exit", export: "_start", code: protocol.Failed},
		{module: "fail", export: "run_test", code: protocol.Failed},
		{module: "fs", export: "run_test", code: protocol.Failed}, // there are no files
		{module: "hello", export: "run_test", want: "Hello, world!"},
		{module: "hello_haskell", export: "testing", input: "Ada", want: "Hello, Ada"},
		{module: "http", export: "run_test", want: "from the gate", effect: true},
		{module: "http_headers", export: "http_get", input: `{"url":"https://api.example.org/"}`, want: "x-answer", effect: true},
		{module: "input_offset", export: "input_offset_length", input: "12345", want: "\x05\x00"},
		{module: "log", export: "run_test"},
		{module: "noop", export: "run_test"},
		{module: "println", export: "run_test"},
		{module: "replace", export: "run_test", input: "ping", want: "ping"},
		{module: "var", export: "run_test", want: "a: 0"},
	} {
		t.Run(test.module, func(t *testing.T) {
			t.Parallel()
			r := New(Options{Module: publishedModule(t, test.module)})
			if err := r.Setup(t.Context(), config); err != nil {
				t.Fatal(err)
			}
			asked := 0
			for range 2 {
				out, err := r.Invoke(t.Context(), &session.Call{
					Export: test.export, Input: []byte(test.input), Log: func(level, m string) { t.Logf("%s %s", level, m) },
					Effect: func(_ context.Context, name string, _ []byte) ([]byte, error) {
						asked++
						return []byte(`{"status":200,"headers":{"X-Answer":["yes"]},"body":"from the gate","url":"https://api.example.org/"}`), nil
					},
				})
				t.Logf("%q %v", out, err)
				if test.code != "" {
					if protocol.CodeOf(err) != test.code || !strings.Contains(err.Error(), test.want) {
						t.Errorf("%q, %v: want an error %s with %q", out, err, test.code, test.want)
					}
				} else if err != nil || !strings.Contains(string(out), test.want) {
					t.Errorf("%q, %v: want %q", out, err, test.want)
				}
			}
			if test.effect != (asked > 0) {
				t.Errorf("asked for %d effects", asked)
			}
		})
	}
}

// TestExtismPluginsOfOtherHosts: what wants a function of its own host, or a second
// module, is refused by that name.
func TestExtismPluginsOfOtherHosts(t *testing.T) {
	t.Parallel()
	for module, want := range map[string]string{
		"host": "extism:host/user.mult", "host_memory": "host.to_upper", "host_multiple": "extism:host/user.hostGreenMessage",
		"main": "lib.capitalize", "nested.c.instr": "dylibso_observe.instrument_enter",
	} {
		_, err := Parse(publishedModule(t, module))
		if refused, ok := errors.AsType[*Refusal](err); !ok || refused.Import != want {
			t.Errorf("%s: %v, want a refusal of %s", module, err, want)
		}
	}
}

// TestExportsThatCanBeCalled: what takes parameters is no function for a host.
func TestExportsThatCanBeCalled(t *testing.T) {
	t.Parallel()
	m, err := Parse(publishedModule(t, "config"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(m.Exports, "run_test") || slices.Contains(m.Exports, "malloc") {
		t.Errorf("exports: %v", m.Exports)
	}
}
