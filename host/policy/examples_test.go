package policy

import (
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/ambithost/ambit/policies"
)

// example is one shipped example as an owner's folder: its rules, their tests,
// and the lists beside it.
func example(t *testing.T, name string) map[string]string {
	t.Helper()
	files := map[string]string{}
	entries, err := fs.ReadDir(policies.FS, "examples")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		f := source{name: e.Name()}
		if f.isList() || e.Name() == name+".rego" || e.Name() == name+"_test.rego" || e.Name() == name+casesSuffix {
			b, err := fs.ReadFile(policies.FS, "examples/"+e.Name())
			if err != nil {
				t.Fatal(err)
			}
			files[e.Name()] = string(b)
		}
	}
	return files
}

func exampleNames(t *testing.T) (names []string) {
	t.Helper()
	files, err := fs.Glob(policies.FS, "examples/*.rego")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f, "_test.rego") {
			names = append(names, strings.TrimSuffix(strings.TrimPrefix(f, "examples/"), ".rego"))
		}
	}
	return names
}

// The examples are what people copy: each has to load alone as an owner's,
// Check must find nothing, its tests must hold and leave no rule out.
func TestExamplesHold(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range exampleNames(t) {
		if !strings.Contains(string(doc), "\n| `"+name+".rego` |") {
			t.Errorf("docs/policy.md does not list %s.rego", name)
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := owner(t, example(t, name))
			r, err := Test(t.Context(), l)
			if err != nil || !r.OK() || len(r.Unreached) > 0 || len(r.Tests) == 0 {
				t.Errorf("%+v, %v", r, err)
			}
			if problems, err := Check(t.Context(), l); err != nil || len(problems) > 0 {
				t.Errorf("%v, %v", problems, err)
			}
		})
	}
}

// Someone may want all of them.
func TestExamplesLoadTogether(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for _, name := range exampleNames(t) {
		for file, text := range example(t, name) {
			if !(source{name: file}).isTest() {
				files[file] = text
			}
		}
	}
	if problems, err := Check(t.Context(), owner(t, files)); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}
