package policy

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Problem is why a file is refused and what to do.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Message string `json:"message"`
	Advice  string `json:"advice,omitempty"`
}

// Error makes a problem an error: "cards.rego:12: …; …".
func (p Problem) Error() string {
	s := p.File
	if p.Line > 0 {
		s = fmt.Sprintf("%s:%d", s, p.Line)
	}
	s += ": " + p.Message
	if p.Advice != "" {
		s += "; " + p.Advice
	}
	return s
}

func asError(problems []Problem) error {
	errs := make([]error, len(problems))
	for i, p := range problems {
		errs[i] = p
	}
	return errors.Join(errs...)
}

func sorted(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return problems
}

// compileProblems turns what OPA reports into problems; file maps the names
// that OPA knows to paths.
func compileProblems(err error, file func(string) string) []Problem {
	var list ast.Errors
	if !errors.As(err, &list) {
		return []Problem{{File: "policy", Message: err.Error()}}
	}
	out := make([]Problem, 0, len(list))
	for _, e := range list {
		p := inWords(e)
		if e.Location != nil {
			p.File, p.Line = file(e.Location.File), e.Location.Row
		}
		if !slices.Contains(out, p) { // a rule that speaks was compiled twice: see tagged
			out = append(out, p)
		}
	}
	return out
}

// undefined begins OPA's message about a member that the input does not have.
const undefined = "undefined ref: "

// inWords says in the words of requests what OPA's type checker found.
func inWords(e *ast.Error) Problem {
	p := Problem{File: "policy", Message: e.Message, Advice: advice(e)}
	if path, ok := strings.CutPrefix(e.Message, undefined+"input."); ok {
		at, known := Schema(), "input"
		for name := range strings.SplitSeq(path, ".") {
			name, _, _ = strings.Cut(name, "[")
			members, _ := at["properties"].(map[string]any)
			next, ok := members[name].(map[string]any)
			if !ok {
				p.Message = fmt.Sprintf("%s has no %q", known, name)
				p.Advice = meant(name, slices.Collect(maps.Keys(members)))
				return p
			}
			at, known = next, known+"."+name
		}
	}
	if d, ok := e.Details.(*ast.UnificationErrDetail); ok {
		p.Message = fmt.Sprintf("a %s is compared with a %s, which it never equals", typeName(d.Left), typeName(d.Right))
		p.Advice = "compare with a value of the same type; amounts are whole numbers in minor units, without quotes"
	}
	return p
}

// typeName is how people call a type of OPA's.
func typeName(t fmt.Stringer) string {
	name, _, _ := strings.Cut(t.String(), "<")
	switch name {
	case "string":
		return "text"
	case "array":
		return "list"
	}
	return name
}

func advice(e *ast.Error) string {
	switch {
	case strings.Contains(e.Message, "undefined function"):
		return "policies get the time from input.context.now and reach nothing outside; allowed built-ins: " + allowedFamilies()
	case e.Code == ast.ParseErr:
		return "the language is Rego v1: https://www.openpolicyagent.org/docs/policy-language"
	case e.Code == ast.RecursionErr:
		return "a rule can't depend on itself"
	}
	return ""
}
