package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/protocol"
)

func code() sdk.Plugin {
	one := make(turns, 1)
	return sdk.Plugin{
		Name:    "code",
		Version: "0.1.0",
		Tools: []sdk.Tool{{
			Name:        "run",
			Description: `Run a Starlark program (a small Python dialect) and return what it prints and the value of its variable "result". It has json and math, loops and functions; no recursion, no imports, no files, no network, no clock.`,
			Input: `{
				"type": "object",
				"properties": {
					"language": {"type": "string", "enum": ["starlark"], "description": "The language the code is in."},
					"code": {"type": "string", "description": "The program, or a single expression. Set \"result\" or print."},
					"input": {"description": "Any JSON value; the program finds it in the variable \"input\"."}
				},
				"required": ["language", "code"],
				"additionalProperties": false
			}`,
			Handle: one.handle,
		}},
	}
}

// turns lets one program run at a time: memory is bounded by what the process
// uses, and a program must not pay for another's.
type turns chan struct{}

func (one turns) handle(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	var args struct {
		Language string          `json:"language"`
		Code     string          `json:"code"`
		Input    json.RawMessage `json:"input"`
	}
	if err := c.Bind(&args); err != nil {
		return sdk.Result{}, err
	}
	if args.Language != "starlark" {
		return sdk.Result{}, protocol.Errorf(protocol.Invalid, "language %.40q: only starlark is here", args.Language)
	}
	if len(args.Code) > maxCode {
		return sdk.Result{}, protocol.Errorf(protocol.Limit, "code of %d bytes, the limit is %d", len(args.Code), maxCode)
	}
	select {
	case one <- struct{}{}:
		defer func() { <-one }()
	case <-ctx.Done():
		return sdk.Result{}, protocol.Errorf(protocol.Timeout, "another program ran all the while: %v", ctx.Err())
	}
	out := execute(ctx, args.Code, args.Input)
	return out.result(), nil
}

// outcome is how a program ended.
type outcome struct {
	printed string
	value   string // of result; "" when it was not set
	failure string // a traceback, or what ended the program
}

// result tells it to the model: what was printed before a failure is part of
// the explanation.
func (o outcome) result() sdk.Result {
	var parts []string
	if o.printed != "" {
		parts = append(parts, strings.TrimRight(o.printed, "\n"))
	}
	if o.value != "" {
		parts = append(parts, "result = "+o.value)
	}
	if o.failure != "" {
		parts = append(parts, o.failure)
	}
	if len(parts) == 0 {
		parts = append(parts, `(nothing was printed, and "result" was not set)`)
	}
	return sdk.Result{Text: strings.Join(parts, "\n"), IsError: o.failure != ""}
}

// capped collects text up to a limit and says once that it was reached.
type capped struct {
	b    strings.Builder
	full bool
}

func (c *capped) line(s string) {
	switch {
	case c.full:
	case c.b.Len()+len(s) > maxOutput:
		c.full = true
		c.b.WriteString(strings.ToValidUTF8(s[:max(0, maxOutput-c.b.Len())], ""))
		fmt.Fprintf(&c.b, "\n(output is cut at %d bytes)", maxOutput)
	default:
		c.b.WriteString(s)
		c.b.WriteByte('\n')
	}
}
