package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "ambit",
		Short: "AI agents whose every act passes a gate",
		Long: `Ambit runs AI agents whose every act passes a gate: what is installed can be
inspected, limited, audited and taken back while it runs.

Begin with:   ambit demo     a story with real parts: no key, no network
              ambit init     set up a model, settings, a first policy
              ambit chat     talk to your agent; starts the host when none runs
Stop all:     ambit kill

Exit codes:   0 done, 1 failed, 2 wrong usage, 3 denied, 4 stopped by kill
State:        AMBIT_HOME, or ambit in your data folder`,
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
		PersistentPreRunE:          func(*cobra.Command, []string) error { return a.begin() },
	}
	root.PersistentFlags().StringVar(&a.homeFlag, "home", "", "folder that holds all state (AMBIT_HOME)")
	root.AddGroup(
		&cobra.Group{ID: "run", Title: "Run and talk:"},
		&cobra.Group{ID: "plugins", Title: "Plugins and what they may do:"},
		&cobra.Group{ID: "watch", Title: "Watch and stop:"})
	in := func(group string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	in("run", a.initCmd(), a.upCmd(), a.downCmd(), a.chatCmd(), a.sessionsCmd(), a.memoryCmd(), a.scheduleCmd(), a.skillCmd(), a.callCmd(), a.demoCmd(), a.serviceCmd())
	in("plugins", a.pluginCmd(), a.registryCmd(), a.keyCmd(), a.grantCmd(), a.revokeCmd(), a.grantsCmd(), a.budgetCmd(), a.secretCmd(), a.channelCmd(), a.policyCmd())
	in("watch", a.statusCmd(), a.topCmd(), a.doctorCmd(), a.approvalsCmd(), a.auditCmd(), a.killCmd(), a.resumeCmd())
	root.AddCommand(a.versionCmd())
	return root
}

// group makes a command of commands. What it does without one is up to it; with
// an unknown one it says so, where cobra would show its help as if all was well.
func group(cmd *cobra.Command, subs ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(subs...)
	cmd.SuggestionsMinimumDistance = 2
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		text := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			text += "\n\nDid you mean this?\n\t" + strings.Join(near, "\n\t")
		}
		return usagef("%s", text)
	}
	if cmd.RunE == nil {
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	return cmd
}
