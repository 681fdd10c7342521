package cli

import (
	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/host/demo"
)

func (a *app) demoCmd() *cobra.Command {
	var keep bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "A short story with real parts: no key, no network, under a minute",
		Long: `Plays a short story on a home of its own, in a temporary folder: an agent works
through sandboxed plugins, is talked into something by a web page, and is held
by policy; a grant is revoked while it is used; a plugin that can't be
interrupted is killed; the audit log is verified and a forged copy is not.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			styles := map[string]style{"good": green, "bad": yellow, "dim": dim, "bold": bold}
			return demo.Run(cmd.Context(), a.out, demo.Options{
				Version: versionText(), Keep: keep,
				Paint: func(meaning, text string) string { return a.paint(styles[meaning], text) },
			})
		},
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "leave the demo's home behind, to look around in it")
	return cmd
}
