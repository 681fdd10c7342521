package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/host/control"
)

func (a *app) grantCmd() *cobra.Command {
	var scope, until, agent string
	var limits limitFlags
	cmd := &cobra.Command{
		Use:   "grant PLUGIN CAPABILITY",
		Short: "Let a plugin use a capability it asks for",
		Long: `Let a plugin use a capability that its manifest asks for: within the scope it
asks for, or a narrower one. A new grant takes the place of the old one; what was
used of its budgets goes on counting. What can't be undone is asked about
unless your own words called for it, or --ask-over says from where.`,
		Example: `  ambit grant weather http.request
  ambit grant bank card.charge --max 50usd/day --ask-over 20usd --between 09:00-21:00
  ambit grant phone call.place --to +82 --max 3/day --only-when owner-present
  ambit grant notes file.write --agent research
  ambit grant mail mail.send --scope '{"to": ["ann@example.org"]}' --until 7d`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.completeGranted,
		RunE: func(cmd *cobra.Command, args []string) error {
			req := control.GrantRequest{Plugin: args[0], Capability: args[1], Agent: agent}
			var err error
			if scope != "" {
				if req.Scope, err = parseScope(scope); err != nil {
					return err
				}
			}
			if err := limits.apply(cmd.Context(), a, &req); err != nil {
				return err
			}
			if req.Expires, err = parseUntil(until, a.now()); err != nil {
				return err
			}
			g, err := a.client.Grant(cmd.Context(), req)
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(g)
			}
			fmt.Fprintf(a.err, "Granted: %s.\n", a.sentence(*g))
			return nil
		},
	}
	cmd.Flags().StringVar(&agent, "agent", "", "for this agent alone; what was granted for all ends")
	_ = cmd.RegisterFlagCompletionFunc("agent", a.completeAgents)
	cmd.Flags().StringVar(&scope, "scope", "", "narrow it: a JSON object of lists and integers")
	limits.add(cmd)
	cmd.Flags().StringVar(&until, "until", "", "when it ends: 30m, 12h, 7d, 2w, a date or a time (RFC 3339)")
	return a.jsonFlag(cmd)
}

// parseUntil reads a length of time from now, a date (its beginning, here), or
// a time. Empty is never.
func parseUntil(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, ok := untilTime(s, now)
	if !ok {
		return t, usagef("--until %q: want a length of time (30m, 12h, 7d, 2w), a date (2027-01-31) or a time (RFC 3339)", s)
	}
	if !t.After(now) {
		return t, usagef("--until %q is in the past", s)
	}
	return t.UTC(), nil
}

func untilTime(s string, now time.Time) (time.Time, bool) {
	for unit, days := range map[string]int{"d": 1, "w": 7} {
		if n, err := strconv.Atoi(strings.TrimSuffix(s, unit)); err == nil && strings.HasSuffix(s, unit) && n < 100_000 {
			return now.AddDate(0, 0, n*days), true
		}
	}
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(d), true
	}
	if t, err := time.ParseInLocation(time.DateOnly, s, now.Location()); err == nil {
		return t, true
	}
	t, err := time.Parse(time.RFC3339, s)
	return t, err == nil
}

func (a *app) revokeCmd() *cobra.Command {
	var agent string
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "revoke PLUGIN [CAPABILITY]",
		Short: "Take back one grant of a plugin, or all; what is in flight is cancelled",
		Args:  cobra.RangeArgs(1, 2),

		ValidArgsFunction: a.completeGranted,
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := a.client.Revoke(cmd.Context(), control.RevokeRequest{Plugin: args[0], Capability: optional(args[1:]), Agent: agent})
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(r)
			}
			for _, g := range r.Grants {
				fmt.Fprintf(a.out, "Revoked %s → %s.\n", line(g.Plugin), line(g.Capability))
			}
			if r.Cancelled > 0 {
				fmt.Fprintf(a.out, "In flight: %d cancelled.\n", r.Cancelled)
			}
			return nil
		},
	})
	cmd.Flags().StringVar(&agent, "agent", "", "only what is granted for this agent alone")
	_ = cmd.RegisterFlagCompletionFunc("agent", a.completeAgents)
	return cmd
}

func (a *app) grantsCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:               "grants [PLUGIN]",
		Short:             "Tell the grants in force, one sentence each",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completePlugins,
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := a.client.Grants(cmd.Context(), optional(args))
			if err != nil {
				return err
			}
			if a.json {
				return writeList(a, list)
			}
			if len(list) == 0 {
				fmt.Fprintln(a.err, "No grant is in force.")
				return nil
			}
			for _, g := range list {
				fmt.Fprintln(a.out, a.sentence(g)+".")
			}
			return nil
		},
	})
}

// parseSince reads a length of time back from now, a date or a time.
func (a *app) parseSince(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	now := a.now()
	t, ok := untilTime(s, now)
	if !ok {
		return t, usagef("--since %q: want a length of time (30m, 24h, 7d), a date (2027-01-31) or a time (RFC 3339)", s)
	}
	if t.After(now) { // a length of time
		t = now.Add(-t.Sub(now))
	}
	return t.UTC(), nil
}
