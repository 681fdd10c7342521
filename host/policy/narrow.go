package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

const (
	ownerLayer = "owner"
	orgLayer   = "org"
	// said began the names of rules that the engine wrote into files; it is
	// kept from layers.
	said = "ambit_"
)

// kinds are the rules by which a layer speaks.
var kinds = []string{"deny", "ask", "obligations"}

// narrows checks that a module of a layer can only take away: it stays in its
// own packages, reads nothing of the base layer, and speaks through deny, ask
// and obligations.
func narrows(m *ast.Module, layer string, test bool) []Problem {
	c := &narrowing{layer: layer, test: test}
	c.packages(m)
	for _, i := range m.Imports {
		c.imported(i)
	}
	for _, r := range m.Rules {
		c.rule(r)
	}
	var v *ast.GenericVisitor
	v = ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.Import, *ast.Package:
			return true
		case *ast.With:
			c.with(x)
		case ast.Ref:
			c.ref(x)
			for _, t := range x[1:] { // its head was looked at
				v.Walk(t)
			}
			return true
		case *ast.Term:
			if x.Equal(ast.DefaultRootDocument) {
				c.add(x.Loc(), "reads all of data", c.readable())
			}
		}
		return false
	})
	v.Walk(m)
	return c.problems
}

type narrowing struct {
	layer    string
	test     bool
	problems []Problem
}

func (c *narrowing) add(at *ast.Location, message, advice string) {
	p := Problem{Message: message, Advice: advice}
	if at != nil {
		p.File, p.Line = at.File, at.Row
	}
	c.problems = append(c.problems, p)
}

func (c *narrowing) readable() string {
	return fmt.Sprintf("a file of this folder may read input, data.ambit.lib, data.ambit.vocabulary and data.ambit.%s", c.layer)
}

func (c *narrowing) packages(m *ast.Module) {
	p := m.Package.Path
	if len(p) < 4 || !p.IsGround() || !isString(p[1], "ambit") || !isString(p[2], c.layer) {
		c.add(m.Package.Loc(), fmt.Sprintf("package %s is not this folder's", strings.TrimPrefix(p.String(), "data.")),
			fmt.Sprintf("name it ambit.%s.NAME; files here can narrow what the base layer admits, never change it", c.layer))
	}
}

func (c *narrowing) imported(i *ast.Import) {
	ref, ok := i.Path.Value.(ast.Ref)
	if !ok {
		if v, isVar := i.Path.Value.(ast.Var); !isVar || v != "input" {
			c.add(i.Loc(), "import "+i.Path.String(), c.readable())
		}
		return
	}
	head := ref[0]
	switch {
	case head.Equal(ast.InputRootDocument), head.Equal(ast.VarTerm("rego")), head.Equal(ast.VarTerm("future")):
	case !c.mayRead(ref):
		c.add(i.Loc(), fmt.Sprintf("import of %s", ref), c.readable())
	}
}

func (c *narrowing) mayRead(ref ast.Ref) bool {
	if len(ref) < 3 || !isString(ref[1], "ambit") {
		return false
	}
	return isString(ref[2], "lib") || isString(ref[2], "vocabulary") || isString(ref[2], c.layer)
}

func (c *narrowing) ref(ref ast.Ref) {
	if ref[0].Equal(ast.DefaultRootDocument) && !c.mayRead(ref) {
		c.add(ref[0].Loc(), fmt.Sprintf("reads %s", ref), c.readable())
	}
}

func (c *narrowing) with(w *ast.With) {
	if !c.test {
		c.add(w.Loc(), "replaces "+w.Target.String()+` by "with"`, `"with" is for tests; pass a value to a function instead`)
	}
}

func (c *narrowing) rule(r *ast.Rule) {
	ref := r.Head.Ref()
	name := strings.TrimSuffix(ref[0].Value.String(), "/0")
	if v, ok := ref[0].Value.(ast.Var); ok {
		name = string(v)
	}
	switch {
	case strings.HasPrefix(name, said):
		c.add(r.Loc(), fmt.Sprintf("rule %s", name), "names that begin with "+said+" are the host's; choose another")
	case name == "allow":
		c.add(r.Loc(), "defines allow", "a layer can't allow; grant the capability instead (ambit grant), or remove the rule that denies")
	case slices.Contains(kinds, name) && !speaks(r):
		c.add(r.Loc(), fmt.Sprintf("%s is not a set of messages", name), fmt.Sprintf(`write: %s contains "why" if { … }`, name))
	}
}

// speaks tells whether a rule has the form "deny contains message if …".
func speaks(r *ast.Rule) bool {
	return !r.Default && r.Else == nil && len(r.Head.Ref()) == 1 && len(r.Head.Args) == 0 &&
		r.Head.RuleKind() == ast.MultiValue && r.Head.Key != nil
}

func isString(t *ast.Term, s string) bool {
	v, ok := t.Value.(ast.String)
	return ok && string(v) == s
}

// tagged is a copy of a rule by which a layer speaks that says the same together
// with the rule's name and place. The rule itself stays as it is, for those that
// read it.
func tagged(m *ast.Module, r *ast.Rule, name string) *ast.Rule {
	rule := fmt.Sprintf("%s.%s (%s:%d)", strings.TrimPrefix(m.Package.Path.String(), "data.ambit."), r.Head.Name, name, r.Loc().Row)
	c := r.Copy()
	c.Head = ast.NewHead(r.Head.Name, ast.ObjectTerm(ast.Item(ast.StringTerm("rule"), ast.StringTerm(rule)), ast.Item(ast.StringTerm("value"), r.Head.Key.Copy())))
	c.Head.Location = r.Head.Location
	return c
}
