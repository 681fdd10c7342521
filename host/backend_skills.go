package host

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/host/skill"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Skills lists what was added.
func (b backend) Skills(context.Context) ([]control.Skill, error) {
	out := []control.Skill{}
	for _, e := range b.skills.List() {
		out = append(out, b.skillOf(e))
	}
	return out, nil
}

// Skill shows one with its instructions, if it is still what was added.
func (b backend) Skill(_ context.Context, name string) (*control.SkillText, error) {
	e, ok := b.skills.Find(name)
	if !ok {
		return nil, noSkill(name)
	}
	out := &control.SkillText{Skill: b.skillOf(e)}
	if out.Problem == "" {
		_, text, err := b.skills.Text(name, "")
		if err != nil {
			return nil, skillError(err)
		}
		out.Text = text
	}
	return out, nil
}

func noSkill(name string) error {
	return &control.Error{Code: protocol.NotFound, Message: fmt.Sprintf("there is no skill %.80q", name), Hint: "ambit skill list"}
}

func (b backend) skillOf(e skill.Entry) control.Skill {
	out := headOf(e.Head, e.Files)
	out.Source, out.Mine, out.Digest, out.Added = e.Source, e.Mine, e.Digest, e.Added
	for _, name := range slices.Sorted(maps.Keys(b.agents)) {
		if b.mayUse(name, e.Name) {
			out.Agents = append(out.Agents, name)
		}
	}
	if err := b.checkSkill(e.Name); err != nil {
		out.Problem = err.Error()
	}
	return out
}

func headOf(h skill.Head, files []skill.File) control.Skill {
	out := control.Skill{
		Name: h.Name, Description: h.Description, License: h.License, Compatibility: h.Compatibility,
		AllowedTools: h.AllowedTools, Ignored: h.Ignored, Files: []control.SkillFile{},
	}
	for _, f := range files {
		out.Files = append(out.Files, control.SkillFile{Path: f.Path, Size: f.Size})
	}
	return out
}

// PreviewSkill shows what would be added.
func (b backend) PreviewSkill(_ context.Context, req control.SkillRequest) (*control.Skill, error) {
	f, err := skill.Read(req.Folder)
	if err != nil {
		return nil, skillError(err)
	}
	out := headOf(f.Head, f.Files)
	out.Source, out.Mine, out.Digest = req.Source, req.Mine, f.Digest
	return &out, nil
}

// AddSkill copies a folder that is still what was previewed.
func (b backend) AddSkill(ctx context.Context, req control.SkillRequest) (*control.Skill, error) {
	b.touch()
	f, err := skill.Read(req.Folder)
	if err != nil {
		return nil, skillError(err)
	}
	if f.Digest != req.Digest {
		return nil, protocol.Errorf(protocol.Invalid, "the folder changed since it was shown; look again: ambit skill add")
	}
	r := audit.Record{Kind: audit.Skill, Actor: "owner", Resource: f.Name, Digest: f.Digest, Status: "added", Detail: either(req.Source, "mine")}
	if _, err := b.audit.Append(ctx, r, nil, true); err != nil {
		return nil, fmt.Errorf("the skill was not added, as that can't be recorded: %w", err)
	}
	e, err := b.skills.Add(f, req.Source, req.Mine, b.now())
	if err != nil {
		return nil, skillError(err)
	}
	out := b.skillOf(e)
	return &out, nil
}

// RemoveSkill forgets one, unless an agent's settings name it.
func (b backend) RemoveSkill(ctx context.Context, name string) error {
	b.touch()
	e, ok := b.skills.Find(name)
	if !ok {
		return noSkill(name)
	}
	for agent, f := range b.file.Agents {
		if f.Skills != nil && slices.Contains(*f.Skills, name) {
			return protocol.Errorf(protocol.Invalid, "agents.%s.skills in ambit.yaml names skill %s; take it out there first", agent, name)
		}
	}
	r := audit.Record{Kind: audit.Skill, Actor: "owner", Resource: name, Digest: e.Digest, Status: "removed"}
	if _, err := b.audit.Append(ctx, r, nil, true); err != nil {
		return fmt.Errorf("the skill was not removed, as that can't be recorded: %w", err)
	}
	b.notices.clear("skill " + name)
	return skillError(b.skills.Remove(name))
}

// skillNames lists them for a sentence.
func skillNames(list []skill.Entry) string {
	names := []string{}
	for _, e := range list {
		names = append(names, e.Name)
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
