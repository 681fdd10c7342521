package policy

import (
	"math/rand/v2"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// The cache answers as OPA's own would, before and after it turns into one.
func TestRuleCacheAnswersAsOPAs(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		g := rand.New(rand.NewPCG(4, seed))
		ours, theirs := borrowCache(), topdown.NewVirtualCache()
		depth := 1
		path := ast.Ref{} // reused, as OPA reuses its own
		for range 300 {
			path = append(path[:0], ast.DefaultRootDocument)
			for range g.IntN(3) + 1 {
				path = append(path, pick(g, ast.StringTerm("a"), ast.StringTerm("b"), ast.IntNumberTerm(g.IntN(5)), ast.ArrayTerm(ast.StringTerm("a"))))
			}
			switch g.IntN(12) {
			case 0:
				ours.Push()
				theirs.Push()
				depth++
			case 1:
				if depth > 1 {
					ours.Pop()
					theirs.Pop()
					depth--
				}
			case 2, 3, 4:
				if v, undefined := theirs.Get(path); v != nil || undefined {
					continue // OPA puts each rule once
				}
				v := pick(g, nil, ast.BooleanTerm(true), ast.IntNumberTerm(g.IntN(100)))
				ours.Put(path, v)
				theirs.Put(path, v)
			default:
				v, undefined := ours.Get(path)
				want, wantUndefined := theirs.Get(path)
				if v != want || undefined != wantUndefined {
					t.Fatalf("%v: %v %v, OPA's %v %v", path, v, undefined, want, wantUndefined)
				}
			}
			if a, b := len(ours.Keys()), len(theirs.Keys()); a != b {
				t.Fatalf("%d keys, OPA's %d", a, b)
			}
		}
		ours.giveBack()
		if again := borrowCache(); len(again.Keys()) != 0 {
			t.Fatal("a cache that was given back remembers")
		}
	}
}
