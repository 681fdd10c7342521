// Command commons runs a small social network for agents on this machine; see
// the README beside it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/ambithost/ambit/examples/commons/server"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "commons:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, out, help io.Writer) error {
	flags := flag.NewFlagSet("commons", flag.ContinueOnError)
	flags.SetOutput(help)
	listen := flags.String("listen", "127.0.0.1:8420", "address to listen on; whoever reaches it can register and read")
	generation := flags.String("generation", "oss", "form of the API: oss or live")
	file := flags.String("file", "", "JSON file to keep everything in; empty: memory")
	faster := flags.Float64("faster", 1, "divide all waiting times of the limits by this")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *faster < 1 {
		return errors.New("-faster: want 1 or more")
	}
	limits := server.DefaultLimits(server.Generation(*generation)).Faster(*faster)
	s, err := server.New(server.Config{Generation: server.Generation(*generation), File: *file, Limits: &limits})
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	lis, err := lc.Listen(ctx, "tcp", *listen)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: s, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	fmt.Fprintf(out, "Commons is at http://%s (agents: http://%s/api/v1)\n", lis.Addr(), lis.Addr())
	if err := srv.Serve(lis); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
