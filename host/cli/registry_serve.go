package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/registry/server"
)

func (a *app) registryServeCmd() *cobra.Command {
	var listen, dir string
	cmd := &cobra.Command{
		Use:   "serve --dir DIR",
		Short: "Serve a registry for plugins",
		Long: `Serve a registry for plugins from a folder, until it is interrupted. It takes
plugins that are signed: the first key that signs in a namespace has it. A
published version stays what it is. It speaks http and asks for no password: to
serve others, put a proxy with TLS and accounts before it (docs/registry-server.md).`,
		Example: "  ambit registry serve --dir ./registry\n  ambit plugin publish ./weather 127.0.0.1:5000/acme/weather:1.2.0",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				return usagef("say where the registry is kept: --dir DIR")
			}
			return a.serveRegistry(cmd.Context(), listen, dir)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:5000", "address and port to listen on")
	cmd.Flags().StringVar(&dir, "dir", "", "the registry's folder; made if there is none")
	return cmd
}

// transferTime is the longest that one request may take, a module's upload included.
const transferTime = 10 * time.Minute

func (a *app) serveRegistry(ctx context.Context, listen, dir string) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	s, err := server.Open(dir, time.Now)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	web := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: transferTime, WriteTimeout: transferTime, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10}
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(l) }()
	fmt.Fprintf(a.err, "Serving plugins on http://%s from %s.\n", l.Addr(), line(dir))
	select {
	case err = <-ended:
	case <-ctx.Done():
		calm, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if err = web.Shutdown(calm); err != nil {
			err = errors.Join(err, web.Close())
		}
		if e := <-ended; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
	}
	if err = errors.Join(err, s.Close()); err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	return nil
}
