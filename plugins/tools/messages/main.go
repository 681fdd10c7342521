// Command messages lets an agent write to the people whom the owner paired,
// without having been written to first. The host knows who they are and brings
// the message there; this plugin only asks for it.
package main

import (
	"context"

	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/run"
)

var program = run.New(messages())

func main() { program.Main() }

func messages() sdk.Plugin {
	return sdk.Plugin{
		Name:    "messages",
		Version: "0.1.0",
		Tools: []sdk.Tool{{
			Name:        "send",
			Description: "Send a message to one of the owner's contacts, or to the owner, over the channel they use. It becomes a part of your conversation with them, and they may answer there. Say who you write for.",
			Input: `{"type": "object", "properties": {
				"to": {"type": "string", "minLength": 1, "maxLength": 40, "description": "The contact's name, as the owner calls them, or \"owner\"."},
				"text": {"type": "string", "minLength": 1, "maxLength": 8000, "description": "What to say, in Markdown."}
			}, "required": ["to", "text"], "additionalProperties": false}`,
			Handle: send,
		}},
	}
}

func send(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	var args struct {
		To   string `json:"to"`
		Text string `json:"text"`
	}
	if err := c.Bind(&args); err != nil {
		return sdk.Result{}, err
	}
	if err := c.Message(ctx, args.To, args.Text); err != nil {
		return sdk.Result{}, err
	}
	return sdk.Textf("The message to %s is on its way.", args.To), nil
}
