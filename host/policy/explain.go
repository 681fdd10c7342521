package policy

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Explanation says how a decision came about.
type Explanation struct {
	Decision Decision `json:"decision"`
	// Spoke are the rules that had something to say, Silent those that had
	// not. Of the base layer only those that spoke are listed.
	Spoke  []Explained `json:"spoke"`
	Silent []Explained `json:"silent"`
}

// Explained is one rule by which a layer speaks and what became of it.
type Explained struct {
	RuleRef
	// Conditions are the rule's own words with what they saw: of a rule that
	// spoke all of them, of a silent one the first that did not hold and,
	// below it, the helpers that it leaned on.
	Conditions []Condition `json:"conditions"`
}

// Condition is an expression of a rule.
type Condition struct {
	Text string `json:"text"`
	File string `json:"file"`
	Line int    `json:"line"`
	Saw  []Seen `json:"saw,omitempty"`
}

// Seen is a member of the input, or a variable, and its value as JSON; "" for
// one that is missing.
type Seen struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// maxSeen caps a value that is shown, in bytes.
const maxSeen = 200

// Explain decides a request and says which rules spoke, which did not and why.
// It is slower than [Engine.Decide] by far: every rule is followed.
func (e *Engine) Explain(ctx context.Context, r *Request) (*Explanation, error) {
	s := e.set.Load()
	d, err := e.decideBy(ctx, s, r)
	if err != nil {
		return nil, err
	}
	in, err := input(r)
	if err != nil {
		return nil, err
	}
	f := &follower{input: in, frames: map[uint64]*frameOf{}, byRule: map[place][]*frameOf{}}
	if err := s.follow(ctx, in, f); err != nil {
		return nil, err
	}
	out := &Explanation{Decision: d, Spoke: []Explained{}, Silent: []Explained{}}
	for _, name := range keysOf(s.modules) {
		m := s.modules[name]
		for _, rule := range m.Rules {
			kind := string(rule.Head.Name)
			layered := s.file(name) != "" && slices.Contains(kinds, kind)
			based := strings.HasPrefix(name, "/base/") && (kind == "refusals" || kind == "questions")
			if layered || based {
				f.explain(out, s, m, rule, layered)
			}
		}
	}
	for _, list := range [][]Explained{out.Spoke, out.Silent} {
		slices.SortStableFunc(list, func(a, b Explained) int { return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line) })
	}
	return out, nil
}

// file is the path of a module of a layer, "" for the base's.
func (s *set) file(module string) string {
	if strings.HasPrefix(module, "/") {
		return ""
	}
	return s.places[module]
}

// follow evaluates every rule by which the base and the layers speak.
func (s *set) follow(ctx context.Context, in ast.Value, f *follower) error {
	cancel := topdown.NewCancel()
	defer context.AfterFunc(ctx, cancel.Cancel)()
	store := inmem.New()
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		return err
	}
	defer store.Abort(ctx, txn)
	for _, text := range []string{"x = data.ambit.layers", "x = data.ambit.base"} {
		compiler := s.compiler.QueryCompiler()
		query, err := compiler.Compile(ast.MustParseBody(text))
		if err != nil {
			return err
		}
		err = topdown.NewQuery(query).WithQueryCompiler(compiler).WithCompiler(s.compiler).WithStore(store).WithTransaction(txn).
			WithInput(ast.NewTerm(in)).WithCancel(cancel).WithIndexing(false).WithEarlyExit(false).WithQueryTracer(f).
			Iter(ctx, func(topdown.QueryResult) error { return nil })
		if err != nil {
			return fmt.Errorf("policy %s: %w", s.revision, err)
		}
	}
	return nil
}

// frameOf is one evaluation of a rule or of a body within it.
type frameOf struct {
	rule   *ast.Rule
	parent uint64
	held   bool
	value  string    // of one that held
	failed *ast.Expr // the furthest
	locals map[string]string
}

// follower watches an evaluation.
type follower struct {
	input  ast.Value
	frames map[uint64]*frameOf
	byRule map[place][]*frameOf
}

// Enabled implements [topdown.QueryTracer].
func (f *follower) Enabled() bool { return true }

// Config implements [topdown.QueryTracer].
func (f *follower) Config() topdown.TraceConfig { return topdown.TraceConfig{PlugLocalVars: true} }

// TraceEvent implements [topdown.QueryTracer].
func (f *follower) TraceEvent(e topdown.Event) {
	if r, ok := e.Node.(*ast.Rule); ok {
		switch e.Op {
		case topdown.EnterOp:
			frame := &frameOf{rule: r, parent: e.ParentID}
			f.frames[e.QueryID] = frame
			if r.Location != nil {
				at := place{r.Location.File, r.Location.Row}
				f.byRule[at] = append(f.byRule[at], frame)
			}
		case topdown.ExitOp:
			if frame := f.frames[e.QueryID]; frame != nil {
				frame.held = true
				if r.Head.Value != nil && len(r.Head.Args) == 0 {
					frame.value = shown(e.Plug(r.Head.Value).Value)
				}
			}
		}
		return
	}
	x, ok := e.Node.(*ast.Expr)
	frame := f.frames[e.QueryID]
	if !ok || e.Op != topdown.FailOp || frame == nil || frame.failed != nil && frame.failed.Index >= x.Index {
		return
	}
	frame.failed, frame.locals = x, map[string]string{}
	if e.Locals == nil {
		return
	}
	e.Locals.Iter(func(k, v ast.Value) bool {
		if name, ok := k.(ast.Var); ok {
			if meta := e.LocalMetadata[name]; meta.Name != "" {
				frame.locals[string(meta.Name)] = shown(v)
			}
		}
		return false
	})
}

func shown(v ast.Value) string {
	s := v.String()
	if len(s) > maxSeen {
		s = strings.ToValidUTF8(s[:maxSeen], "") + "…"
	}
	return s
}

// explain adds one rule to the explanation.
func (f *follower) explain(out *Explanation, s *set, m *ast.Module, r *ast.Rule, layered bool) {
	name := strings.TrimPrefix(m.Package.Path.String(), "data.ambit.") + "." + string(r.Head.Name)
	one := Explained{RuleRef: RuleRef{Rule: name, File: s.places[r.Location.File], Line: r.Location.Row}, Conditions: []Condition{}}
	frames := f.byRule[place{r.Location.File, r.Location.Row}]
	frames = slices.DeleteFunc(slices.Clone(frames), func(x *frameOf) bool { return x.rule.Head.Name != r.Head.Name })
	if slices.ContainsFunc(frames, func(x *frameOf) bool { return x.held }) {
		for _, e := range r.Body {
			one.Conditions = append(one.Conditions, f.condition(s, e, nil))
		}
		out.Spoke = append(out.Spoke, one)
		return
	}
	if !layered {
		return
	}
	if len(frames) > 0 {
		one.Conditions = f.why(s, frames[len(frames)-1], 0)
	}
	out.Silent = append(out.Silent, one)
}

// maxLeaning is how many helpers below a rule are looked into.
const maxLeaning = 4

// why is the expression at which a rule ended, and the helpers' it leaned on.
func (f *follower) why(s *set, frame *frameOf, depth int) []Condition {
	if frame.failed == nil || depth > maxLeaning {
		return nil
	}
	original := frame.failed
	if m := s.modules[frame.rule.Location.File]; m != nil {
		original = written(m, frame)
	}
	out := []Condition{f.condition(s, original, frame.locals)}
	var below *frameOf
	ast.WalkRefs(frame.failed, func(ref ast.Ref) bool {
		for _, r := range s.compiler.GetRulesExact(ref.GroundPrefix()) {
			if r.Location == nil {
				continue
			}
			for _, x := range f.byRule[place{r.Location.File, r.Location.Row}] {
				switch {
				case x.held && x.value != "" && x.value != "true":
					out[0].saw(string(r.Head.Name), x.value)
				case x.failed != nil && !x.held && (below == nil || below.failed.Index < x.failed.Index):
					below = x
				}
			}
		}
		return false
	})
	if below != nil && !frame.failed.Negated { // what a `not` leaned on held
		out = append(out, f.why(s, below, depth+1)...)
	}
	return out
}

// saw adds a value once.
func (c *Condition) saw(name, value string) {
	if seen := (Seen{name, value}); !slices.Contains(c.Saw, seen) {
		c.Saw = append(c.Saw, seen)
	}
}

// written is the expression as its author wrote it: compiling takes it apart.
func written(m *ast.Module, frame *frameOf) *ast.Expr {
	at := frame.failed.Location
	best := frame.failed
	if at == nil {
		return best
	}
	for _, r := range m.Rules {
		for ; r != nil; r = r.Else {
			if r.Location == nil || r.Location.Row != frame.rule.Location.Row {
				continue
			}
			for _, e := range r.Body {
				if l := e.Location; l != nil && (l.Row < at.Row || l.Row == at.Row && l.Col <= at.Col) {
					best = e
				}
			}
		}
	}
	return best
}

// condition is an expression and what it saw.
func (f *follower) condition(s *set, e *ast.Expr, locals map[string]string) Condition {
	c := Condition{Text: text(e)}
	if e.Location != nil {
		c.File, c.Line = s.places[e.Location.File], e.Location.Row
	}
	ast.WalkTerms(e, func(t *ast.Term) bool {
		switch v := t.Value.(type) {
		case ast.Ref:
			if !v[0].Equal(ast.InputRootDocument) {
				return false
			}
			ref := v.ConstantPrefix()
			value, err := f.input.Find(ref[1:])
			if err != nil {
				c.saw(ref.String(), "")
			} else {
				c.saw(ref.String(), shown(value))
			}
			return true
		case ast.Var:
			if value, ok := locals[string(v)]; ok {
				c.saw(string(v), value)
			}
		}
		return false
	})
	return c
}
