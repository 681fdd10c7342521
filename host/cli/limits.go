package cli

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/host/budget"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/sdk/capability"
)

// limitFlags are the common limits of a grant, which need no policy.
type limitFlags struct {
	host, to, max, onlyWhen []string
	askOver, between        string
}

func (f *limitFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringSliceVar(&f.host, "host", nil, "only to this host")
	fl.StringSliceVar(&f.to, "to", nil, "only to this recipient, payee, merchant or number (numbers by their beginning)")
	fl.StringSliceVar(&f.max, "max", nil, "at most: 50usd/day, 20usd (each), 10/24h, 5MB/week, 100000tokens/day")
	fl.StringVar(&f.askOver, "ask-over", "", "ask above this amount, and not up to it: 20usd")
	fl.StringVar(&f.between, "between", "", "only in these hours of the day: 09:00-21:00")
	fl.StringSliceVar(&f.onlyWhen, "only-when", nil, "only while: owner-present, session-clean")
	for _, name := range []string{"host", "to", "max", "ask-over", "between"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions)
	}
	_ = cmd.RegisterFlagCompletionFunc("only-when", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var out []string
		for c, meaning := range budget.Conditions() {
			out = append(out, string(c)+"\t"+meaning)
		}
		slices.Sort(out)
		return out, cobra.ShellCompDirectiveNoFileComp
	})
}

// apply reads the flags into a request. The scope they narrow is the one given
// with --scope, else the one that the plugin asks for.
func (f *limitFlags) apply(ctx context.Context, a *app, req *control.GrantRequest) error {
	c, ok := capability.Lookup(req.Capability)
	if !ok {
		return nil // the host says so
	}
	scope, err := f.scope(c)
	if err != nil {
		return err
	}
	if len(scope.Allow)+len(scope.Max) > 0 {
		if req.Scope == nil {
			if req.Scope, err = a.required(ctx, req.Plugin, req.Capability); err != nil {
				return err
			}
		}
		req.Scope = &capability.Scope{Allow: merged(req.Scope.Allow, scope.Allow), Max: merged(req.Scope.Max, scope.Max)}
	}
	l, err := f.limits()
	if err != nil {
		return err
	}
	if len(l.Budgets)+len(l.OnlyWhen) == 0 && l.AskOver == nil && l.Between == nil {
		return nil
	}
	if err := l.Fit(c); err != nil {
		return usagef("%v", err)
	}
	req.Limits = &l
	return nil
}

func merged[V any](base, more map[string]V) map[string]V {
	out := maps.Clone(base)
	if out == nil {
		out = map[string]V{}
	}
	maps.Copy(out, more)
	return out
}

// required is the scope that a plugin asks for.
func (a *app) required(ctx context.Context, plugin, name string) (*capability.Scope, error) {
	p, err := a.client.Plugin(ctx, plugin)
	if err != nil {
		return nil, err
	}
	for _, r := range p.Requires {
		if r.Capability == name {
			return &r.Scope, nil
		}
	}
	return &capability.Scope{}, nil
}

// scope is what the flags say about the vocabulary's own keys.
func (f *limitFlags) scope(c *capability.Capability) (capability.Scope, error) {
	s := capability.Scope{Allow: map[string][]string{}, Max: map[string]int64{}}
	if len(f.host) > 0 {
		if c.ScopeKey("hosts") == nil {
			return s, usagef("--host: %s goes to no host%s", c.Name, narrowing(c))
		}
		s.Allow["hosts"] = f.host
	}
	if len(f.to) > 0 {
		key := recipientKey(c)
		if key == nil {
			return s, usagef("--to: %s goes to nobody in particular%s", c.Name, narrowing(c))
		}
		for _, to := range f.to {
			if key.Attribute == "number" && !numberPrefix.MatchString(to) {
				return s, usagef("--to %q: want a number's beginning in E.164, such as +82 or +8210", to)
			}
		}
		s.Allow[key.Name] = f.to
	}
	for _, text := range f.max {
		if err := atMost(c, text, &s); err != nil {
			return s, err
		}
	}
	return s, nil
}

var numberPrefix = regexp.MustCompile(`^\+[0-9]{1,15}$`)

// recipientKey is the scope key by which a capability names who it reaches.
func recipientKey(c *capability.Capability) *capability.ScopeKey {
	for _, name := range []string{"to", "payees", "merchants", "numbers", "places", "who", "providers"} {
		if k := c.ScopeKey(name); k != nil {
			return k
		}
	}
	return nil
}

// atMost reads a --max without a window: a bound on each use.
func atMost(c *capability.Capability, text string, s *capability.Scope) error {
	l, err := budget.ParseLimit(text)
	if err != nil {
		return usagef("--max: %v", err)
	}
	switch {
	case l.Window != "":
		return nil // a budget
	case l.Unit.Money() && c.ScopeKey("max_amount") != nil:
		s.Max["max_amount"] = l.Amount
		if c.ScopeKey("currencies") != nil {
			s.Allow["currencies"] = []string{strings.ToUpper(string(l.Unit))}
		}
		if c.Name == "owner.approve" { // a ceiling for money is none for what moves no money
			s.Allow["currencies"] = append(s.Allow["currencies"], "XXX")
		}
	case l.Unit == budget.Tokens && c.ScopeKey("max_tokens") != nil:
		s.Max["max_tokens"] = l.Amount
	default:
		return usagef("--max %s: %s has no bound of %s for a single use; give a window, such as %s/day%s", text, c.Name, l.Unit, text, narrowing(c))
	}
	return nil
}

// limits are what the flags say beside the scope.
func (f *limitFlags) limits() (budget.Limits, error) {
	var l budget.Limits
	for _, text := range f.max {
		m, err := budget.ParseLimit(text)
		if err != nil {
			return l, usagef("--max: %v", err)
		}
		if m.Window != "" {
			l.Budgets = append(l.Budgets, budget.Budget{Limit: m.Amount, Unit: m.Unit, Window: m.Window, By: budget.Keys{budget.ByPlugin}})
		}
	}
	if f.askOver != "" {
		m, err := budget.ParseLimit(f.askOver)
		if err != nil || m.Window != "" || !m.Unit.Money() {
			return l, usagef("--ask-over %q: want an amount of money, such as 20usd", f.askOver)
		}
		l.AskOver = &budget.Money{Amount: m.Amount, Unit: m.Unit}
	}
	if f.between != "" {
		h, err := budget.ParseHours(f.between)
		if err != nil {
			return l, usagef("--between: %v", err)
		}
		l.Between = h
	}
	for _, c := range f.onlyWhen {
		l.OnlyWhen = append(l.OnlyWhen, budget.Condition(c))
	}
	return l, nil
}

// narrowing says by what a capability can be narrowed.
func narrowing(c *capability.Capability) string {
	var names []string
	for _, k := range c.Scope {
		names = append(names, k.Name)
	}
	if len(names) == 0 {
		return " (it has no scope)"
	}
	return " (--scope knows " + strings.Join(names, ", ") + ")"
}
