package gate

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

// TestBoundsHold: whoever acts for a sub-agent's turn, and whatever is granted and
// allowed, what lies outside its bounds is denied and on the record.
func TestBoundsHold(t *testing.T) {
	t.Parallel()
	child := Within(nil, "t1", []string{"notes/read", "delegate/run"}, []string{"kv.read", "tool.call", "agent.run"})
	plugin := policy.Entity{Type: "plugin", ID: "p"}
	run := func(tools, capabilities []string) func(*Effect) {
		return func(e *Effect) {
			e.Actor = plugin
			e.Attributes = capability.Attributes{"tools": tools, "capabilities": capabilities, "depth": int64(e.Origin.Bounds.Depth() + 1)}
		}
	}
	for name, c := range map[string]struct {
		bounds  *Bounds
		session string
		power   string
		change  func(*Effect)
		denied  bool
	}{
		"no sub-agent":                    {nil, "main", "kv.write", nil, false},
		"within":                          {child, "sub:1", "kv.read", nil, false},
		"a capability outside":            {child, "sub:1", "kv.write", nil, true},
		"outside, by a plugin":            {child, "sub:1", "http.request", func(e *Effect) { e.Actor = plugin }, true},
		"a tool within":                   {child, "sub:1", "tool.call", func(e *Effect) { e.Tool, e.Attributes = "notes/read", capability.Attributes{"tool": "notes/read"} }, false},
		"a tool outside":                  {child, "sub:1", "tool.call", func(e *Effect) { e.Tool, e.Attributes = "web/fetch", capability.Attributes{"tool": "web/fetch"} }, true},
		"a tool outside, of a power":      {child, "sub:1", "kv.read", func(e *Effect) { e.Tool = "cards/balance" }, true},
		"a tool outside, named by plugin": {child, "sub:1", "tool.call", func(e *Effect) { e.Actor, e.Attributes = plugin, capability.Attributes{"tool": "web/fetch"} }, true},
		"its bounds are lost":             {nil, "sub:1", "kv.read", nil, true},
		"bounds where none belong":        {child, "main", "kv.read", nil, true},
		"zero bounds":                     {&Bounds{}, "sub:1", "kv.read", nil, true},
		"its own thinking":                {&Bounds{}, "sub:1", "model.complete", nil, false},
		"a plugin's thinking":             {&Bounds{}, "sub:1", "model.complete", func(e *Effect) { e.Actor = plugin }, true},
		"its model asks the provider":     {child.Answering(), "sub:1", "http.request", func(e *Effect) { e.Actor = plugin }, false},
		"its model writes a message":      {child.Answering(), "sub:1", "message.send", func(e *Effect) { e.Actor = plugin }, true},
		"its model calls a tool":          {child.Answering(), "sub:1", "tool.call", func(e *Effect) { e.Tool, e.Attributes = "notes/read", capability.Attributes{"tool": "notes/read"} }, true},
		"a further one, narrower":         {child, "sub:1", "agent.run", run([]string{"notes/read"}, []string{"kv.read"}), false},
		"a further one, a tool more":      {child, "sub:1", "agent.run", run([]string{"notes/read", "web/fetch"}, []string{"kv.read"}), true},
		"a further one, a power more":     {child, "sub:1", "agent.run", run([]string{"notes/read"}, []string{"kv.read", "kv.write"}), true},
		"too deep":                        {Within(child, "t2", []string{"notes/read"}, []string{"agent.run", "kv.read"}), "sub:2", "agent.run", run([]string{"notes/read"}, nil), true},
		"the first one":                   {nil, "main", "agent.run", run([]string{"notes/read"}, []string{"kv.read"}), false},
		"outside a turn":                  {nil, "main", "agent.run", func(e *Effect) { run(nil, nil)(e); e.Origin.Turn = "" }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			for _, power := range []string{"tool.call", "model.complete", "agent.run"} {
				w.asks[power] = capability.Scope{}
			}
			w.asks["tool.call"] = scope("tools", "*")
			g := w.open(t)
			grantAll(t, g, w)
			var seen *policy.Request
			w.decision = func(r *policy.Request) (policy.Decision, error) {
				seen = r
				return policy.Decision{Verdict: policy.Allow}, nil
			}
			ran := false
			e := effect(c.power, func(context.Context, *Flight) error { ran = true; return nil })
			if c.power == "model.complete" {
				e.Attributes = capability.Attributes{"model": "m"}
			}
			e.Origin.Session, e.Origin.Turn, e.Origin.Bounds = c.session, "t9", c.bounds
			if c.change != nil {
				c.change(&e)
			}
			err := g.Do(t.Context(), e)
			d, _ := errors.AsType[*Denial](err)
			if denied := d != nil && d.Rule == "bounds" && d.Code == protocol.Denied; denied != c.denied || ran == denied {
				t.Fatalf("denied %v, ran %v: %v", denied, ran, err)
			}
			if c.denied && (seen != nil || !slices.Contains(w.kinds(t), audit.Refusal)) {
				t.Error("policy was asked, or nothing recorded")
			}
			decided, err := g.Evaluate(t.Context(), e)
			if err != nil || decided.Unconditional() == c.denied {
				t.Errorf("an evaluation says %+v, %v", decided, err)
			}
			if !c.denied && (seen.Context.Delegation != nil) != (c.bounds != nil) {
				t.Errorf("policy sees %+v", seen.Context.Delegation)
			}
		})
	}
}

// TestBoundsOnlyShrink: whatever is named, a sub-agent's bounds lie within those
// of the turn that sets it to work.
func TestBoundsOnlyShrink(t *testing.T) {
	t.Parallel()
	all := []string{"a/x", "b/x", "c/x", "kv.read", "kv.write", "agent.run"}
	var own *Bounds
	subsets := func(bits int) (out []string) {
		for i, name := range all {
			if bits&(1<<i) != 0 {
				out = append(out, name, name)
			}
		}
		return out
	}
	for first := range 1 << len(all) {
		parent := Within(own, "t1", subsets(first), subsets(first))
		for second := range 1 << len(all) {
			child := Within(parent, "t2", subsets(second), subsets(second))
			if child.Depth() != 2 || parent.Depth() != 1 {
				t.Fatal("depth")
			}
			for _, name := range all {
				if child.HasTool(name) && !parent.HasTool(name) || child.HasCapability(name) && !parent.HasCapability(name) {
					t.Fatalf("%s was gained: %v of %v", name, child, parent)
				}
			}
		}
	}
}

// TestApprovalsDoNotCrossToSubAgents: a yes for a conversation is one for that
// conversation alone.
func TestApprovalsDoNotCrossToSubAgents(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.decision = verdict(policy.Ask)
	g := w.open(t)
	grantAll(t, g, w)
	bounds := Within(nil, "t1", nil, []string{"kv.write"})
	do := func(session string, b *Bounds) chan error {
		e := effect("kv.write", nil)
		e.Origin.Session, e.Origin.Turn, e.Origin.Bounds = session, "t", b
		done := make(chan error, 1)
		go func() { done <- g.Do(t.Context(), e) }()
		return done
	}
	for _, c := range []struct {
		session string
		bounds  *Bounds
	}{{"main", nil}, {"sub:1", bounds}, {"sub:2", bounds}} {
		done := do(c.session, c.bounds)
		a := <-w.notified
		if a.State != Waiting || a.Session != c.session {
			t.Fatalf("the owner is not asked for %s: %+v", c.session, a)
		}
		if _, err := g.Respond(t.Context(), a.ID, Answer{Digest: a.Digest, Approve: true, Lasting: ForSession}); err != nil {
			t.Fatal(err)
		}
		<-w.notified
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if err := <-do(c.session, c.bounds); err != nil { // the same again, there, is covered
			t.Fatal(err)
		}
	}
}
