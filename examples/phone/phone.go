package main

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"time"

	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/protocol"
)

const logKey = "calls"

// maxLog is how many calls the log keeps, the newest.
const maxLog = 200

// placed is one line of the log.
type placed struct {
	At      time.Time `json:"at"`
	Number  string    `json:"number"`
	Message string    `json:"message"`
}

func phone() sdk.Plugin {
	return sdk.Plugin{Name: "phone", Version: "0.1.0", Tools: []sdk.Tool{
		{
			Name: "call", Description: "Call a number and read a message out. Pretended: nothing rings.", Handle: place,
			Input: `{"type":"object","properties":{"number":{"type":"string","pattern":"^\\+[1-9][0-9]{6,14}$"},"message":{"type":"string","minLength":1,"maxLength":1000}},"required":["number","message"],"additionalProperties":false}`,
		},
		{
			Name: "log", Description: "List the calls that were pretended, the oldest first.", Handle: list,
			Input: `{"type":"object","properties":{},"additionalProperties":false}`,
		},
	}}
}

// e164 is an international number as the vocabulary wants it.
var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

func place(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	var p placed
	if err := c.Bind(&p); err != nil {
		return sdk.Result{}, err
	}
	if !e164.MatchString(p.Number) || strings.TrimSpace(p.Message) == "" {
		return sdk.Result{}, protocol.Errorf(protocol.Invalid, "want a number such as +442079460000, and something to say")
	}
	clock, err := c.Clock(ctx)
	if err != nil {
		return sdk.Result{}, err
	}
	p.At = clock.Now
	calls, err := read(ctx, c.Host)
	if err != nil {
		return sdk.Result{}, err
	}
	calls = append(calls, p)
	b, err := json.Marshal(calls[max(0, len(calls)-maxLog):])
	if err != nil {
		return sdk.Result{}, err
	}
	if err := c.Put(ctx, logKey, b); err != nil {
		return sdk.Result{}, err
	}
	return sdk.Textf("Called %s and said: %s (pretended).", p.Number, p.Message), nil
}

func list(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	if err := c.Bind(&struct{}{}); err != nil {
		return sdk.Result{}, err
	}
	calls, err := read(ctx, c.Host)
	if err != nil {
		return sdk.Result{}, err
	}
	if len(calls) == 0 {
		return sdk.Text("Nobody was called."), nil
	}
	var b strings.Builder
	for _, p := range calls {
		b.WriteString(p.At.Format("2006-01-02 15:04") + " " + p.Number + ": " + p.Message + "\n")
	}
	return sdk.Text(b.String()), nil
}

func read(ctx context.Context, h *sdk.Host) (calls []placed, err error) {
	b, err := h.Get(ctx, logKey)
	if protocol.CodeOf(err) == protocol.NotFound && err != nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return calls, json.Unmarshal(b, &calls)
}
