package gate

import (
	"context"
	"testing"

	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/protocol"
)

// TestGrantsOfAgents: what is granted for one agent is no other's, nor the plugin's
// own; one for all and those for some take each other's place.
func TestGrantsOfAgents(t *testing.T) {
	t.Parallel()
	w := newWorld()
	g := w.open(t)
	grant := func(agent string) {
		t.Helper()
		if _, err := g.Grant(t.Context(), Grant{Plugin: "p", Capability: "kv.write", Agent: agent}); err != nil {
			t.Fatal(err)
		}
	}
	may := func(want map[string]bool) {
		t.Helper()
		for _, g := range []*Gate{g, w.open(t)} { // also after a restart
			for agent, ok := range want {
				for _, actor := range []policy.Entity{{Type: "agent", ID: agent}, {Type: "plugin", ID: "p"}} {
					ran := false
					e := effect("kv.write", func(context.Context, *Flight) error { ran = true; return nil })
					e.Actor, e.Origin.Agent = actor, agent
					err := g.Do(t.Context(), e)
					if ran != ok || !ok && protocol.CodeOf(err) != protocol.Denied {
						t.Errorf("for agent %q, done by a %s: ran %v, %v", agent, actor.Type, ran, err)
					}
				}
			}
		}
	}
	grant("")
	may(map[string]bool{"a": true, "b": true, "": true})
	grant("a")
	may(map[string]bool{"a": true, "b": false, "": false})
	grant("b")
	may(map[string]bool{"a": true, "b": true, "": false})
	grant("a")
	if n := len(g.Grants("p")); n != 2 {
		t.Errorf("%d grants, want one for each", n)
	}
	if _, err := g.RevokeFrom(t.Context(), owner, "p", "kv.write", "a"); err != nil {
		t.Fatal(err)
	}
	may(map[string]bool{"a": false, "b": true, "": false})
	if _, err := g.RevokeFrom(t.Context(), owner, "p", "", "a"); protocol.CodeOf(err) != protocol.NotFound {
		t.Errorf("revoked twice: %v", err)
	}
	grant("")
	if n := len(g.Grants("p")); n != 1 {
		t.Errorf("%d grants, want the one for all", n)
	}
	may(map[string]bool{"a": true, "b": true, "": true})
	grant("b")
	if _, err := g.Revoke(t.Context(), owner, "p", ""); err != nil {
		t.Fatal(err)
	}
	may(map[string]bool{"a": false, "b": false, "": false})
}
