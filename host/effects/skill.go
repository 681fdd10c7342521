package effects

import (
	"context"

	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Skills gives the texts of skills.
type Skills interface {
	// Skill returns the body of a skill that the agent may use, or with a path the
	// text of another file of it. It fails with not_found for what there is not,
	// and with unavailable for what is no longer as it was added.
	Skill(ctx context.Context, agent, skill, path string) (SkillText, error)
}

// SkillText is a text of a skill.
type SkillText struct {
	Title  string   // "mail-helper by ACME"
	Text   string   // as it stands in the file
	Files  []string // that the skill has besides SKILL.md
	Labels []string
}

// skillRead gives a text of a skill, with the labels of who wrote it. It is text
// and nothing else: what a skill brings along is never run.
func (c *Call) skillRead(ctx context.Context, args []byte) ([]byte, error) {
	const what = "skill.read"
	var a struct {
		Skill string `json:"skill"`
		Path  string `json:"path"`
	}
	if err := decode(what, args, &a); err != nil {
		return nil, err
	}
	if a.Skill == "" || len(a.Skill) > 80 || len(a.Path) > 300 || badName(a.Skill) || a.Path != "" && badName(a.Path) {
		return nil, protocol.Errorf(protocol.Invalid, "%s: want the name of a skill, and of a file of it", what)
	}
	if c.e.cfg.Skills == nil {
		return nil, protocol.Errorf(protocol.Unavailable, "%s: this host has no skills", what)
	}
	attrs := capability.Attributes{"skill": a.Skill}
	resource := a.Skill
	if a.Path != "" {
		attrs["path"] = a.Path
		resource += "/" + a.Path
	}
	var found SkillText
	err := c.gated(ctx, what, resource, attrs, args, func(ctx context.Context, _ *gate.Flight) (err error) {
		found, err = c.e.cfg.Skills.Skill(ctx, c.caller.Origin.Agent, a.Skill, a.Path)
		return err
	})
	if err != nil {
		return nil, err
	}
	found.Text = clean(found.Text)
	c.learned(found)
	return encode(map[string]any{"text": found.Text, "files": append([]string{}, found.Files...)})
}

// learned notes a skill's text that has reached this call.
func (c *Call) learned(s SkillText) {
	c.read("skill "+s.Title, ToolResult{Text: s.Text, Labels: s.Labels})
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.skills == nil {
		c.skills = map[string]bool{}
	}
	c.skills[s.Title] = true
}

// skill is the one whose text a call gave, if it can have given nothing else: the
// plugin asks for skills and for nothing that tells it other things.
func (c *Call) skill() string {
	if !c.e.asksOnly(c.caller.Plugin, "skill.read") {
		return ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.skills) == 1 {
		for title := range c.skills {
			return title
		}
	}
	return ""
}
