package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ambithost/ambit/sdk/capability"
)

// lint finds what compiles and still can't be meant: words that no request
// has, and rules of layers that can never be true. Tests are left alone.
func lint(files []source, modules map[string]*ast.Module) []Problem {
	var problems []Problem
	l := &linter{enums: enums(), schema: Schema()}
	for _, f := range files {
		m := modules[f.module()]
		if f.layer == "" || f.isTest() || m == nil {
			continue
		}
		l.module(m)
		for _, p := range l.problems {
			p.File = f.path
			problems = append(problems, p)
		}
		l.problems = nil
	}
	return problems
}

// linter holds what is known about the module it looks at.
type linter struct {
	enums    map[string][]string
	schema   map[string]any
	aliases  map[ast.Var]ast.Ref   // import input.context as c
	consts   map[ast.Var]ast.Value // limits := {…}
	dead     map[ast.Var]bool      // helpers that are never true
	problems []Problem
}

func (l *linter) add(at *ast.Location, message, advice string) {
	p := Problem{Message: message, Advice: advice}
	if at != nil {
		p.Line = at.Row
	}
	if !slices.Contains(l.problems, p) {
		l.problems = append(l.problems, p)
	}
}

func (l *linter) module(m *ast.Module) {
	l.aliases, l.consts, l.dead = map[ast.Var]ast.Ref{}, map[ast.Var]ast.Value{}, map[ast.Var]bool{}
	for _, i := range m.Imports {
		if ref, ok := i.Path.Value.(ast.Ref); ok && ref[0].Equal(ast.InputRootDocument) {
			l.aliases[i.Name()] = ref
		}
	}
	l.constants(m)
	l.helpers(m)
	l.words(m)
	for _, r := range m.Rules {
		l.obligation(r)
		for ; r != nil; r = r.Else {
			l.rule(r)
		}
	}
}

// constants are rules that are a value and nothing else.
func (l *linter) constants(m *ast.Module) {
	times := map[ast.Var]int{}
	for _, r := range m.Rules {
		times[r.Head.Name]++
	}
	for _, r := range m.Rules {
		h := r.Head
		if times[h.Name] == 1 && len(h.Ref()) == 1 && len(h.Args) == 0 && h.Value != nil && h.Value.IsGround() && h.Key == nil && r.Body.Equal(ast.NewBody(ast.NewExpr(ast.BooleanTerm(true)))) {
			if _, isRef := h.Value.Value.(ast.Ref); !isRef && !h.Value.Equal(ast.BooleanTerm(true)) {
				l.consts[h.Name] = h.Value.Value
			}
		}
	}
}

// helpers finds rules and functions none of whose definitions can hold, until
// there are no more: one may lean on another.
func (l *linter) helpers(m *ast.Module) {
	for changed := true; changed; {
		changed = false
		alive := map[ast.Var]bool{}
		for _, r := range m.Rules {
			name := r.Head.Name
			can := r.Default || r.Head.RuleKind() == ast.MultiValue || len(r.Head.Ref()) > 1
			for link := r; link != nil && !can; link = link.Else {
				_, ends := (&body{linter: l}).read(link)
				can = !ends
			}
			alive[name] = alive[name] || can
		}
		for name, can := range alive {
			if !can && !l.dead[name] {
				l.dead[name], changed = true, true
			}
		}
	}
}

// rule reports why a rule can't hold, if it can't.
func (l *linter) rule(r *ast.Rule) {
	b := &body{linter: l}
	why, ends := b.read(r)
	if ends {
		l.add(why.at, why.message, why.advice)
		return
	}
	b.attributes(r)
}

// obligation finds a type that the gate does not know: what the rule is about
// would be refused altogether.
func (l *linter) obligation(r *ast.Rule) {
	if r.Head.Name != "obligations" || r.Head.Key == nil {
		return
	}
	t := r.Head.Key
	if o, ok := t.Value.(ast.Object); ok {
		if t = o.Get(ast.StringTerm("type")); t == nil {
			l.add(r.Loc(), "an obligation without a type", "write: obligations contains {\"type\": …, \"params\": {…}} if { … }")
			return
		}
	}
	if s, ok := t.Value.(ast.String); ok && !slices.Contains(ObligationTypes(), string(s)) {
		l.add(r.Loc(), fmt.Sprintf("the gate knows no obligation %q and refuses what it is laid on", string(s)), meant(string(s), ObligationTypes()))
	}
}

// words looks at every comparison of the module, wherever it stands, for a
// constant that its other side never is.
func (l *linter) words(m *ast.Module) {
	ast.WalkExprs(m, func(e *ast.Expr) bool {
		if !e.IsCall() {
			return false
		}
		op, args := e.Operator().String(), e.Operands()
		switch {
		case len(args) == 2 && (op == "equal" || op == "eq" || op == "neq"):
			l.word(args[0], args[1])
			l.word(args[1], args[0])
		case len(args) >= 2 && op == "internal.member_2":
			for _, t := range members(l.constant(args[1])) {
				l.word(args[0], t)
			}
		case len(args) == 2 && slices.Contains([]string{"lt", "lte", "gt", "gte"}, op):
			l.ordered(e, args[0], args[1])
			l.ordered(e, args[1], args[0])
		}
		return false
	})
	ast.WalkTerms(m, func(t *ast.Term) bool {
		if call, ok := t.Value.(ast.Call); ok && len(call) >= 3 && call[0].String() == "object.get" {
			l.lookup(call[1], call[2])
		}
		return false
	})
}

// word checks one constant against the closed list of its path.
func (l *linter) word(side, constant *ast.Term) {
	path, ok := l.path(side)
	list, closed := l.enums[path]
	if !ok || !closed {
		return
	}
	v := l.constant(constant)
	if v == nil {
		return
	}
	s, isText := v.(ast.String)
	if isText && slices.Contains(list, string(s)) {
		return
	}
	at := constant.Location
	if at == nil || at.Row == 0 {
		at = side.Location
	}
	what := "no request has " + path + " " + v.String()
	if path == "input.action.name" {
		what = v.String() + " is not in the vocabulary of capabilities"
	}
	l.add(at, what, meant(string(s), list))
}

// ordered finds a number that is compared with a text: Rego orders values of
// different types, so the rule would hold always or never.
func (l *linter) ordered(e *ast.Expr, side, constant *ast.Term) {
	path, ok := l.path(side)
	v := l.constant(constant)
	m := member(l.schema, path)
	if !ok || v == nil || m == nil {
		return
	}
	_, isNumber := v.(ast.Number)
	_, isText := v.(ast.String)
	if (m["type"] == "number" && !isNumber) || (m["type"] == "string" && !isText) {
		l.add(e.Loc(), fmt.Sprintf("%s is a %s and is compared with %s", path, m["type"], v), "Rego orders values of different types too, so this holds always or never; compare with a value of the same type")
	}
}

// lookup checks object.get(input.resource.properties, "name", …), which OPA's
// type checker lets pass.
func (l *linter) lookup(where, name *ast.Term) {
	path, ok := l.path(where)
	s, isText := name.Value.(ast.String)
	m := member(l.schema, path)
	if !ok || !isText || m == nil {
		return
	}
	if known, _ := m["properties"].(map[string]any); known != nil && known[string(s)] == nil {
		l.add(name.Location, fmt.Sprintf("%s has no %q", path, string(s)), meant(string(s), keysOf(known)))
	}
}

func keysOf[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// path is the ground path of the input that a term reads: "input.action.name".
func (l *linter) path(t *ast.Term) (string, bool) {
	var ref ast.Ref
	switch v := t.Value.(type) {
	case ast.Var:
		ref = l.aliases[v]
	case ast.Ref:
		ref = v
		if head, ok := v[0].Value.(ast.Var); ok && l.aliases[head] != nil {
			ref = l.aliases[head].Concat(v[1:])
		}
	}
	if len(ref) < 2 || !ref[0].Equal(ast.InputRootDocument) {
		return "", false
	}
	parts := []string{"input"}
	for _, t := range ref[1:] {
		s, ok := t.Value.(ast.String)
		if !ok {
			return "", false
		}
		parts = append(parts, string(s))
	}
	return strings.Join(parts, "."), true
}

// constant is a term's value where it is known without a request, or nil.
func (l *linter) constant(t *ast.Term) ast.Value {
	switch v := t.Value.(type) {
	case ast.Var:
		return l.consts[v]
	case ast.String, ast.Number, ast.Boolean, ast.Null:
		return v
	case ast.Set, *ast.Array:
		if t.IsGround() && !holdsRefs(t) {
			return v
		}
	}
	return nil
}

func holdsRefs(t *ast.Term) (found bool) {
	ast.WalkTerms(t, func(x *ast.Term) bool {
		switch x.Value.(type) {
		case ast.Ref, ast.Call, *ast.SetComprehension, *ast.ArrayComprehension, *ast.ObjectComprehension:
			found = true
		}
		return found
	})
	return found
}

// members are those of a constant set or list.
func members(v ast.Value) (out []*ast.Term) {
	if list, ok := v.(interface{ Foreach(func(*ast.Term)) }); ok {
		list.Foreach(func(t *ast.Term) { out = append(out, t) })
	}
	return out
}

func elements(v ast.Value) (out []ast.Value) {
	for _, t := range members(v) {
		out = append(out, t.Value)
	}
	return out
}

// attributesAmong says which of the capabilities has an attribute.
func attributesAmong(names []string) map[string]bool {
	has := map[string]bool{}
	for _, n := range names {
		if c, ok := capability.Lookup(n); ok {
			for _, a := range c.Attributes {
				has[a.Name] = true
			}
		}
	}
	return has
}
