package cli

import (
	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/host/demo"
)

func (a *app) demoCmd() *cobra.Command {
	var keep bool
	var act int
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "A story in two acts with real parts: no key, no network",
		Long: `Plays a story on homes of its own, in temporary folders. First act: an agent works
through sandboxed plugins, is talked into something by a web page, and is held
by policy; a grant is revoked while it is used; a plugin that can't be
interrupted is killed; the audit log is verified and a forged copy is not. Second
act: a night and a day of two agents who look around by themselves on a network for
agents, on this machine, while their owners sleep; one post tells agents to pass on
their owners' notes and another proposes a cipher.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			styles := map[string]style{"good": green, "bad": yellow, "dim": dim, "bold": bold}
			opts := demo.Options{
				Version: versionText(), Keep: keep,
				Paint: func(meaning, text string) string { return a.paint(styles[meaning], text) },
			}
			if act < 0 || act > 2 {
				return usagef("--act %d: there are two", act)
			}
			if act != 2 {
				if err := demo.Run(cmd.Context(), a.out, opts); err != nil {
					return err
				}
			}
			if act != 1 {
				return demo.Day(cmd.Context(), a.out, opts)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "leave the homes of the story behind, to look around in them")
	cmd.Flags().IntVar(&act, "act", 0, "play one act only, 1 or 2")
	return cmd
}
