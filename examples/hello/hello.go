// Command hello is the smallest complete plugin: one tool, one effect, one
// configuration value. The same source builds to Wasm and to a native
// executable.
package main

import (
	"context"
	"time"

	"github.com/ambithost/ambit/sdk"
)

func hello() sdk.Plugin {
	return sdk.Plugin{
		Name:    "hello",
		Version: "0.1.0",
		Tools: []sdk.Tool{{
			Name:        "greet",
			Description: "Greet someone by name, with the time of day.",
			Input: `{
				"type": "object",
				"properties": {"name": {"type": "string", "description": "Who is greeted."}},
				"required": ["name"],
				"additionalProperties": false
			}`,
			Handle: greet,
		}},
	}
}

func greet(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	var args struct {
		Name string `json:"name"`
	}
	if err := c.Bind(&args); err != nil {
		return sdk.Result{}, err
	}
	if greeting := c.Config("greeting"); greeting != "" {
		return sdk.Textf("%s, %s!", greeting, args.Name), nil
	}
	clock, err := c.Clock(ctx)
	if err != nil {
		return sdk.Result{}, err
	}
	return sdk.Textf("%s, %s!", partOfDay(clock.Now), args.Name), nil
}

func partOfDay(t time.Time) string {
	switch h := t.Hour(); {
	case h < 12:
		return "Good morning"
	case h < 18:
		return "Good afternoon"
	}
	return "Good evening"
}
