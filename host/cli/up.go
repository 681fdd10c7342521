package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/host"
	"github.com/ambithost/ambit/host/cell"
)

func runCell() int { return cell.Main() }

func (a *app) upCmd() *cobra.Command {
	var detach, quiet, verbose bool
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run the host, here until Ctrl-C, or with --detach in the background",
		Long: `Run the host of this home. Its log goes to stderr, or with --detach to
host.log in the home. A host that was stopped with kill comes back stopped
until you resume it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if detach {
				return a.upDetached(cmd.Context())
			}
			level := hclog.Info
			switch {
			case verbose:
				level = hclog.Debug
			case quiet:
				level = hclog.Warn
			}
			return a.upHere(cmd.Context(), level)
		},
	}
	cmd.Flags().BoolVarP(&detach, "detach", "d", false, "run in the background and return when it is ready")
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "log warnings and errors only")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "log everything")
	cmd.MarkFlagsMutuallyExclusive("quiet", "verbose", "detach")
	return cmd
}

// upHere is the host until ctx ends.
func (a *app) upHere(ctx context.Context, level hclog.Level) error {
	log := hclog.New(&hclog.LoggerOptions{Name: "ambit", Level: level, Output: &cleanWriter{w: a.err}})
	h, err := host.Open(ctx, host.Config{Home: a.home, Version: versionText(), Logger: log})
	if err != nil {
		return err
	}
	fmt.Fprintf(a.err, "Ambit is running on %s. Talk to it with: ambit chat. It stops with Ctrl-C.\n", line(a.home))
	return errors.Join(h.Serve(ctx), h.Close())
}
