package effects

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/ambithost/ambit/host/policy"
)

// labelKeeper owns the labels of what is kept, in the same store as plugins'
// values. No plugin can have the name.
const labelKeeper = "~labels"

// kept names one thing that is kept: a file of a workspace, a plugin's value.
type kept string

func (c *Call) keptFile(path string) kept { return kept("file " + c.caller.Origin.Agent + " " + path) }
func (c *Call) keptValue(key string) kept { return kept("kv " + c.caller.Plugin + " " + key) }

// carries are the labels of what the call has in hand: of the arguments it was
// given, where they were traced, else of the session; and of what it read since.
func (c *Call) carries() []string {
	labels := c.caller.Origin.Labels
	if c.traced {
		labels = c.given
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	out := slices.Clone(labels)
	for l := range c.labels {
		out = append(out, l)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// labelsOf are the labels of all that arguments may be made of.
func labelsOf(list []policy.Argument) []string {
	var out []string
	for _, a := range list {
		out = append(out, a.Labels...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// FileLabels are the labels of a file in an agent's workspace: of what it was
// written from by plugins. What the owner wrote has none.
func (e *Effects) FileLabels(ctx context.Context, agent, path string) ([]string, error) {
	return e.labelsKept(ctx, kept("file "+agent+" "+path))
}

// recall reads what is kept and gives the call its labels, those from before and
// from after: someone may write it meanwhile. Labels that can't be read keep the
// text from being used.
func (c *Call) recall(ctx context.Context, k kept, read func() error) error {
	before, err := c.e.labelsKept(ctx, k)
	if err != nil {
		return err
	}
	if err := read(); err != nil {
		return err
	}
	after, err := c.e.labelsKept(ctx, k)
	if err == nil {
		c.label(before)
		c.label(after)
	}
	return err
}

// keepLabels writes what is kept together with its labels: those of the new
// content and of the old are there before it is written, and those of the old go
// when it is replaced. So a crash leaves too many labels, never too few.
func (c *Call) keepLabels(ctx context.Context, k kept, appends bool, write func() error) error {
	old, err := c.e.labelsKept(ctx, k)
	if err != nil {
		return err
	}
	fresh := c.carries()
	both := slices.Concat(old, fresh)
	slices.Sort(both)
	both = slices.Compact(both)
	if err := c.e.setLabels(ctx, k, old, both); err != nil {
		return err
	}
	if err := write(); err != nil || appends {
		return err
	}
	return c.e.setLabels(ctx, k, both, fresh)
}

// forgetLabels takes the labels of what was removed away.
func (c *Call) forgetLabels(ctx context.Context, k kept) error {
	old, err := c.e.labelsKept(ctx, k)
	if err != nil {
		return err
	}
	return c.e.setLabels(ctx, k, old, nil)
}

func (e *Effects) labelsKept(ctx context.Context, k kept) (labels []string, err error) {
	if e.cfg.KV == nil {
		return nil, nil
	}
	value, found, err := e.cfg.KV.Get(ctx, labelKeeper, string(k))
	if err == nil && found {
		err = json.Unmarshal(value, &labels)
	}
	return labels, e.unavailable("labels", err)
}

func (e *Effects) setLabels(ctx context.Context, k kept, have, want []string) error {
	if e.cfg.KV == nil || slices.Equal(have, want) {
		return nil
	}
	if len(want) == 0 {
		return e.unavailable("labels", e.cfg.KV.Delete(ctx, labelKeeper, string(k)))
	}
	value, err := json.Marshal(want)
	if err == nil {
		err = e.cfg.KV.Put(ctx, labelKeeper, string(k), value)
	}
	return e.unavailable("labels", err)
}
