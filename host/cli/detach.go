package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/host/control"
)

const (
	startTimeout = 60 * time.Second // a first start compiles plugins
	stopTimeout  = 30 * time.Second
	pollEvery    = 20 * time.Millisecond
)

// upDetached starts `ambit up` in the background and waits until it answers.
func (a *app) upDetached(ctx context.Context) error {
	if s, err := a.client.Status(ctx); err == nil {
		fmt.Fprintf(a.err, "Ambit already runs on %s (process %d).\n", line(a.home), s.PID)
		return nil
	} else if !errors.Is(err, control.ErrNotRunning) {
		return err
	}
	pid, err := a.startHost(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.err, "Ambit is running on %s (process %d). It stops with: ambit down\n", line(a.home), pid)
	return nil
}

// ensureHost starts a host when none runs.
func (a *app) ensureHost(ctx context.Context) error {
	if _, err := a.client.Status(ctx); !errors.Is(err, control.ErrNotRunning) {
		return err
	}
	pid, err := a.startHost(ctx)
	if err == nil {
		fmt.Fprintf(a.err, "Started Ambit in the background (process %d). It stops with: ambit down\n", pid)
	}
	return err
}

// startHost returns when the new host answers, or says why it never will.
func (a *app) startHost(ctx context.Context) (pid int, err error) {
	exe, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("this program's own file: %w", err)
	}
	if err := os.MkdirAll(a.home, 0o700); err != nil {
		return 0, fmt.Errorf("home: %w", err)
	}
	logName := filepath.Join(a.home, "host.log")
	log, err := os.OpenFile(logName, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600) //nolint:gosec // the owner's own home
	if err != nil {
		return 0, fmt.Errorf("log: %w", err)
	}
	defer log.Close()
	start, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, fmt.Errorf("log: %w", err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	p, err := os.StartProcess(exe, []string{os.Args[0], "up", "--home", a.home}, &os.ProcAttr{
		Dir: a.home, Files: []*os.File{null, log, log}, Sys: ownSession(),
	})
	if err != nil {
		return 0, fmt.Errorf("start the host: %w", err)
	}
	err = a.during("starting the host", func() error { return a.awaitHost(ctx, p) })
	if err != nil {
		tail, _ := io.ReadAll(io.NewSectionReader(log, start, 16<<10))
		return 0, fmt.Errorf("%w:\n%s\nIts log: %s", err, block(string(bytes.TrimSpace(tail))), logName)
	}
	return p.Pid, nil
}

func (a *app) awaitHost(ctx context.Context, p *os.Process) error {
	ended := make(chan *os.ProcessState, 1)
	// It ends with the process, which may well outlive us; then so does it not.
	go func() {
		state, _ := p.Wait()
		ended <- state
	}()
	late := time.NewTimer(startTimeout)
	defer late.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case state := <-ended:
			return fmt.Errorf("the host did not start (%v)", state)
		case <-late.C:
			return fmt.Errorf("the host (process %d) does not answer after %s", p.Pid, span(startTimeout))
		case <-tick.C:
			if _, err := a.client.Status(ctx); err == nil {
				return nil
			}
		}
	}
}

func (a *app) downCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "End the host; it keeps its state, and what was killed stays killed",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), stopTimeout)
			defer cancel()
			if err := a.client.Shutdown(ctx); err != nil {
				return err
			}
			if err := a.during("ending the host", func() error { return a.awaitEnd(ctx) }); err != nil {
				return err
			}
			fmt.Fprintln(a.err, "The host has ended.")
			return nil
		},
	}
}

// awaitEnd waits for the home's lock: it is the last thing a host lets go.
func (a *app) awaitEnd(ctx context.Context) error {
	for {
		lock, err := control.Lock(a.home)
		if err == nil {
			return lock.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the host has not ended within %s: %w", span(stopTimeout), err)
		case <-time.After(pollEvery):
		}
	}
}
