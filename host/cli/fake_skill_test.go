package cli

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/sdk/protocol"
)

func (m *memory) Skills(context.Context) ([]control.Skill, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.skills), nil
}

func (m *memory) Skill(_ context.Context, name string) (*control.SkillText, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.skills {
		if s.Name == name {
			return &control.SkillText{Skill: s, Text: "Do it\x1b[2J well.\n"}, nil
		}
	}
	return nil, protocol.Errorf(protocol.NotFound, "there is no skill %s", name)
}

func (m *memory) PreviewSkill(_ context.Context, req control.SkillRequest) (*control.Skill, error) {
	return &control.Skill{Name: filepath.Base(req.Folder), Description: "For tests.", Source: req.Source, Mine: req.Mine, Digest: "sha256:d", Files: []control.SkillFile{{Path: "SKILL.md", Size: 9}}}, nil
}

func (m *memory) AddSkill(ctx context.Context, req control.SkillRequest) (*control.Skill, error) {
	s, err := m.PreviewSkill(ctx, req)
	if err != nil || req.Digest != s.Digest {
		return nil, protocol.Errorf(protocol.Invalid, "it changed")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.skills = append(m.skills, *s)
	return s, nil
}

func (m *memory) RemoveSkill(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.skills = slices.DeleteFunc(m.skills, func(s control.Skill) bool { return s.Name == name })
	return nil
}
