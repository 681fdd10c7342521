package host

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/host/effects"
	"github.com/ambithost/ambit/host/skill"
	"github.com/ambithost/ambit/sdk/protocol"
)

func (h *Host) openSkills(context.Context) (err error) {
	if h.skills, err = skill.Open(h.path("skills")); err != nil {
		return err
	}
	for name, f := range h.file.Agents {
		if f.Skills == nil {
			continue
		}
		for _, s := range *f.Skills {
			if _, ok := h.skills.Find(s); !ok {
				return fmt.Errorf("%s: agent %q: there is no skill %.80q (there are: %s)", h.path("ambit.yaml"), name, s, skillNames(h.skills.List()))
			}
		}
	}
	for _, e := range h.skills.List() {
		_ = h.checkSkill(e.Name) // tells the owner; the skill is not used
	}
	return nil
}

// mayUse tells whether an agent has a skill: those that its settings name, or all.
func (h *Host) mayUse(name, skill string) bool {
	f, ok := h.file.Agents[either(name, DefaultAgent)]
	return ok && (f.Skills == nil || slices.Contains(*f.Skills, skill))
}

// checkSkill holds a skill to what was added, and tells the owner when it is not.
func (h *Host) checkSkill(name string) error {
	err := h.skills.Check(name)
	topic := "skill " + name
	switch {
	case err == nil:
		h.notices.clear(topic)
	case errors.Is(err, skill.ErrChanged):
		h.notices.set(topic, control.Notice{Message: fmt.Sprintf("Skill %s is not used: %v.", name, err), Hint: "ambit skill remove " + name})
	}
	return err
}

// agentSkills are those that an agent is told of.
func (h *Host) agentSkills(_ context.Context, name string) []agent.Skill {
	var out []agent.Skill
	for _, e := range h.skills.List() {
		if h.mayUse(name, e.Name) && h.checkSkill(e.Name) == nil {
			out = append(out, agent.Skill{Name: e.Name, Description: e.Description, Source: e.Source})
		}
	}
	return out
}

// library gives the effects the texts of skills.
type library struct{ *Host }

// Skill implements [effects.Skills]. A skill of which any file was changed gives no
// text at all.
func (l library) Skill(_ context.Context, name, which, file string) (effects.SkillText, error) {
	if !l.mayUse(name, which) {
		return effects.SkillText{}, protocol.Errorf(protocol.NotFound, "agent %s has no skill %.80q", name, which)
	}
	if err := l.checkSkill(which); err != nil {
		return effects.SkillText{}, skillError(err)
	}
	e, text, err := l.skills.Text(which, file)
	if err != nil {
		return effects.SkillText{}, skillError(err)
	}
	out := effects.SkillText{Title: e.Title(), Text: text, Labels: e.Labels()}
	for _, f := range e.Files {
		if f.Path != skill.Main {
			out.Files = append(out.Files, f.Path)
		}
	}
	return out, nil
}

// skillError gives an error of the skills its code.
func skillError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, skill.ErrUnknown):
		return protocol.Errorf(protocol.NotFound, "%v", err)
	case errors.Is(err, skill.ErrInvalid):
		return protocol.Errorf(protocol.Invalid, "%v", err)
	}
	return protocol.Errorf(protocol.Unavailable, "%v", err)
}
