package policy

import (
	"bytes"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/format"
	"github.com/open-policy-agent/opa/v1/tester"

	"github.com/ambithost/ambit/policies"
)

// shipped are all our Rego files, tests included. Examples count as the owner's,
// so that they pass through what owners' files pass through.
func shipped(t *testing.T) []source {
	t.Helper()
	var out []source
	for _, dir := range []string{"base", "lib", "examples"} {
		files, problems := readTree(policies.FS, dir)
		if len(problems) > 0 {
			t.Fatal(asError(problems))
		}
		for i := range files {
			if dir == "examples" {
				files[i].layer = ownerLayer
			}
		}
		out = append(out, files...)
	}
	return out
}

// A line of Rego that no test reaches is a rule that nobody has seen work.
func TestRegoTests(t *testing.T) {
	t.Parallel()
	files := shipped(t)
	modules, problems := parse(files, false)
	if len(problems) > 0 {
		t.Fatal(asError(problems))
	}
	reached := cover.New()
	runner := tester.NewRunner().SetCompiler(compiler()).SetDefaultRegoVersion(ast.RegoV1).SetModules(modules).
		SetTimeout(baseDeadline).RaiseBuiltinErrors(true).SetCoverageQueryTracer(reached)
	results, err := runner.RunTests(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for r := range results {
		ran++
		if r.Error != nil || r.Fail {
			t.Errorf("%s: %s: failed (%v)", r.Location, r.Name, r.Error)
		}
	}
	if ran < 60 {
		t.Errorf("only %d Rego tests ran", ran)
	}
	report := reached.Report(modules)
	for _, f := range files {
		if f.layer != "" {
			continue // TestExamplesHold looks at these, with their cases
		}
		if r := report.Files[f.module()]; r != nil && !f.isTest() {
			for _, missed := range r.NotCovered {
				if strings.HasPrefix(strings.Split(f.text, "\n")[missed.Start.Row-1], "default ") {
					continue // the last resort, for a mistake in the rules above it
				}
				t.Errorf("%s:%d: not reached by any Rego test", f.path, missed.Start.Row)
			}
		}
	}
}

func TestRegoStyle(t *testing.T) {
	t.Parallel()
	tested := map[string]bool{}
	for _, f := range shipped(t) {
		tested[f.path] = true
	}
	for _, f := range shipped(t) {
		if path.Ext(f.name) != ".rego" {
			continue
		}
		want, err := format.SourceWithOpts(f.path, []byte(f.text), format.Opts{RegoVersion: ast.RegoV1})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want, []byte(f.text)) {
			t.Errorf("%s: not as opa fmt has it:\n%s", f.path, want)
		}
		if f.isTest() {
			continue
		}
		if base := strings.TrimSuffix(f.path, ".rego"); !tested[base+"_test.rego"] && !tested[base+casesSuffix] {
			t.Errorf("%s: has no tests beside it", f.path)
		}
		m, err := ast.ParseModuleWithOpts(f.path, f.text, ast.ParserOptions{RegoVersion: ast.RegoV1, ProcessAnnotation: true})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(m.Annotations, func(a *ast.Annotations) bool {
			return a.Scope == "package" && a.Title != "" && a.Description != ""
		}) {
			t.Errorf("%s: METADATA with title and description of the package is missing", f.path)
		}
		if d := path.Dir(f.path); d == "base" && !strings.HasPrefix(m.Package.Path.String(), "data.ambit.base") {
			t.Errorf("%s: package %s", f.path, m.Package.Path)
		}
	}
}
