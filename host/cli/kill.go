package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/host/control"
)

func (a *app) killCmd() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "kill [PLUGIN|AGENT]",
		Short: "Stop everything, or one plugin or agent, at once and until you resume it",
		Long: `Stop everything, or one plugin or agent: its processes are dead when this
returns, and it stays stopped, over restarts too, until you resume it.
When an agent and a plugin share a name, say agent:NAME or plugin:NAME.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completePlugins,
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := a.client.Kill(cmd.Context(), optional(args), reason)
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(r)
			}
			a.printKill(r)
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit log")
	return a.jsonFlag(cmd)
}

func optional(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

func (a *app) printKill(r *control.KillReport) {
	facts := []string{fmt.Sprintf("%s in %s", count(int64(r.Cells), "cell", "cells"), micros(r.Micros))}
	if n := len(r.Effects); n > 0 {
		facts = append(facts, fmt.Sprintf("%s cut short (%s)", count(int64(n), "effect", "effects"), effectsText(r.Effects)))
	}
	if r.Turns > 0 {
		facts = append(facts, count(int64(r.Turns), "turn", "turns")+" ended")
	}
	fmt.Fprintf(a.out, "%s %s: %s.\n", a.paint(red, "Stopped"), targetText(r.Target), strings.Join(facts, ", "))
	if r.Target == "all" {
		fmt.Fprintln(a.out, "Nothing runs until: ambit resume")
		return
	}
	fmt.Fprintf(a.out, "It does not run until: ambit resume %s\n", line(r.Target))
}

func effectsText(list []control.EndedEffect) string {
	const most = 3
	var parts []string
	for i, e := range list {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %d more", len(list)-most))
			break
		}
		text := line(e.Capability)
		if e.Status == "unknown" {
			text += ", outcome unknown"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

func (a *app) resumeCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "resume [PLUGIN|AGENT]",
		Short: "Let run again what kill stopped",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := a.client.Resume(cmd.Context(), optional(args))
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(r)
			}
			verb := "Resumed"
			if !r.Was {
				verb = "There was no stop for"
			}
			fmt.Fprintf(a.out, "%s %s.\n", verb, targetText(r.Target))
			for _, h := range r.Halted {
				fmt.Fprintf(a.out, "%s %s\n", a.paint(red, "Still stopped:"), a.haltText(h))
			}
			return nil
		},
	})
}
