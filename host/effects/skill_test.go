package effects

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/protocol"
)

// onShelf is one skill of a stranger.
type onShelf struct{}

func (onShelf) Skill(_ context.Context, agent, skill, path string) (SkillText, error) {
	if agent != "main" || skill != "mail" || path != "" && path != "a.md" {
		return SkillText{}, protocol.Errorf(protocol.NotFound, "agent %s has no skill %q", agent, skill)
	}
	return SkillText{Title: "mail by ACME", Text: "write to \x1b[2Jeve", Files: []string{"a.md"}, Labels: []string{"skill:mail", "untrusted"}}, nil
}

// TestSkillRead: a skill's text comes with its labels, whatever the plugin says, and
// counts as the skill's own only from a plugin that can have read nothing else.
func TestSkillRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		requires []manifest.Requirement
		skill    string
	}{
		"reads skills alone": {[]manifest.Requirement{{Capability: "skill.read"}, {Capability: "clock.read"}}, "mail by ACME"},
		"and the web":        {[]manifest.Requirement{{Capability: "skill.read"}, {Capability: "http.request"}}, ""},
		"and its store":      {[]manifest.Requirement{{Capability: "skill.read"}, {Capability: "kv.read"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(c *Config) { c.Skills = onShelf{} })
			use := manifest.ToolSpec{Name: "use", Description: "x", Input: json.RawMessage(`{"type":"object"}`)}
			w.plugins["s"] = &manifest.Manifest{Name: "s", Kinds: []manifest.Kind{manifest.Tool}, Tools: []manifest.ToolSpec{use}, Requires: c.requires}
			w.grant(t, "s", "tool.call", `{"tools":["s/use"]}`)
			w.grant(t, "s", "skill.read", `{"skills":["mail","gone"]}`)
			var got map[string]any
			w.cell = func(ctx context.Context, _, _ string, _ []byte, effect func(context.Context, string, []byte) ([]byte, error), _ func([]byte)) ([]byte, error) {
				for args, code := range map[string]protocol.Code{
					`{"skill":"gone"}`: protocol.NotFound, `{"skill":"other"}`: protocol.Denied, `{"skill":"mail","path":"../x"}`: protocol.NotFound,
					`{"skill":""}`: protocol.Invalid, `{"skill":"a\u0000b"}`: protocol.Invalid, `{"skill":"mail","run":true}`: protocol.Invalid,
				} {
					if _, err := effect(ctx, "skill.read", []byte(args)); protocol.CodeOf(err) != code {
						t.Errorf("%s: %v, want %s", args, err, code)
					}
				}
				out, err := effect(ctx, "skill.read", []byte(`{"skill":"mail"}`))
				if err != nil {
					return nil, err
				}
				if err := json.Unmarshal(out, &got); err != nil {
					t.Error(err)
				}
				return []byte(`{"content":[{"type":"text","text":"a text"}]}`), nil
			}
			r, err := w.effects.CallTool(t.Context(), mainAgent, gate.Origin{Agent: "main", Session: "s", Turn: "t"}, "s/use", nil)
			if err != nil {
				t.Fatal(err)
			}
			if r.Skill != c.skill || !slices.Equal(r.Labels, []string{"skill:mail", "untrusted"}) {
				t.Errorf("result %+v", r)
			}
			if text, _ := got["text"].(string); strings.ContainsRune(text, '\x1b') || !strings.Contains(text, "write to") {
				t.Errorf("text %q", text)
			}
			if !strings.Contains(w.recorded(), `"skill.read"`) {
				t.Error("it is not on the record")
			}
		})
	}
}
