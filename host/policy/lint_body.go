package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// body follows what a rule's expressions demand of each member of the input.
// All of them hold at once, or the rule does not.
type body struct {
	*linter
	locals  map[ast.Var]*ast.Term // x := input.action.name
	domains map[string]*domain    // by path
}

// finding is why a body can't hold.
type finding struct {
	at              *ast.Location
	message, advice string
}

// domain is what a member may still be. Lists are of constants.
type domain struct {
	present   bool // a condition holds only if the member is there
	closed    bool
	allowed   []ast.Value // if closed
	excluded  []ast.Value
	low, high *bound
}

type bound struct {
	n      ast.Number
	strict bool // without n itself
}

// read goes through a rule's body. It ends at the first expression that can't
// hold together with those above it.
func (b *body) read(r *ast.Rule) (finding, bool) {
	b.locals, b.domains = map[ast.Var]*ast.Term{}, map[string]*domain{}
	for path, list := range b.enums {
		d := &domain{closed: true}
		for _, s := range list {
			d.allowed = append(d.allowed, ast.String(s))
		}
		b.domains[path] = d
	}
	for i, e := range r.Body {
		why := b.expression(e)
		if why == "" {
			continue
		}
		advice := "correct the condition, or remove the rule: it never has an effect"
		if i < len(r.Body)-1 {
			why += "; what follows is never reached"
		}
		return finding{e.Loc(), "this rule can never be true: " + why, advice}, true
	}
	return finding{}, false
}

// expression takes one expression into account and says why it can't hold.
func (b *body) expression(e *ast.Expr) string {
	if len(e.With) > 0 {
		return ""
	}
	if t, ok := e.Terms.(*ast.Term); ok {
		return b.bare(e, t)
	}
	if !e.IsCall() {
		return "" // some, every
	}
	op, args := e.Operator().String(), e.Operands()
	if b.dead[ast.Var(op)] && !e.Negated {
		return op + " never is"
	}
	if len(args) != 2 {
		return ""
	}
	if op == "assign" {
		if v, ok := args[0].Value.(ast.Var); ok {
			b.locals[v] = args[1]
		}
		return ""
	}
	left, right := b.follow(args[0]), b.follow(args[1])
	if op == "internal.member_2" {
		return b.membership(e, left, right)
	}
	if opposite(op) == "" {
		return ""
	}
	if x, y := b.constant(left), b.constant(right); x != nil && y != nil {
		if holds(op, x, y) == e.Negated {
			return text(e) + " is never true"
		}
		return ""
	}
	if path, ok := b.path(left); ok && b.constant(right) != nil {
		return b.demand(path, op, b.constant(right), e.Negated)
	}
	if path, ok := b.path(right); ok && b.constant(left) != nil {
		return b.demand(path, mirrored(op), b.constant(left), e.Negated)
	}
	return ""
}

func text(e *ast.Expr) string {
	if e.Location != nil && len(e.Location.Text) > 0 {
		return strings.TrimSpace(string(e.Location.Text))
	}
	return e.String()
}

// bare is an expression that is a single term: a constant, or a helper.
func (b *body) bare(e *ast.Expr, t *ast.Term) string {
	switch v := t.Value.(type) {
	case ast.Boolean:
		if bool(v) == e.Negated {
			return text(e) + " is never true"
		}
	case ast.Var:
		if b.dead[v] && !e.Negated {
			return string(v) + " never is"
		}
		if c, ok := b.consts[v].(ast.Boolean); ok && bool(c) == e.Negated {
			return text(e) + " is never true"
		}
	}
	return ""
}

// follow replaces a local variable by what it was assigned.
func (b *body) follow(t *ast.Term) *ast.Term {
	for range 8 { // a chain of assignments has an end; a circle does not compile
		v, ok := t.Value.(ast.Var)
		if !ok || b.locals[v] == nil {
			return t
		}
		t = b.locals[v]
	}
	return t
}

// membership is `x in {…}`.
func (b *body) membership(e *ast.Expr, left, right *ast.Term) string {
	set := b.constant(right)
	path, ok := b.path(left)
	if set == nil || !ok {
		return ""
	}
	d := b.domain(path)
	if e.Negated {
		d.excluded = append(d.excluded, elements(set)...)
	} else {
		d.present = true
		d.restrict(elements(set))
	}
	return d.empty(path)
}

// demand is a comparison of a member with a constant.
func (b *body) demand(path, op string, v ast.Value, negated bool) string {
	d := b.domain(path)
	if negated {
		op = opposite(op)
	} else {
		d.present = true
	}
	switch op {
	case "equal", "eq":
		d.restrict([]ast.Value{v})
	case "neq":
		d.excluded = append(d.excluded, v)
	case "gt", "gte":
		if n, ok := v.(ast.Number); ok && (d.low == nil || d.low.n.Compare(n) <= 0) {
			d.low = &bound{n, op == "gt"}
		}
	case "lt", "lte":
		if n, ok := v.(ast.Number); ok && (d.high == nil || d.high.n.Compare(n) >= 0) {
			d.high = &bound{n, op == "lt"}
		}
	}
	return d.empty(path)
}

func (b *body) domain(path string) *domain {
	if b.domains[path] == nil {
		b.domains[path] = &domain{}
	}
	return b.domains[path]
}

// restrict keeps those that are also among values.
func (d *domain) restrict(values []ast.Value) {
	if !d.closed {
		d.closed, d.allowed = true, slices.Clone(values)
		return
	}
	d.allowed = slices.DeleteFunc(slices.Clone(d.allowed), func(v ast.Value) bool { return !contains(values, v) })
}

func contains(list []ast.Value, v ast.Value) bool {
	return slices.ContainsFunc(list, func(x ast.Value) bool { return x.Compare(v) == 0 })
}

// left are the values of a closed domain that nothing has ruled out.
func (d *domain) left() []ast.Value {
	return slices.DeleteFunc(slices.Clone(d.allowed), func(v ast.Value) bool {
		return contains(d.excluded, v) || !d.low.admits(v, 1) || !d.high.admits(v, -1)
	})
}

// admits tells whether a value is on the right side of a bound: sign is 1 for a
// lower one, -1 for an upper one.
func (b *bound) admits(v ast.Value, sign int) bool {
	n, ok := v.(ast.Number)
	if b == nil || !ok {
		return true
	}
	c := n.Compare(b.n) * sign
	return c > 0 || c == 0 && !b.strict
}

// empty says why nothing is left. A `not` holds for a member that is missing,
// so that two of them never contradict each other.
func (d *domain) empty(path string) string {
	switch {
	case !d.present:
	case d.closed && len(d.left()) == 0:
		return fmt.Sprintf("no value of %s meets all its conditions", path)
	case d.low != nil && d.high != nil:
		c := d.low.n.Compare(d.high.n)
		if c > 0 || c == 0 && (d.low.strict || d.high.strict) {
			return fmt.Sprintf("%s can't be above %s and below %s", path, d.low.n, d.high.n)
		}
	}
	return ""
}

// attributes finds attributes that none of the rule's capabilities has: read
// outside of a `not`, they leave the rule undefined.
func (b *body) attributes(r *ast.Rule) {
	var names []string
	for _, v := range b.domains["input.action.name"].left() {
		if s, ok := v.(ast.String); ok {
			names = append(names, string(s))
		}
	}
	if len(names) == len(b.enums["input.action.name"]) {
		return
	}
	has := attributesAmong(names)
	look := func(x any) {
		visitor := ast.NewGenericVisitor(func(x any) bool {
			switch x := x.(type) {
			case *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension, *ast.Every:
				return true
			case *ast.Expr:
				return x.Negated
			case *ast.Term:
				if path, ok := b.path(x); ok {
					b.attribute(x, path, names, has)
				}
			}
			return false
		})
		visitor.Walk(x)
	}
	for _, e := range r.Body {
		look(e)
	}
	if r.Head.Key != nil {
		look(r.Head.Key)
	}
}

func (b *body) attribute(t *ast.Term, path string, names []string, has map[string]bool) {
	name, ok := strings.CutPrefix(path, "input.resource.properties.")
	if !ok || has[name] {
		return
	}
	who := strings.Join(names, ", ")
	if len(names) > 3 {
		who = fmt.Sprintf("none of these %d capabilities", len(names))
	}
	advice := "attributes: " + strings.Join(keysOf(has), ", ")
	if len(has) == 0 {
		advice = "it has no attributes"
	} else if best := nearest(name, keysOf(has)); best != "" {
		advice = fmt.Sprintf("did you mean %q?", best)
	}
	b.add(t.Location, fmt.Sprintf("this rule can never be true: %s has no attribute %q", who, name), advice)
}

// mirrored is the operator with its sides exchanged.
func mirrored(op string) string {
	switch op {
	case "lt", "lte":
		return "g" + op[1:]
	case "gt", "gte":
		return "l" + op[1:]
	}
	return op
}

// opposite is the operator that holds where this one does not; "" for one that
// is no comparison.
func opposite(op string) string {
	return map[string]string{"equal": "neq", "eq": "neq", "neq": "equal", "lt": "gte", "lte": "gt", "gt": "lte", "gte": "lt"}[op]
}

// holds compares two constants.
func holds(op string, x, y ast.Value) bool {
	c := x.Compare(y)
	switch op {
	case "equal", "eq":
		return c == 0
	case "neq":
		return c != 0
	case "lt":
		return c < 0
	case "lte":
		return c <= 0
	case "gt":
		return c > 0
	case "gte":
		return c >= 0
	}
	return true
}
