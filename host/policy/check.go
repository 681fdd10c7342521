package policy

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ambithost/ambit/policies"
)

// testTime is what one Rego test may take.
const testTime = time.Second

// Check says what is wrong with the files of layers: what [Open] would refuse,
// words that no request has, rules that can have no effect or never be true,
// and tests that fail (see [Test]). No problems means that the files would be taken. The error is
// about the check itself.
func Check(ctx context.Context, layers ...Layer) ([]Problem, error) {
	files, problems := read(policies.FS, layers)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(problems) > 0 {
		return sorted(problems), nil
	}
	report := &TestReport{}
	err := report.run(ctx, slices.DeleteFunc(slices.Clone(files), func(s source) bool { return s.layer == "" && s.isTest() }))
	if err != nil || len(report.Problems) > 0 {
		return report.Problems, err
	}
	for _, t := range report.Tests {
		if !t.OK {
			problems = append(problems, Problem{File: t.File, Line: t.Line, Message: t.Name + ": " + t.Message, Advice: "correct the rule or its test"})
		}
	}
	modules, _ := parse(files, false)
	problems = append(problems, lint(files, modules)...)
	return sorted(append(problems, silent(files)...)), nil
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
		if f.layer == "" || f.isList() || m == nil || read[m.Package.Path.String()] {
			continue
		}
		if !slices.ContainsFunc(m.Rules, func(r *ast.Rule) bool { return slices.Contains(kinds, string(r.Head.Name)) }) {
			mute[f.path] = Problem{File: f.path, Line: m.Package.Loc().Row, Message: "defines no deny, ask or obligations, and no other file reads it", Advice: "it has no effect; is a rule's name misspelled?"}
		}
	}
	return slices.Collect(maps.Values(mute))
}
