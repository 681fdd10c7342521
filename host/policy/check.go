package policy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/tester"

	"github.com/ambithost/ambit/policies"
)

// testTime is what one Rego test may take.
const testTime = time.Second

// Check says what is wrong with the files of layers: what [Open] would refuse,
// rules that can have no effect, and tests (*_test.rego, rules named test_…)
// that fail. No problems means that the files would be taken. The error is
// about the check itself.
func Check(ctx context.Context, layers ...Layer) ([]Problem, error) {
	files, problems := read(policies.FS, layers)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(problems) > 0 {
		return sorted(problems), nil
	}
	if _, problems = compile(files); len(problems) > 0 {
		return sorted(problems), nil
	}
	problems, err := try(ctx, slices.DeleteFunc(slices.Clone(files), func(s source) bool { return s.layer == "" && s.isTest() }))
	return sorted(append(problems, silent(files)...)), err
}

// try runs the tests among the files. Rules are not tagged here, so that tests
// see the sets that the files define.
func try(ctx context.Context, files []source) ([]Problem, error) {
	modules, problems := parse(files, false)
	if len(problems) > 0 {
		return problems, nil
	}
	runner := tester.NewRunner().SetCompiler(compiler()).SetDefaultRegoVersion(ast.RegoV1).SetModules(modules).
		SetTimeout(testTime).RaiseBuiltinErrors(true).EnableTracing(false)
	results, err := runner.RunTests(ctx, nil)
	if err != nil {
		return compileProblems(err, paths(files)), nil
	}
	file := paths(files)
	for r := range results {
		var message string
		switch {
		case r.Error != nil:
			message = fmt.Sprintf("%s can't be evaluated: %v", r.Name, r.Error)
		case r.Fail:
			message = fmt.Sprintf("%s fails", r.Name)
		default:
			continue
		}
		p := Problem{File: "policy", Message: message, Advice: "correct the rule or its test"}
		if r.Location != nil {
			p.File, p.Line = file(r.Location.File), r.Location.Row
		}
		problems = append(problems, p)
	}
	return problems, ctx.Err()
}

// silent finds files of layers that say nothing and that nobody reads: most
// often a rule whose name is misspelled.
func silent(files []source) []Problem {
	modules, _ := parse(slices.DeleteFunc(slices.Clone(files), source.isTest), false)
	read := map[string]bool{}
	for _, m := range modules {
		note := func(r ast.Ref) bool {
			for n := 4; n <= len(r); n++ {
				read[r[:n].String()] = true
			}
			return false
		}
		for _, i := range m.Imports {
			ast.WalkRefs(i, note)
		}
		for _, r := range m.Rules {
			ast.WalkRefs(r, note)
		}
	}
	mute := map[string]Problem{}
	for _, f := range files {
		m := modules[f.module()]
		if f.layer == "" || m == nil || read[m.Package.Path.String()] {
			continue
		}
		if !slices.ContainsFunc(m.Rules, func(r *ast.Rule) bool { return slices.Contains(kinds, string(r.Head.Name)) }) {
			mute[f.path] = Problem{File: f.path, Line: m.Package.Loc().Row, Message: "defines no deny, ask or obligations, and no other file reads it", Advice: "it has no effect; is a rule's name misspelled?"}
		}
	}
	return slices.Collect(maps.Values(mute))
}
