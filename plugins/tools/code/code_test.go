package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/ambithost/ambit/sdk/plugintest"
)

func TestPrograms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, code, input, want string }{
		{"expression", "2 + 2 # four", "", "result = 4"},
		{"result", "x = [i * i for i in range(4)]\nresult = x", "", "result = [0, 1, 4, 9]"},
		{"text", `result = "a\nb"`, "", "result = a\nb"},
		{"print", `print("a", 1)` + "\nprint(2)\nresult = None", "", "a 1\n2\nresult = None"},
		{"input", `result = {k: v * 2 for k, v in input.items()}`, `{"a": 1.5}`, `result = {"a": 3.0}`},
		{"json", `json.encode({"a": [1, None]})`, "", `result = {"a":[1,null]}`},
		{"math", "math.sqrt(2) > 1.41", "", "result = True"},
		{"function", "def f(n):\n  t = 0\n  for i in range(n):\n    t += i\n  return t\nresult = f(5)", "", "result = 10"},
		{"while", "n = 1\nwhile n < 100:\n  n *= 2\nresult = n", "", "result = 128"},
		{"big", "result = 2 << 100", "", "result = 2535301200456458802993406410752"},
		{"nothing", "x = 1", "", `(nothing was printed, and "result" was not set)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := execute(t.Context(), c.code, json.RawMessage(c.input)).result(); got.Text != c.want || got.IsError {
				t.Errorf("got %q, isError %v\nwant %q", got.Text, got.IsError, c.want)
			}
		})
	}
}

// TestFailures: each ends by itself and says what to mend. It runs alone: the
// bound on memory is the process's.
func TestFailures(t *testing.T) {
	for _, c := range []struct{ name, code, want string }{
		{"syntax", "def f(:", "program:1:8: got ':'"},
		{"undefined", "result = y", "program:1:10: undefined: y"},
		{"traceback", "def f(x):\n  return 1 // x\nprint('before')\nresult = f(0)", "before\nTraceback (most recent call last):\n  program:4:11: in <toplevel>\n  program:2:12: in f\nError: floored division by zero"},
		{"recursion", "def f(n):\n  return f(n)\nf(1)", "called recursively"},
		{"load", `load("os", "system")`, "nothing to load"},
		{"endless loop", "while True:\n  pass", "The program was ended: it took more than 100000000 steps"},
		{"memory", "x = ['a' * 1000]\nwhile True:\n  x = x + [c + 'b' for c in x]", "The program was ended: it used more than 128 MiB"},
		{"no files", "open('/etc/passwd')", "undefined: open"},
		{"no time", "time.now()", "undefined: time"},
		{"deep", strings.Repeat("(", maxCode/2) + strings.Repeat(")", maxCode/2), "not valid"},
		{"deep operators", "x = " + strings.Repeat("-", maxCode-5) + "1", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := execute(t.Context(), c.code, nil)
			if !strings.Contains(got.result().Text, c.want) || got.failure == "" && c.want != "" {
				t.Errorf("got %.500q\nwant %q in it", got.result().Text, c.want)
			}
		})
	}
}

func TestOutputIsCapped(t *testing.T) {
	t.Parallel()
	got := execute(t.Context(), "for i in range(100000):\n  print('éééééééééééé')\nresult = 'é' * 1000000", nil).result()
	if len(got.Text) > 3*maxOutput || got.Text != strings.ToValidUTF8(got.Text, "") {
		t.Errorf("%d bytes", len(got.Text))
	}
	if !strings.Contains(got.Text, "(output is cut at") || !strings.Contains(got.Text, "(result is cut: it has 2000000 bytes)") {
		t.Errorf("nothing says that it was cut: %.100q … %.100q", got.Text, got.Text[len(got.Text)-100:])
	}
}

func TestCallerGone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := execute(ctx, "while True:\n  pass", nil).result(); !got.IsError || !strings.Contains(got.Text, "nobody waits") {
		t.Errorf("got %q", got.Text)
	}
}

func TestDuties(t *testing.T) {
	t.Parallel()
	plugintest.Run(t, plugintest.Config{
		Manifest: plugintest.Manifest(t, "plugin.yaml"),
		Open:     func(*testing.T) plugintest.Plugin { return plugintest.Direct(code(), nil) },
		Args:     map[string]string{"run": `{"language": "starlark", "code": "print('a')\nresult = 6 * 7"}`},
	})
}
