package cli

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/sdk/protocol"
)

func (a *app) callCmd() *cobra.Command {
	var args string
	cmd := &cobra.Command{
		Use:               "call PLUGIN/TOOL",
		Short:             "Call a tool yourself, through the gate",
		Example:           `  ambit call web/fetch --args '{"url": "https://example.org"}'`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeTools,
		RunE: func(cmd *cobra.Command, names []string) error {
			input, err := a.callArgs(args)
			if err != nil {
				return err
			}
			var r *control.CallResult
			err = a.during("waiting (if policy asks you: ambit approvals)", func() (err error) {
				r, err = a.client.Call(cmd.Context(), control.CallRequest{Tool: names[0], Args: input})
				return err
			})
			if err != nil {
				return err
			}
			if a.json {
				err = a.writeJSON(r)
			} else {
				fmt.Fprintln(a.out, block(r.Text))
			}
			if err == nil && r.IsError {
				err = fmt.Errorf("%s says that it failed", line(names[0]))
			}
			return err
		},
	}
	cmd.Flags().StringVar(&args, "args", "{}", "the tool's arguments, a JSON object; - reads them from stdin")
	return a.jsonFlag(cmd)
}

func (a *app) callArgs(s string) (json.RawMessage, error) {
	b := []byte(s)
	if s == "-" {
		var err error
		if b, err = io.ReadAll(io.LimitReader(a.in, protocol.MaxArgs+1)); err != nil {
			return nil, err
		}
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(b, &object); err != nil || object == nil {
		return nil, usagef("--args: want a JSON object: %v", err)
	}
	return b, nil
}
