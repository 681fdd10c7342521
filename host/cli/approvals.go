package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/sdk/capability"
)

func (a *app) approvalsCmd() *cobra.Command {
	list := a.approvalsListCmd()
	cmd := group(&cobra.Command{
		Use:     "approvals",
		Aliases: []string{"approval"},
		Short:   "What waits for your word: list, approve, deny",
		RunE:    list.RunE,
	}, list, a.approvalsShowCmd(), a.approvalsApproveCmd(), a.approvalsDenyCmd())
	return a.jsonFlag(cmd)
}

func (a *app) approvalsListCmd() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List what waits for your word",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := a.client.Approvals(cmd.Context(), all)
			if err != nil {
				return err
			}
			if a.json {
				return writeList(a, list)
			}
			if len(list) == 0 {
				fmt.Fprintln(a.err, "Nothing waits for you.")
				return nil
			}
			list, turns := byTurn(list)
			t := table{}
			t.head("ID", "WHO", "WANTS TO", "WITH", "STATE")
			for _, ap := range list {
				t.addStyled(col{text: ap.ID, style: bold}, col{text: ap.Actor}, col{text: ap.Capability, style: riskStyle(ap.Risk)},
					col{text: short(ap.Resource, 60)}, col{text: a.approvalState(&ap)})
			}
			t.print(a.out, a.color)
			for _, ids := range turns {
				fmt.Fprintf(a.out, "%s belong to one turn; one answer may cover them: ambit approvals approve %s\n", and(ids), strings.Join(ids, " "))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also those of the last day that are answered or expired")
	return a.jsonFlag(cmd)
}

func (a *app) approvalState(ap *control.Approval) string {
	if ap.State == control.Pending {
		return "expires " + a.ago(ap.Expires)
	}
	text := string(ap.State)
	if ap.By != "" && ap.By != "owner" {
		text += " by " + line(ap.By)
	}
	return text
}

func (a *app) approvalsShowCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:               "show ID",
		Short:             "Show what exactly is asked, and why",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeApprovals,
		RunE: func(cmd *cobra.Command, args []string) error {
			ap, err := a.client.Approval(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(ap)
			}
			a.printApproval(a.out, a.color, ap)
			if ap.State == control.Pending {
				fmt.Fprintf(a.out, "ambit approvals approve %[1]s · ambit approvals deny %[1]s\n", line(ap.ID))
			}
			return nil
		},
	})
}

// printApproval tells a question in full: what is hidden here is approved blindly.
func (a *app) printApproval(w io.Writer, color bool, ap *control.Approval) {
	fmt.Fprintf(w, "%s wants to %s   %s   %s\n", line(strings.TrimPrefix(ap.Actor, "agent:")),
		paint(color, riskStyle(ap.Risk), line(capability.Phrase(ap.Capability))), paint(color, bold, line(ap.Resource)), a.approvalState(ap))
	t := table{}
	if ap.Tool != "" {
		t.add("with", ap.Tool)
	}
	if ap.Parent != "" {
		t.add("on behalf of", "a sub-agent of session "+ap.Parent)
	}
	for _, r := range ap.Reasons {
		t.add("why it asks", r.Message+" ("+r.Rule+")")
	}
	if ap.Said != "" {
		t.add("what you said", `"`+ap.Said+`"`)
	}
	if len(ap.Labels) > 0 {
		t.add("it has read", strings.Join(ap.Labels, ", ")+" text")
	}
	if len(ap.Args) > 0 {
		t.add("exactly", string(ap.Args))
	}
	if ap.Grant != nil {
		t.add("as a grant", a.sentence(*ap.Grant))
	}
	t.print(w, color)
}

// answerApproval answers what was fetched, and nothing that took its place.
func (a *app) answerApproval(ctx context.Context, ap *control.Approval, approve bool, note string) (*control.Approval, error) {
	return a.client.AnswerApproval(ctx, ap.ID, control.AnswerRequest{Approve: approve, Digest: ap.Digest, Note: note})
}

func (a *app) completeApprovals(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if a.begin() != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	list, err := a.client.Approvals(ctx, false)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var ids []string
	for _, ap := range list {
		if slices.Contains(args, ap.ID) {
			continue
		}
		ids = append(ids, line(ap.ID)+"\t"+short(ap.Capability+" "+ap.Resource, 60))
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}
