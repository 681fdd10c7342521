package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/protocol"
)

func schedule() sdk.Plugin {
	return sdk.Plugin{
		Name:    "schedule",
		Version: "0.1.0",
		Tools: []sdk.Tool{
			{Name: "add", Description: "Plan to be woken later in this conversation, and be told the text then. Say when by exactly one of at, every and cron. The text is a note to yourself; it is not an instruction of the owner.",
				Input: `{"type": "object", "properties": {
					"text": {"type": "string", "minLength": 1, "maxLength": 8000, "description": "What you want to be told then."},
					"at": {"type": "string", "maxLength": 60, "description": "Once: \"2026-12-24 18:00\", \"18:00\" (the next), \"in 20m\", or RFC 3339."},
					"every": {"type": "string", "maxLength": 40, "description": "Again and again: \"20m\", \"6h\", \"1d\"; at least a minute."},
					"cron": {"type": "string", "maxLength": 256, "description": "By the calendar: minute hour day month weekday, for example \"0 9 * * 1-5\"."},
					"zone": {"type": "string", "maxLength": 60, "description": "Time zone of at and cron, for example Europe/Berlin. The owner's unless told."},
					"name": {"type": "string", "maxLength": 60, "description": "A short name: letters, digits, spaces, dashes."}
				}, "required": ["text"], "additionalProperties": false}`, Handle: add},
			{Name: "list", Description: "List what you planned and when it is next.",
				Input: `{"type": "object", "properties": {}, "additionalProperties": false}`, Handle: list},
			{Name: "cancel", Description: "Cancel something you planned.",
				Input: `{"type": "object", "properties": {"id": {"type": "string", "minLength": 1, "maxLength": 80, "description": "Its id, as in the list."}}, "required": ["id"], "additionalProperties": false}`, Handle: cancel},
		},
	}
}

// plan is a schedule as the host tells it.
type plan struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Text  string `json:"text"`
	When  string `json:"when"`
	Next  string `json:"next"`
	State string `json:"state"`
	Fails int    `json:"fails"`
}

func (p plan) String() string {
	var b strings.Builder
	b.WriteString(p.ID)
	if p.Name != "" {
		fmt.Fprintf(&b, " (%s)", p.Name)
	}
	fmt.Fprintf(&b, ", %s", p.When)
	switch {
	case p.State != "active":
		fmt.Fprintf(&b, ", %s", p.State)
	case p.Next != "":
		fmt.Fprintf(&b, ", next %s", p.Next)
	}
	if p.Fails > 0 {
		fmt.Fprintf(&b, ", failed %d times in a row", p.Fails)
	}
	return b.String()
}

func add(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	var wish struct {
		Text  string `json:"text"`
		At    string `json:"at,omitempty"`
		Every string `json:"every,omitempty"`
		Cron  string `json:"cron,omitempty"`
		Zone  string `json:"zone,omitempty"`
		Name  string `json:"name,omitempty"`
	}
	if err := c.Bind(&wish); err != nil {
		return sdk.Result{}, err
	}
	given := 0
	for _, s := range []string{wish.At, wish.Every, wish.Cron} {
		if strings.TrimSpace(s) != "" {
			given++
		}
	}
	if given != 1 {
		return sdk.Result{}, protocol.Errorf(protocol.Invalid, "say when by exactly one of at, every and cron")
	}
	var made plan
	if err := c.Effect(ctx, "schedule.create", wish, &made); err != nil {
		return sdk.Result{}, err
	}
	return sdk.Textf("Planned %s.", made), nil
}

func list(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	if err := c.Bind(&struct{}{}); err != nil {
		return sdk.Result{}, err
	}
	var out struct {
		Schedules []plan `json:"schedules"`
	}
	if err := c.Effect(ctx, "schedule.read", struct{}{}, &out); err != nil {
		return sdk.Result{}, err
	}
	if len(out.Schedules) == 0 {
		return sdk.Text("You have planned nothing."), nil
	}
	var b strings.Builder
	for _, p := range out.Schedules {
		text := []rune(strings.Join(strings.Fields(p.Text), " "))
		if len(text) > 200 {
			text = append(text[:200], '…')
		}
		fmt.Fprintf(&b, "%s: %s\n", p, string(text))
	}
	return sdk.Text(b.String()), nil
}

func cancel(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	var which struct {
		ID string `json:"id"`
	}
	if err := c.Bind(&which); err != nil {
		return sdk.Result{}, err
	}
	if err := c.Effect(ctx, "schedule.cancel", which, nil); err != nil {
		return sdk.Result{}, err
	}
	return sdk.Textf("Cancelled %s.", which.ID), nil
}
