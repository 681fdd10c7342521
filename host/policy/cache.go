package policy

import (
	"slices"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// fewRules is how many results of rules a frame of the cache keeps in a list.
// The base layer needs about ten.
const fewRules = 24

// ruleCache remembers the results of rules during one evaluation. OPA's own
// makes a hash map for each step of each rule's path, which costs a lean
// decision a third of its allocations; here a short list does. Where many
// results are kept (owners' functions) a frame turns into one of OPA's.
type ruleCache struct{ frames []frame }

type frame struct {
	results []result
	many    topdown.VirtualCache // nil while the list does
}

type result struct {
	rule  ast.Ref
	value *ast.Term // nil if undefined
}

// caches holds those that no evaluation uses.
var caches = sync.Pool{New: func() any { c := &ruleCache{}; c.Push(); return c }}

func borrowCache() *ruleCache { return caches.Get().(*ruleCache) }

// giveBack keeps the memory and forgets the request.
func (c *ruleCache) giveBack() {
	for i := range c.frames[:cap(c.frames)] {
		f := &c.frames[:cap(c.frames)][i]
		for j := range f.results[:cap(f.results)] {
			r := &f.results[:cap(f.results)][j]
			clear(r.rule[:cap(r.rule)])
			r.value = nil
		}
		f.results, f.many = f.results[:0], nil
	}
	c.frames = c.frames[:0]
	c.Push()
	caches.Put(c)
}

// Push begins a frame, for a "with" that changes what rules evaluate to.
func (c *ruleCache) Push() {
	if len(c.frames) < cap(c.frames) {
		c.frames = c.frames[:len(c.frames)+1]
		return
	}
	c.frames = append(c.frames, frame{results: make([]result, 0, fewRules)})
}

// Pop ends a frame.
func (c *ruleCache) Pop() {
	f := &c.frames[len(c.frames)-1]
	f.results, f.many = f.results[:0], nil
	c.frames = c.frames[:len(c.frames)-1]
}

// Get returns a result: a term, or nil and whether it is known to be undefined.
func (c *ruleCache) Get(rule ast.Ref) (*ast.Term, bool) {
	f := &c.frames[len(c.frames)-1]
	if f.many != nil {
		return f.many.Get(rule)
	}
	if r := f.find(rule); r != nil {
		return r.value, r.value == nil
	}
	return nil, false
}

// Put keeps a result. The path is copied: its caller goes on writing to it.
func (c *ruleCache) Put(rule ast.Ref, value *ast.Term) {
	f := &c.frames[len(c.frames)-1]
	switch {
	case f.many != nil:
		f.many.Put(rule, value)
	case f.find(rule) != nil:
		f.find(rule).value = value
	case len(f.results) < cap(f.results):
		f.results = f.results[:len(f.results)+1]
		r := &f.results[len(f.results)-1]
		r.rule, r.value = append(r.rule[:0], rule...), value
	default:
		f.many = topdown.NewVirtualCache()
		for _, r := range f.results {
			f.many.Put(slices.Clone(r.rule), r.value)
		}
		f.many.Put(rule, value)
	}
}

// Keys lists the rules that are defined.
func (c *ruleCache) Keys() []ast.Ref {
	f := &c.frames[len(c.frames)-1]
	if f.many != nil {
		return f.many.Keys()
	}
	var keys []ast.Ref
	for _, r := range f.results {
		if r.value != nil {
			keys = append(keys, slices.Clone(r.rule))
		}
	}
	return keys
}

// find looks from the end of paths: rules of one package differ there.
func (f *frame) find(rule ast.Ref) *result {
next:
	for i := range f.results {
		r := &f.results[i]
		if len(r.rule) != len(rule) {
			continue
		}
		for j := len(rule) - 1; j >= 0; j-- {
			if r.rule[j] != rule[j] && !r.rule[j].Equal(rule[j]) {
				continue next
			}
		}
		return r
	}
	return nil
}
