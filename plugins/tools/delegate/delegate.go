package main

import (
	"context"
	"fmt"

	"github.com/ambithost/ambit/sdk"
)

func delegate() sdk.Plugin {
	return sdk.Plugin{
		Name:    "delegate",
		Version: "0.1.0",
		Tools: []sdk.Tool{
			{Name: "run", Description: "Have a sub-agent work on one task in a conversation of its own and get its result. It starts with nothing but the task, and has only the tools that you name, which must be among your own. Good for reading much to learn little.",
				Input: `{"type": "object", "properties": {
					"task": {"type": "string", "minLength": 1, "maxLength": 30000, "description": "What it is to do and what it needs to know; it does not see this conversation."},
					"tools": {"type": "array", "maxItems": 64, "items": {"type": "string", "maxLength": 130}, "description": "Which of your tools it may call, as plugin/tool, for example [\"web/fetch\"]. Name few."},
					"capabilities": {"type": "array", "maxItems": 64, "items": {"type": "string", "maxLength": 60}, "description": "Leave out, unless it is to have less than these tools can do: then all that it may use."},
					"tokens": {"type": "integer", "minimum": 1000, "maximum": 1000000, "description": "At most; they count as yours."}
				}, "required": ["task", "tools"], "additionalProperties": false}`, Handle: handle},
		},
	}
}

func handle(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	var wish struct {
		Task         string    `json:"task"`
		Tools        []string  `json:"tools"`
		Capabilities *[]string `json:"capabilities,omitempty"`
		Tokens       int       `json:"tokens,omitempty"`
	}
	if err := c.Bind(&wish); err != nil {
		return sdk.Result{}, err
	}
	var report struct {
		Text   string `json:"text"`
		Reason string `json:"reason"`
		Notice string `json:"notice"`
	}
	if err := c.Effect(ctx, "agent.run", wish, &report); err != nil {
		return sdk.Result{}, err
	}
	switch {
	case report.Reason == "done" && report.Text != "":
		return sdk.Text(report.Text), nil
	case report.Text == "":
		return sdk.Result{}, fmt.Errorf("the sub-agent ended without a word (%s). %s", report.Reason, report.Notice)
	}
	return sdk.Textf("The sub-agent did not finish (%s). %s\nIts last words:\n%s", report.Reason, report.Notice, report.Text), nil
}
