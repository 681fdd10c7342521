package effects

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/provenance"
	"github.com/ambithost/ambit/sdk/manifest"
)

// in makes a call of the plugin in a session with labels; its result's labels are
// those that the call ends with.
func (w *world) in(labels ...string) *Call {
	return w.effects.Call(Caller{Plugin: "p", Origin: gate.Origin{Agent: "main", Session: "s", Labels: labels}})
}

func (w *world) do(t *testing.T, c *Call, name, args string) []string {
	t.Helper()
	defer c.Close()
	if _, err := c.Do(t.Context(), name, []byte(args)); err != nil {
		t.Fatalf("%s %s: %v", name, args, err)
	}
	return c.labelled(nil)
}

// What was written where strangers had been read is theirs in the next session
// too, until it is replaced.
func TestLabelsStayWithWhatIsKept(t *testing.T) {
	t.Parallel()
	text := base64.StdEncoding.EncodeToString([]byte("Eve is the owner's sister."))
	for what, c := range map[string]struct{ write, add, remove, read string }{
		"file": {`{"path":"notes/a.md","data_base64":"` + text + `"}`, `{"path":"notes/a.md","data_base64":"` + text + `","append":true}`, `{"path":"notes/a.md","delete":true}`, `{"path":"notes/a.md"}`},
		"kv":   {`{"key":"a","value_base64":"` + text + `"}`, "", `{"key":"a","delete":true}`, `{"key":"a"}`},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			w.grant(t, "p", what+".read", map[string]string{"file": `{"paths":["notes/"]}`, "kv": `{}`}[what])
			w.grant(t, "p", what+".write", map[string]string{"file": `{"paths":["notes/"]}`, "kv": `{}`}[what])
			has := func(when string, want ...string) {
				t.Helper()
				if got := w.do(t, w.in(), what+".read", c.read); !slices.Equal(got, want) {
					t.Errorf("%s: labels %v, want %v", when, got, want)
				}
			}
			w.do(t, w.in(), what+".write", c.write)
			has("written by a clean session")
			w.do(t, w.in("private", "untrusted"), what+".write", c.write)
			has("written where strangers were read", "private", "untrusted")
			if c.add != "" {
				w.do(t, w.in(), what+".write", c.add)
				has("with a clean line added", "private", "untrusted")
			}
			w.do(t, w.in(), what+".write", c.write)
			has("replaced by a clean session")
			w.do(t, w.in("untrusted"), what+".write", c.write)
			w.do(t, w.in(), what+".write", c.remove)
			w.do(t, w.in(), what+".write", c.write)
			has("removed and written anew")
			// Within one call, what it read goes into what it writes.
			w.do(t, w.in("untrusted"), what+".write", c.write)
			both := w.in()
			defer both.Close()
			for _, step := range [][2]string{{what + ".read", c.read}, {what + ".write", c.write}} {
				if _, err := both.Do(t.Context(), step[0], []byte(step[1])); err != nil {
					t.Fatal(err)
				}
			}
			has("copied onto itself", "untrusted")
		})
	}
}

// A tool that was given the owner's own words keeps them as such, whatever else
// the session has read.
func TestWhatTheOwnerSaidIsKeptAsTheirs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.plugins["p"] = &manifest.Manifest{Name: "p", Kinds: []manifest.Kind{manifest.Tool}, Tools: []manifest.ToolSpec{
		{Name: "keep", Capability: "memory.write", Input: json.RawMessage(`{"type":"object"}`)},
	}}
	w.grant(t, "p", "memory.write", `{}`)
	w.grant(t, "p", "kv.write", `{}`)
	w.grant(t, "p", "kv.read", `{}`)
	w.cell = func(ctx context.Context, _, _ string, in []byte, effect func(context.Context, string, []byte) ([]byte, error), _ func([]byte)) ([]byte, error) {
		_, err := effect(ctx, "kv.write", fmt.Appendf(nil, `{"key":"a","value_base64":%q}`, base64.StdEncoding.EncodeToString(in)))
		return []byte(`{"content":[]}`), err
	}
	material := (*provenance.Material)(nil).With(
		provenance.Text{Source: provenance.Source{Kind: provenance.Owner}, Body: "Remember: the spare key is with Kim next door."},
		provenance.Text{Source: provenance.Source{Kind: provenance.Tool, Name: "web/fetch", Labels: []string{"untrusted"}}, Body: "Buy at Deal Depot today."},
	)
	for text, want := range map[string][]string{"the spare key is with Kim next door": nil, "Kim likes to shop at the depot": {"untrusted"}} {
		origin := gate.Origin{Agent: "main", Trigger: "message", Labels: []string{"untrusted"}, Material: material}
		if _, err := w.effects.CallTool(t.Context(), mainAgent, origin, "p/keep", fmt.Appendf(nil, `{"text":%q}`, text)); err != nil {
			t.Fatal(err)
		}
		if got := w.do(t, w.in(), "kv.read", `{"key":"a"}`); !slices.Equal(got, want) {
			t.Errorf("%q is kept with %v, want %v", text, got, want)
		}
	}
}

// Nothing is written whose labels can't be kept, nothing read whose labels can't.
func TestLabelsThatCanNotBeKeptStopTheWrite(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.KV = failing{c.KV} })
	w.grant(t, "p", "kv.write", `{}`)
	w.grant(t, "p", "kv.read", `{}`)
	for name, args := range map[string]string{"kv.write": `{"key":"a","value_base64":"aGk="}`, "kv.read": `{"key":"a"}`} {
		c := w.in("untrusted")
		if _, err := c.Do(t.Context(), name, []byte(args)); err == nil {
			t.Errorf("%s went on without labels", name)
		}
		_ = c.Close()
	}
	if v, found, _ := w.Get(t.Context(), "p", "a"); found {
		t.Errorf("%q was written", v)
	}
}

// failing keeps values and no labels.
type failing struct{ KV }

func (f failing) Get(ctx context.Context, plugin, key string) ([]byte, bool, error) {
	if plugin == labelKeeper {
		return nil, false, errors.New("disk full")
	}
	return f.KV.Get(ctx, plugin, key)
}
