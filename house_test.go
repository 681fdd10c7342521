package main_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// longest is the most lines a source file may have; 150 is the aim.
const longest = 500

// generated is the line that marks a file no person writes (go.dev/s/generatedcode).
var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

func TestFilesAreShort(t *testing.T) {
	t.Parallel()
	for _, file := range files(t, ".go", ".rego", ".proto", ".js", ".css", ".html") {
		b := read(t, file)
		if n := bytes.Count(b, []byte("\n")); n > longest && !generated.Match(b) {
			t.Errorf("%s has %d lines, more than %d: find the second thing it does", file, n, longest)
		}
	}
}

// TestNoInit: wiring happens once, in host, where it can be read.
func TestNoInit(t *testing.T) {
	t.Parallel()
	for _, file := range files(t, ".go") {
		f := parseFile(t, file)
		if ast.IsGenerated(f) {
			continue
		}
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s has an init function; call it from where the parts are put together", file)
			}
		}
	}
}

// TestPackageNames: a package is named for what it does.
func TestPackageNames(t *testing.T) {
	t.Parallel()
	empty := []string{"util", "utils", "common", "types", "helper", "helpers", "manager", "misc", "shared"}
	for _, file := range files(t, ".go") {
		name := strings.TrimSuffix(parseFile(t, file).Name.Name, "_test")
		if slices.Contains(empty, name) {
			t.Errorf("%s: package %s says nothing about what it does", file, name)
		}
	}
}

// personal is an absolute path on somebody's machine.
var personal = regexp.MustCompile(`(^|[\s"'=(` + "`" + `])/(root|work|workspace|home/[a-z][a-z0-9_-]*|Users/[A-Za-z][A-Za-z0-9_.-]*)/[A-Za-z0-9_.]`)

func TestNoPathOfOneMachine(t *testing.T) {
	t.Parallel()
	if !personal.MatchString("open /"+"home/ann/notes") || personal.MatchString("https://example.com/work/notes") {
		t.Fatal("the pattern no longer tells a machine's path")
	}
	for _, file := range files(t, ".go", ".rego", ".md", ".yaml", ".yml", ".sh", ".js", ".html", ".txtar", ".json", "Makefile", "run") {
		for i, line := range strings.Split(string(read(t, file)), "\n") {
			if m := personal.FindString(line); m != "" {
				t.Errorf("%s:%d: %q exists on one machine only", file, i+1, strings.TrimSpace(m))
			}
		}
	}
}

// files lists the repository's files whose names end in one of the suffixes,
// with forward slashes, built ones left out.
func files(t *testing.T, suffixes ...string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if d.IsDir() {
			if name == ".git" || name == "bin" || name == "plugins/dist" || d.Name() == "testdata" || d.Name() == "node_modules" {
				return fs.SkipDir
			}
			return nil
		}
		if slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(name, s) }) {
			found = append(found, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatalf("no file ends in %v", suffixes)
	}
	return found
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parseFile(t *testing.T, file string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
