package control

import (
	"context"
	"net/http"
)

// Skills implements [SkillKeeper].
func (c *Client) Skills(ctx context.Context) ([]Skill, error) {
	return list[Skill](ctx, c, nil, "skills")
}

// Skill implements [SkillKeeper].
func (c *Client) Skill(ctx context.Context, name string) (*SkillText, error) {
	return get[SkillText](ctx, c, nil, "skills", name)
}

// PreviewSkill implements [SkillKeeper].
func (c *Client) PreviewSkill(ctx context.Context, req SkillRequest) (*Skill, error) {
	return change[Skill](ctx, c, http.MethodPost, req, "skills", "preview")
}

// AddSkill implements [SkillKeeper].
func (c *Client) AddSkill(ctx context.Context, req SkillRequest) (*Skill, error) {
	return change[Skill](ctx, c, http.MethodPost, req, "skills")
}

// RemoveSkill implements [SkillKeeper].
func (c *Client) RemoveSkill(ctx context.Context, name string) error {
	_, err := change[empty](ctx, c, http.MethodDelete, nil, "skills", name)
	return err
}
