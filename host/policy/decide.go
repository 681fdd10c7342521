package policy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// A decision takes some 20 µs; the rest is for machines with too much to do.
const (
	deadline     = time.Second     // where layers have a word: their rules may not end
	baseDeadline = 5 * time.Second // ours do
	patience     = time.Second     // for an evaluation that was cut off to notice
)

// Errors of [Engine.Decide]. The decision beside them denies.
var (
	ErrDeadline = errors.New("policy: a rule did not end in time")
	ErrStuck    = errors.New("policy: an earlier rule still runs, so nothing is decided")
)

// Decide decides a request. Every error comes with a decision that denies and
// says why.
func (e *Engine) Decide(ctx context.Context, r *Request) (Decision, error) {
	return e.decideBy(ctx, e.set.Load(), r)
}

// decideBy decides by one set, whatever is put in force meanwhile.
func (e *Engine) decideBy(ctx context.Context, s *set, r *Request) (Decision, error) {
	if e.shut.Load() {
		return failed(s, "policy.closed", errClosed), errClosed
	}
	in, err := input(r)
	if err != nil {
		return failed(s, "policy.request", err), err
	}
	if e.stuck.Load() > 0 {
		return failed(s, "policy.stuck", ErrStuck), ErrStuck
	}
	var v ast.Value
	if s.layered {
		v, err = e.apart(ctx, s, in)
	} else {
		v, err = s.evaluate(ctx, in)
	}
	if err != nil {
		return failed(s, "policy.error", err), err
	}
	return decision(v, s.revision)
}

func failed(s *set, rule string, err error) Decision {
	return Decision{Verdict: Deny, Revision: s.revision, Reasons: []Reason{{Rule: rule, Message: err.Error(), Change: "ambit policy check"}}}
}

// apart evaluates on a goroutine of its own: rules that are not ours may call a
// built-in that does not notice being cut off, and the caller must not wait for
// it. Nothing else is decided until it ends, so that such rules can't pile up.
func (e *Engine) apart(ctx context.Context, s *set, in ast.Value) (ast.Value, error) {
	type result struct {
		v   ast.Value
		err error
	}
	done := make(chan result, 1)
	go func() {
		deepen()
		v, err := s.evaluate(ctx, in)
		done <- result{v, err}
	}()
	late := time.NewTimer(s.limit + patience)
	defer late.Stop()
	select {
	case r := <-done:
		return r.v, r.err
	case <-late.C:
	}
	e.stuck.Add(1)
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.running.Go(func() { <-done; e.stuck.Add(-1) })
	}
	return nil, ErrDeadline
}

// deepen has the stack of a new goroutine grow once, while there is nothing on
// it. Otherwise it grows step by step below the evaluator's deep recursion and is
// copied each time, which takes a third of a decision.
//
//go:noinline
func deepen() {
	var room [stackRoom]byte
	use(&room)
}

// stackRoom is about what an evaluation needs, in bytes.
const stackRoom = 40 << 10

//go:noinline
func use(*[stackRoom]byte) {}

// evaluate runs the prepared query. A panic of OPA's is an error here. With a
// tracer every rule is looked at, also those that an index would rule out.
func (s *set) evaluate(ctx context.Context, in ast.Value, tracers ...topdown.QueryTracer) (v ast.Value, err error) {
	defer func() {
		if p := recover(); p != nil {
			v, err = nil, fmt.Errorf("policy %s: evaluation panicked: %v", s.revision, p)
		}
	}()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	cancel := topdown.NewCancel()
	timer := time.AfterFunc(s.limit, cancel.Cancel)
	defer timer.Stop()
	if ctx.Done() != nil {
		defer context.AfterFunc(ctx, cancel.Cancel)()
	}
	txn, err := s.transaction(ctx)
	if err != nil {
		return nil, err
	}
	defer s.store.Abort(ctx, txn)
	cache := borrowCache()
	defer cache.giveBack()
	q := topdown.NewQuery(s.query).
		WithVirtualCache(cache).
		WithQueryCompiler(s.queries).
		WithCompiler(s.compiler).
		WithStore(s.store).
		WithTransaction(txn).
		WithMetrics(metrics.NoOp()).
		WithCancel(cancel).
		WithStrictBuiltinErrors(true).
		WithInput(ast.NewTerm(in))
	for _, t := range tracers {
		q = q.WithQueryTracer(t).WithIndexing(false).WithEarlyExit(false)
	}
	err = q.Iter(ctx, func(r topdown.QueryResult) error {
		if t := r["decision"]; t != nil {
			v = t.Value
		}
		return nil
	})
	switch {
	case topdown.IsCancel(err) && ctx.Err() != nil:
		return nil, ctx.Err()
	case topdown.IsCancel(err):
		return nil, fmt.Errorf("%w (%v)", ErrDeadline, s.limit)
	case err != nil:
		return nil, fmt.Errorf("policy %s: %w", s.revision, err)
	case v == nil:
		return nil, fmt.Errorf("policy %s: no decision", s.revision)
	}
	return v, nil
}
