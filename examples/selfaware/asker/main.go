// Command asker is the plugin of the experiment: one tool that puts one question
// to one model, with nothing before it. It holds no key and reaches no server;
// it asks the host for model.complete, and its grant bounds which models and how
// many tokens.
package main

import (
	"context"
	"encoding/json"

	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/run"
)

var program = run.New(asker())

func main() { program.Main() }

const input = `{"type":"object","properties":{
	"prompt":{"type":"string","maxLength":20000},
	"model":{"type":"string","maxLength":200},
	"max_tokens":{"type":"integer","minimum":1,"maximum":100000}},
	"required":["prompt","model","max_tokens"],"additionalProperties":false}`

func asker() sdk.Plugin {
	return sdk.Plugin{Name: "asker", Version: "0.1.0", Tools: []sdk.Tool{{
		Name: "ask", Description: "Ask a model one question, in a conversation of its own.", Input: input, Handle: ask,
	}}}
}

// answer is the tool's result, as JSON.
type answer struct {
	Text   string `json:"text"`
	Model  string `json:"model"`
	Tokens int    `json:"tokens"`
}

func ask(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	var a struct {
		Prompt    string `json:"prompt"`
		Model     string `json:"model"`
		MaxTokens int    `json:"max_tokens"`
	}
	if err := json.Unmarshal(c.Args, &a); err != nil {
		return sdk.Result{}, err
	}
	resp, err := c.Complete(ctx, a.Model, model.Request{MaxTokens: a.MaxTokens, Messages: []model.Message{{Role: model.User, Text: a.Prompt}}})
	if err != nil {
		return sdk.Result{}, err
	}
	b, err := json.Marshal(answer{Text: resp.Text, Model: resp.Model, Tokens: resp.Usage.Input + resp.Usage.Output})
	return sdk.Result{Text: string(b)}, err
}
