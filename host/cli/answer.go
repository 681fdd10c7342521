package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/host/control"
)

// answerFlags are what an answer says beside yes or no.
type answerFlags struct {
	session, grant, turn, yes bool
	reason                    string
}

func (a *app) approvalsApproveCmd() *cobra.Command {
	var f answerFlags
	cmd := &cobra.Command{
		Use:   "approve ID...",
		Short: "Let exactly this happen, once, or for longer",
		Long: `Let exactly this happen, once. With --session also what is like it, in the same
session and until the host ends: the same plugin, power, recipient and reasons,
and no more of it. With --grant for good: the grant, as narrow as the request,
is shown first. Several answers of one word are bound each to its own request.`,
		Example: `  ambit approvals approve 7
  ambit approvals approve 7 8 9
  ambit approvals approve 7 --grant`,
	}
	cmd.Flags().BoolVar(&f.session, "session", false, "also what is like it, in this session")
	cmd.Flags().BoolVar(&f.grant, "grant", false, "also for good, as a grant no wider than this")
	return a.answerCmd(cmd, true, &f)
}

func (a *app) approvalsDenyCmd() *cobra.Command {
	var f answerFlags
	cmd := &cobra.Command{Use: "deny ID...", Aliases: []string{"decline"}, Short: "Refuse it"}
	cmd.Flags().StringVar(&f.reason, "reason", "", "why, told to the agent")
	cmd.Flags().StringVar(&f.reason, "note", "", "the same as --reason")
	_ = cmd.Flags().MarkHidden("note")
	return a.answerCmd(cmd, false, &f)
}

func (a *app) answerCmd(cmd *cobra.Command, approve bool, f *answerFlags) *cobra.Command {
	cmd.Args, cmd.ValidArgsFunction = cobra.MinimumNArgs(1), a.completeApprovals
	cmd.Flags().BoolVar(&f.turn, "turn", false, "all that waits of the same turn, which is shown first")
	cmd.Flags().BoolVarP(&f.yes, "yes", "y", false, "do not ask again")
	cmd.RunE = func(cmd *cobra.Command, ids []string) error {
		list, err := a.meant(cmd.Context(), ids, f)
		if err != nil {
			return err
		}
		if ok, err := a.agreed(list, f); err != nil || !ok {
			return orUnanswered(err)
		}
		answered, err := a.answerAll(cmd.Context(), list, approve, f)
		if err != nil {
			return err
		}
		if a.json {
			return writeList(a, answered)
		}
		for _, ap := range answered {
			fmt.Fprintf(a.err, "%s: %s %s.\n", f.verb(approve), line(ap.Capability), line(ap.Resource))
		}
		return nil
	}
	return a.jsonFlag(cmd)
}

func orUnanswered(err error) error {
	if err != nil {
		return err
	}
	return errors.New("nothing was answered")
}

func (f *answerFlags) verb(approve bool) string {
	switch {
	case !approve:
		return "Denied"
	case f.grant:
		return "Approved, and granted"
	case f.session:
		return "Approved, and for this session"
	}
	return "Approved, once"
}

func (f *answerFlags) lasting() control.Lasting {
	switch {
	case f.grant:
		return control.AsGrant
	case f.session:
		return control.ForSession
	}
	return ""
}

// meant fetches what is to be answered.
func (a *app) meant(ctx context.Context, ids []string, f *answerFlags) ([]control.Approval, error) {
	if f.session && f.grant {
		return nil, usagef("say --session or --grant, not both")
	}
	if f.grant && (len(ids) > 1 || f.turn) {
		return nil, usagef("--grant takes one approval: each grant is shown before it is made")
	}
	var list []control.Approval
	for _, id := range ids {
		ap, err := a.client.Approval(ctx, id)
		if err != nil {
			return nil, err
		}
		list = append(list, *ap)
	}
	if !f.turn {
		return list, nil
	}
	waiting, err := a.client.Approvals(ctx, false)
	if err != nil {
		return nil, err
	}
	for _, ap := range waiting {
		same := func(known control.Approval) bool { return known.ID == ap.ID }
		of := func(known control.Approval) bool { return known.Turn != "" && known.Turn == ap.Turn }
		if slices.ContainsFunc(list, of) && !slices.ContainsFunc(list, same) {
			list = append(list, ap)
		}
	}
	return list, nil
}

// agreed shows what a word would cover that was not named, and asks.
func (a *app) agreed(list []control.Approval, f *answerFlags) (bool, error) {
	switch {
	case f.grant && list[0].Grant == nil:
		return false, usagef("%s", either(list[0].NoGrant, "approval "+list[0].ID+" does not wait any more"))
	case f.grant:
		fmt.Fprintf(a.err, "This grants: %s.\n", a.sentence(*list[0].Grant))
	case f.turn:
		for _, ap := range list {
			a.printApproval(a.err, a.color, &ap)
		}
	default:
		return true, nil
	}
	if f.yes {
		return true, nil
	}
	fmt.Fprint(a.err, "Answer so? [y/N] ")
	return a.confirm()
}

func either(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// answerAll answers what was fetched, and nothing that took its place.
func (a *app) answerAll(ctx context.Context, list []control.Approval, approve bool, f *answerFlags) ([]control.Approval, error) {
	if len(list) == 1 {
		ap := list[0]
		out, err := a.client.AnswerApproval(ctx, ap.ID, control.AnswerRequest{Approve: approve, Digest: ap.Digest, Note: f.reason, Lasting: f.lasting()})
		if err != nil {
			return nil, err
		}
		return []control.Approval{*out}, nil
	}
	req := control.BatchRequest{Approve: approve, Note: f.reason, Lasting: f.lasting()}
	for _, ap := range list {
		req.Answers = append(req.Answers, control.Exact{ID: ap.ID, Digest: ap.Digest})
	}
	return a.client.AnswerApprovals(ctx, req)
}

// byTurn puts what waits of one turn together, in the place of its first, and
// tells the ids of those turns that wait for more than one answer.
func byTurn(list []control.Approval) (sorted []control.Approval, turns [][]string) {
	done := map[string]bool{}
	for _, ap := range list {
		if ap.Turn != "" && done[ap.Turn] {
			continue
		}
		done[ap.Turn] = true
		if ap.Turn == "" {
			sorted = append(sorted, ap)
			continue
		}
		var ids []string
		for _, other := range list {
			if other.Turn != ap.Turn {
				continue
			}
			sorted = append(sorted, other)
			if other.State == control.Pending {
				ids = append(ids, line(other.ID))
			}
		}
		if len(ids) > 1 {
			turns = append(turns, ids)
		}
	}
	return sorted, turns
}

func and(words []string) string {
	n := len(words)
	return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
}
