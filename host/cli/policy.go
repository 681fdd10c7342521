package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/host/control"
)

func (a *app) policyCmd() *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "policy",
		Short: "What policy is in force; write, try and change it",
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.client.PolicyStatus(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(p)
			}
			a.printPolicy(p)
			return nil
		},
	}, a.policyCheckCmd(), a.policyTestCmd(), a.policyFmtCmd(), a.policyExplainCmd(), a.policyEvalCmd(),
		a.policyReplayCmd(), a.policyDiffCmd(), a.policySuggestCmd(), a.policyEditCmd())
	return a.jsonFlag(cmd)
}

func (a *app) printPolicy(p *control.PolicyStatus) {
	t := table{}
	t.add("Revision", p.Revision+", loaded "+a.ago(p.Loaded))
	for _, l := range p.Layers {
		t.add("Layer", l.Name+", "+count(int64(l.Files), "file", "files"))
	}
	t.add("Yours", p.Folder)
	t.print(a.out, a.color)
	if p.Error != "" {
		fmt.Fprintf(a.out, "%s %s\nThe set above stays in force until they are right: ambit policy check\n",
			a.paint(red, "Your latest files are not in force:"), block(p.Error))
	}
}

func (a *app) policyCheckCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "check [FOLDER]",
		Short: "Say whether a folder of policies, or yours, could be put in force",
		Args:  cobra.MaximumNArgs(1), ValidArgsFunction: completeFolder,
		RunE: func(cmd *cobra.Command, args []string) error {
			req, err := folderOf(args)
			if err != nil {
				return err
			}
			r, err := a.client.CheckPolicy(cmd.Context(), req)
			if err != nil {
				return err
			}
			if a.json {
				err = a.writeJSON(r)
			} else {
				a.printReport(r)
			}
			if err == nil && !r.OK {
				err = errSilent
			}
			return err
		},
	})
}

func (a *app) printReport(r *control.PolicyReport) {
	if r.OK {
		fmt.Fprintf(a.out, "%s: %s, revision %s\n", a.paint(green, "good"), count(int64(r.Files), "file", "files"), line(r.Revision))
		return
	}
	a.printProblems(r.Problems)
	fmt.Fprintf(a.out, "%s in %s\n", a.paint(red, count(int64(len(r.Problems)), "problem", "problems")), line(r.Folder))
}

// printProblems is one line each: where, what, and below it what to do.
func (a *app) printProblems(problems []control.PolicyProblem) {
	for _, p := range problems {
		place := line(p.File)
		if p.Line > 0 {
			place += fmt.Sprintf(":%d", p.Line)
		}
		if place != "" {
			place += ": "
		}
		fmt.Fprintf(a.out, "%s%s\n", place, line(p.Message))
		if p.Advice != "" {
			fmt.Fprintf(a.out, "    %s\n", line(p.Advice))
		}
	}
}

// maxRequest caps a request read from a file or stdin, in bytes.
const maxRequest = 1 << 20

func (a *app) policyEvalCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "eval [FILE|-]",
		Short: "Decide a made-up request (AuthZEN, JSON) from a file or stdin; nothing is done",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var req control.PolicyRequest
			if err := a.readJSON(optional(args), &req); err != nil {
				return err
			}
			d, err := a.client.EvalPolicy(cmd.Context(), req)
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(d)
			}
			a.printDecision(d)
			return nil
		},
	})
}

// readJSON reads one value from a file, or from stdin for "" and "-".
func (a *app) readJSON(name string, into any) error {
	var r io.Reader = a.in
	if name != "" && name != "-" {
		f, err := os.Open(name) //nolint:gosec // the owner names it
		if err != nil {
			return err
		}
		defer f.Close()
		r = f
	}
	d := json.NewDecoder(io.LimitReader(r, maxRequest))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return usagef("request: want one JSON object of at most %s: %v", bytesText(maxRequest), err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return usagef("request: more than one JSON value")
	}
	return nil
}

func (a *app) printDecision(d *control.Decision) {
	styles := map[string]style{"allow": green, "ask": yellow, "deny": red}
	fmt.Fprintf(a.out, "%s   policy %s\n", a.paint(styles[string(d.Verdict)], line(string(d.Verdict))), line(d.Revision))
	for _, r := range d.Reasons {
		fmt.Fprintf(a.out, "  %s  %s\n", line(r.Rule), line(r.Message))
		if r.Change != "" {
			fmt.Fprintf(a.out, "    to change it: %s\n", line(r.Change))
		}
	}
	for _, o := range d.Obligations {
		params, err := json.Marshal(o.Params)
		if err != nil || len(o.Params) == 0 {
			params = nil
		}
		fmt.Fprintf(a.out, "  must: %s %s\n", line(o.Type), line(string(params)))
	}
}
