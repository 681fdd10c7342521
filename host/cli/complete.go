package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// completeTimeout keeps the Tab key quick.
const completeTimeout = time.Second

// completePlugins offers the names of installed plugins for the first argument.
func (a *app) completePlugins(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 || a.begin() != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	plugins, err := a.client.Plugins(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, p := range plugins {
		names = append(names, line(p.Name)+"\t"+short(p.Description, 60))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeGranted offers a plugin, then the capabilities it asks for.
func (a *app) completeGranted(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) != 1 {
		return a.completePlugins(cmd, args, word)
	}
	if a.begin() != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	p, err := a.client.Plugin(ctx, args[0])
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, r := range p.Requires {
		names = append(names, line(r.Capability)+"\t"+short(r.Reason, 60))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeAgents offers the agents.
func (a *app) completeAgents(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	if a.begin() != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	st, err := a.client.Status(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, g := range st.Agents {
		names = append(names, line(g.Name))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeSessions offers conversations for the first argument.
func (a *app) completeSessions(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 || a.begin() != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	list, err := a.client.Sessions(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, s := range list {
		names = append(names, line(s.ID)+"\t"+s.Agent+", "+a.ago(s.LastTurn))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeTools offers plugin/tool.
func (a *app) completeTools(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	plugins, _ := a.completePlugins(cmd, args, "")
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	var names []string
	for _, entry := range plugins {
		name, _, _ := strings.Cut(entry, "\t")
		p, err := a.client.Plugin(ctx, name)
		if err != nil {
			continue
		}
		for _, t := range p.Tools {
			names = append(names, name+"/"+line(t.Name)+"\t"+short(t.Description, 60))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
