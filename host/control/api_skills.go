package control

import (
	"path/filepath"
	"time"

	"github.com/ambithost/ambit/sdk/protocol"
)

// Skill is a folder of instructions that the owner added, or that a preview shows.
type Skill struct {
	Name          string      `json:"name"`
	Description   string      `json:"description"`
	License       string      `json:"license,omitempty"`
	Compatibility string      `json:"compatibility,omitempty"`
	AllowedTools  []string    `json:"allowed_tools,omitempty"` // what it suggests; they grant nothing
	Ignored       []string    `json:"ignored,omitempty"`       // keys without a meaning here
	Source        string      `json:"source,omitempty"`        // who wrote it; empty: the owner
	Mine          bool        `json:"mine"`                    // the owner vouches for its text
	Digest        string      `json:"digest"`
	Added         time.Time   `json:"added,omitzero"` // zero in a preview
	Files         []SkillFile `json:"files"`
	Agents        []string    `json:"agents,omitempty"`  // that may use it
	Problem       string      `json:"problem,omitempty"` // why it is not used
}

// SkillFile is a file of a skill.
type SkillFile struct {
	Path string `json:"path"`
	Size int64  `json:"size"`
}

// SkillText is a skill and its instructions.
type SkillText struct {
	Skill
	Text string `json:"text"` // empty when it can't be used
}

// SkillRequest adds a skill, or asks what would be added.
type SkillRequest struct {
	Folder string `json:"folder"`           // absolute
	Source string `json:"source,omitempty"` // who wrote it
	Mine   bool   `json:"mine,omitempty"`   // instead of a source
	// Digest is that of what was previewed; a preview has none.
	Digest string `json:"digest,omitempty"`
}

func (r SkillRequest) check() error {
	switch {
	case !filepath.IsAbs(r.Folder):
		return protocol.Errorf(protocol.Invalid, "folder %.200q: want an absolute path, the host has a working folder of its own", r.Folder)
	case r.Mine == (r.Source != ""):
		return protocol.Errorf(protocol.Invalid, "say whose it is: mine, or a source")
	}
	return nil
}

func (x *exchange) previewSkill(req SkillRequest) (*Skill, error) {
	if err := req.check(); err != nil {
		return nil, err
	}
	return x.PreviewSkill(x.ctx(), req)
}

func (x *exchange) addSkill(req SkillRequest) (*Skill, error) {
	if err := req.check(); err != nil {
		return nil, err
	}
	if req.Digest == "" {
		return nil, protocol.Errorf(protocol.Invalid, "want the digest of what was previewed")
	}
	return x.AddSkill(x.whole(), req)
}

func (x *exchange) skill() (*SkillText, error) {
	name := x.r.PathValue("name")
	if err := checkShort("skill", name); err != nil {
		return nil, err
	}
	return x.Skill(x.ctx(), name)
}

func (x *exchange) removeSkill() (empty, error) {
	name := x.r.PathValue("name")
	if err := checkShort("skill", name); err != nil {
		return empty{}, err
	}
	return empty{}, x.RemoveSkill(x.whole(), name)
}
