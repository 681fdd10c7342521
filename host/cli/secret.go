package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ambithost/ambit/host/control"
)

func (a *app) secretCmd() *cobra.Command {
	return group(&cobra.Command{
		Use:     "secret",
		Aliases: []string{"secrets"},
		Short:   "Keys that the host puts into requests; plugins never see them",
	}, a.secretSetCmd(), a.secretListCmd(), a.secretRemoveCmd())
}

func (a *app) secretSetCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "set NAME",
		Short:   "Store a secret, read from a prompt or from stdin",
		Long:    "Store a secret. Its value is asked for without showing it, or read from stdin;\nit is never an argument, where other users could see it.",
		Example: "  ambit secret set OPENAI_KEY\n  pass show openai | ambit secret set OPENAI_KEY",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				return usagef("the value is not an argument: other users of this machine could see it. Leave it out, and you are asked for it")
			}
			return cobra.ExactArgs(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			value, err := a.readSecret(args[0])
			if err != nil {
				return err
			}
			defer clear(value)
			if err := a.client.SetSecret(cmd.Context(), args[0], value); err != nil {
				return err
			}
			fmt.Fprintf(a.err, "Stored %s.\n", line(args[0]))
			return nil
		},
	}
}

// readSecret reads a value without showing it. Of piped input one line break at
// the end is not part of it.
func (a *app) readSecret(name string) ([]byte, error) {
	if a.inTTY {
		return a.typeSecret("Value of " + line(name))
	}
	value, err := io.ReadAll(io.LimitReader(a.in, control.MaxSecret+2))
	if err != nil {
		return nil, err
	}
	value = bytes.TrimSuffix(bytes.TrimSuffix(value, []byte("\n")), []byte("\r"))
	if len(value) == 0 {
		return nil, usagef("stdin holds no value")
	}
	return value, nil
}

// typeSecret silences the terminal before it prompts: what is typed at once
// after the prompt must not show either.
func (a *app) typeSecret(what string) ([]byte, error) {
	fd := int(os.Stdin.Fd()) //nolint:gosec // a descriptor fits
	state, err := term.MakeRaw(fd)
	if err != nil {
		return nil, fmt.Errorf("terminal: %w", err)
	}
	defer func() { _ = term.Restore(fd, state) }()
	screen := struct {
		io.Reader
		io.Writer
	}{a.in, a.err}
	value, err := term.NewTerminal(screen, "").ReadPassword(what + " (it is not shown): ")
	switch {
	case errors.Is(err, io.EOF): // Ctrl-C and Ctrl-D
		return nil, usagef("there was no value; nothing was stored")
	case err != nil:
		return nil, err
	case value == "":
		return nil, usagef("the value is empty; nothing was stored")
	}
	return []byte(value), nil
}

func (a *app) secretListCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List secrets by name, and who may use them",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := a.client.Secrets(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return writeList(a, list)
			}
			if len(list) == 0 {
				fmt.Fprintln(a.err, "No secret is stored.")
				return nil
			}
			t := table{}
			t.head("NAME", "KEPT IN", "USED BY")
			for _, s := range list {
				t.add(s.Name, s.Store, orDash(strings.Join(s.UsedBy, ", ")))
			}
			t.print(a.out, a.color)
			return nil
		},
	})
}

func (a *app) secretRemoveCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "remove NAME",
		Aliases: []string{"rm"},
		Short:   "Forget a secret",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.client.RemoveSecret(cmd.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintf(a.err, "Removed %s.\n", line(args[0]))
			return nil
		},
	}
}
