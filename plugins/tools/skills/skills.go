package main

import (
	"context"
	"strings"

	"github.com/ambithost/ambit/sdk"
)

func skills() sdk.Plugin {
	return sdk.Plugin{
		Name:    "skills",
		Version: "0.1.0",
		Tools: []sdk.Tool{
			{Name: "use", Description: "Read the instructions of a skill, before a task that it is for.",
				Input: `{"type": "object", "properties": {
					"skill": {"type": "string", "minLength": 1, "maxLength": 64, "description": "Its name, as in the list of skills."}
				}, "required": ["skill"], "additionalProperties": false}`, Handle: use},
			{Name: "file", Description: "Read another file of a skill, when its instructions name it.",
				Input: `{"type": "object", "properties": {
					"skill": {"type": "string", "minLength": 1, "maxLength": 64, "description": "Its name."},
					"path": {"type": "string", "minLength": 1, "maxLength": 200, "description": "The file, for example references/rules.md."}
				}, "required": ["skill", "path"], "additionalProperties": false}`, Handle: file},
		},
	}
}

type wish struct {
	Skill string `json:"skill"`
	Path  string `json:"path,omitempty"`
}

type found struct {
	Text  string   `json:"text"`
	Files []string `json:"files"`
}

func use(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	var which struct {
		Skill string `json:"skill"`
	}
	if err := c.Bind(&which); err != nil {
		return sdk.Result{}, err
	}
	var got found
	if err := c.Effect(ctx, "skill.read", wish{Skill: which.Skill}, &got); err != nil {
		return sdk.Result{}, err
	}
	if len(got.Files) == 0 {
		return sdk.Text(got.Text), nil
	}
	return sdk.Textf("%s\n\nFiles of this skill: %s.", got.Text, strings.Join(got.Files, ", ")), nil
}

func file(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	var which wish
	if err := c.Bind(&which); err != nil {
		return sdk.Result{}, err
	}
	var got found
	if err := c.Effect(ctx, "skill.read", which, &got); err != nil {
		return sdk.Result{}, err
	}
	return sdk.Text(got.Text), nil
}
