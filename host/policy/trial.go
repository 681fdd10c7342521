package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/ambithost/ambit/policies"
)

// TestReport is what the tests of layers said.
type TestReport struct {
	Tests []TestResult `json:"tests"`
	// Rules counts the layers' rules that have a condition; Unreached are
	// those that held in no test.
	Rules     int       `json:"rules"`
	Unreached []RuleRef `json:"unreached,omitempty"`
	// Problems keep the tests from being run.
	Problems []Problem `json:"problems,omitempty"`
}

// TestResult is one test: a rule named test_… of a _test.rego file, or a case of
// a _cases.yaml file.
type TestResult struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"` // "rego", "case"
	File    string `json:"file"`
	Line    int    `json:"line"`
	OK      bool   `json:"ok"`
	Message string `json:"message,omitempty"` // why not
}

// RuleRef names a rule and its place.
type RuleRef struct {
	Rule string `json:"rule"` // "owner.cards.deny"
	File string `json:"file"`
	Line int    `json:"line"`
}

// OK tells whether everything ran and held.
func (t *TestReport) OK() bool {
	return len(t.Problems) == 0 && !slices.ContainsFunc(t.Tests, func(r TestResult) bool { return !r.OK })
}

// Test runs the tests of layers: Rego and cases. The error is about the run
// itself.
func Test(ctx context.Context, layers ...Layer) (*TestReport, error) {
	files, problems := read(policies.FS, layers)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	report := &TestReport{Tests: []TestResult{}, Problems: sorted(problems)}
	if len(problems) == 0 {
		err := report.run(ctx, slices.DeleteFunc(files, func(s source) bool { return s.layer == "" && s.isTest() }))
		return report, err
	}
	return report, nil
}

// run runs the tests among the files and counts which rules held.
func (t *TestReport) run(ctx context.Context, files []source) error {
	s, problems := compile(files)
	if len(problems) > 0 {
		t.Problems = sorted(problems)
		return nil
	}
	held := &held{}
	if err := t.rego(ctx, files, held); err != nil || len(t.Problems) > 0 {
		return err
	}
	t.cases(ctx, s, files, held)
	modules, _ := parse(files, false)
	for _, f := range files {
		m := modules[f.module()]
		if f.layer == "" || f.isTest() || m == nil {
			continue
		}
		for _, r := range m.Rules {
			t.count(f, r, held)
		}
	}
	slices.SortStableFunc(t.Tests, func(a, b TestResult) int {
		if c := strings.Compare(a.File, b.File); c != 0 {
			return c
		}
		return a.Line - b.Line
	})
	return ctx.Err()
}

// count adds a rule and its else branches to the coverage. Defaults and
// constants have no condition that a test could miss.
func (t *TestReport) count(f source, r *ast.Rule, held *held) {
	if r.Default || r.Else == nil && r.Body.Equal(ast.NewBody(ast.NewExpr(ast.BooleanTerm(true)))) {
		return
	}
	pkg := strings.TrimPrefix(r.Module.Package.Path.String(), "data.ambit.")
	for ; r != nil; r = r.Else {
		t.Rules++
		if !held.has(f.module(), r.Loc().Row) {
			t.Unreached = append(t.Unreached, RuleRef{Rule: pkg + "." + string(r.Head.Name), File: f.path, Line: r.Loc().Row})
		}
	}
}

// rego runs the Rego tests. Rules are not tagged here, so that tests see the
// sets that the files define.
func (t *TestReport) rego(ctx context.Context, files []source, held *held) error {
	modules, problems := parse(files, false)
	if len(problems) > 0 {
		t.Problems = sorted(problems)
		return nil
	}
	runner := tester.NewRunner().SetCompiler(compiler()).SetDefaultRegoVersion(ast.RegoV1).SetModules(modules).
		SetTimeout(testTime).RaiseBuiltinErrors(true).SetCoverageQueryTracer(held)
	results, err := runner.RunTests(ctx, nil)
	if err != nil {
		t.Problems = compileProblems(err, paths(files))
		return ctx.Err()
	}
	file := paths(files)
	for r := range results {
		one := TestResult{Name: sentence(r.Name), Kind: "rego", OK: r.Pass() || r.Skip}
		if r.Location != nil {
			one.File, one.Line = file(r.Location.File), r.Location.Row
		}
		switch {
		case r.Error != nil:
			one.Message = fmt.Sprintf("%s can't be evaluated: %v", r.Name, r.Error)
		case r.Fail:
			one.Message = r.Name + " fails"
		}
		t.Tests = append(t.Tests, one)
	}
	return ctx.Err()
}

// sentence makes test_no_calls_at_night a sentence.
func sentence(name string) string {
	return strings.ReplaceAll(strings.TrimPrefix(name, "test_"), "_", " ")
}

// held notes which rules were true at least once.
type held struct {
	mu    sync.Mutex
	rules map[place]bool
}

type place struct {
	file string
	row  int
}

// Enabled implements [topdown.QueryTracer].
func (h *held) Enabled() bool { return true }

// Config implements [topdown.QueryTracer].
func (h *held) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

// TraceEvent implements [topdown.QueryTracer].
func (h *held) TraceEvent(e topdown.Event) {
	r, ok := e.Node.(*ast.Rule)
	if !ok || e.Op != topdown.ExitOp || r.Location == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.rules == nil {
		h.rules = map[place]bool{}
	}
	h.rules[place{r.Location.File, r.Location.Row}] = true
}

func (h *held) has(file string, row int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rules[place{file, row}]
}
