package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/host/control"
)

func (a *app) policyExplainCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "explain AUDIT-INDEX|-",
		Short: "Say which rules speak about a request, which do not and why",
		Long: `Say which rules speak about a request, which do not and why: one that the
audit log recorded, by its index, or one in JSON (AuthZEN) from stdin. It is
decided anew, by the policy in force now; nothing is done or recorded.`,
		Example: "  ambit policy explain 1204\n  ambit policy explain - < request.json",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: a.completeRefusals,
		RunE: func(cmd *cobra.Command, args []string) error {
			req := control.PolicyExplainRequest{}
			if args[0] == "-" {
				req.Request = &control.PolicyRequest{}
				if err := a.readJSON("-", req.Request); err != nil {
					return err
				}
			} else {
				n, err := strconv.ParseInt(args[0], 10, 64)
				if err != nil || n < 0 {
					return usagef("%q: want an entry's index, as in ambit audit tail, or - for a request from stdin", args[0])
				}
				req.Index = &n
			}
			x, err := a.client.ExplainPolicy(cmd.Context(), req)
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(x)
			}
			a.printExplanation(x)
			return nil
		},
	})
}

// completeRefusals offers the newest requests that were refused.
func (a *app) completeRefusals(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 || a.begin() != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	page, err := a.client.AuditEntries(ctx, control.AuditQuery{Kind: "refusal", Last: 10})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, e := range page.Entries {
		names = append(names, strconv.FormatInt(e.Index, 10)+"\t"+short(e.Capability+" "+e.Resource, 60))
	}
	return names, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

func (a *app) printExplanation(x *control.PolicyExplanation) {
	if r := x.Recorded; r != nil {
		fmt.Fprintf(a.out, "entry %d, %s: %s %s, then %s by policy %s\nnow ", r.Index, a.ago(r.Time), line(r.Capability), line(r.Resource), line(r.Verdict), line(r.Revision))
	}
	a.printDecision(&x.Decision)
	fmt.Fprintln(a.out, "\nSpoke:")
	for _, r := range x.Spoke {
		a.printRule(r)
	}
	if len(x.Spoke) == 0 {
		fmt.Fprintln(a.out, "  no rule")
	}
	if len(x.Silent) > 0 {
		fmt.Fprintln(a.out, "\nSilent, because this does not hold:")
	}
	for _, r := range x.Silent {
		a.printRule(r)
	}
}

func (a *app) printRule(r control.PolicyRule) {
	fmt.Fprintf(a.out, "  %s  %s\n", a.paint(bold, line(r.Rule)), a.paint(dim, fmt.Sprintf("%s:%d", line(r.File), r.Line)))
	for _, c := range r.Conditions {
		var saw []string
		for _, s := range c.Saw {
			value := s.Value
			if value == "" {
				value = "missing"
			}
			saw = append(saw, line(s.Name)+" is "+line(value))
		}
		text := "    " + line(strings.Join(strings.Fields(c.Text), " "))
		if len(saw) > 0 {
			text += a.paint(dim, "   ("+strings.Join(saw, ", ")+")")
		}
		fmt.Fprintln(a.out, text)
	}
}
