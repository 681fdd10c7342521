package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// repository writes a module with plugins of the given names in it.
func repository(t *testing.T, names ...string) string {
	t.Helper()
	root := t.TempDir()
	write(t, filepath.Join(root, "go.mod"), "module example.org/repository\n\ngo 1.26.0\n")
	for _, n := range names {
		dir := filepath.Join(root, "plugins", "tools", n)
		write(t, filepath.Join(dir, "main.go"), "package main\n\nfunc main() {}\n")
		write(t, filepath.Join(dir, "plugin.yaml"), manifestOf(n, "native"))
	}
	return root
}

func manifestOf(name, runtime string) string {
	return fmt.Sprintf(`{"manifest": 1, "name": %q, "version": "1.0.0", "description": "A plugin.", "runtime": %q, "module": "m",
		"kinds": ["tool"], "tools": [{"name": "t", "description": "A tool.", "input": {"type": "object"}}]}`, name, runtime)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestBuild builds more plugins than there are processors, twice.
func TestBuild(t *testing.T) {
	t.Parallel()
	names := []string{"a", "b", "c", "d", "e", "f"}
	root := repository(t, names...)
	write(t, filepath.Join(root, "plugins", "tools", "a", "plugin.yaml"), manifestOf("a", "wasm"))
	write(t, filepath.Join(root, "plugins", "dist", "old", "plugin.yaml"), "left by an earlier build")
	write(t, filepath.Join(root, "plugins", "dist", ".keep"), "")
	var first, second bytes.Buffer
	if err := run(t.Context(), root, "", &first); err != nil {
		t.Fatal(err)
	}
	module := filepath.Join(root, "plugins", "dist", "a", "m.gz")
	before, err := os.ReadFile(module)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(first.String(), ", built in") != len(names) {
		t.Errorf("first build:\n%s", &first)
	}
	if err := run(t.Context(), root, "", &second); err != nil {
		t.Fatal(err)
	}
	if strings.Count(second.String(), ", unchanged in") != len(names) {
		t.Errorf("second build:\n%s", &second)
	}
	// Another machine has nothing of this one's last build.
	if err := errorsOf(os.RemoveAll(filepath.Join(root, "bin")), os.Remove(module)); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), root, "", &second); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(module); err != nil || !bytes.Equal(before, after) {
		t.Errorf("equal sources gave different bytes (%v)", err)
	}
	if _, err := os.Stat(filepath.Join(root, "plugins", "dist", "old")); !os.IsNotExist(err) {
		t.Errorf("the bundle of a plugin that is no more is still there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(root, "plugins", "dist", ".keep")); err != nil {
		t.Error(err)
	}
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestBuildSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, want string
		pair       string
		change     func(root string)
	}{
		{"compile error", "tools/a: go build: exit status 1", "", func(root string) {
			write(t, filepath.Join(root, "plugins", "tools", "a", "main.go"), "package main\n\nfunc main() { nonsense }\n")
		}},
		{"bad manifest", "tools/a/plugin.yaml: manifest: ", "", func(root string) {
			write(t, filepath.Join(root, "plugins", "tools", "a", "plugin.yaml"), "name: a")
		}},
		{"name taken", `name "a" is taken by`, "", func(root string) {
			write(t, filepath.Join(root, "plugins", "models", "b", "plugin.yaml"), manifestOf("a", "native"))
		}},
		{"no module here", "top of the repository", "", func(root string) { _ = os.Remove(filepath.Join(root, "go.mod")) }},
		{"no plugins", "top of the repository", "", func(root string) { _ = os.RemoveAll(filepath.Join(root, "plugins")) }},
		{"target", "want os/arch", "../../x", func(string) {}},
		{"unknown target", "unsupported GOOS/GOARCH pair", "plan10/amd64", func(string) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			root := repository(t, "a")
			c.change(root)
			err := run(t.Context(), root, c.pair, new(bytes.Buffer))
			if err == nil || !strings.Contains(filepath.ToSlash(err.Error()), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}
