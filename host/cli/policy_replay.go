package cli

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/host/control"
)

// sinceHelp is the same wherever recorded requests are looked at.
const sinceHelp = "only what was recorded from then on: 30m, 24h, 7d ago, a date or a time"

func (a *app) policyReplayCmd() *cobra.Command {
	var since string
	cmd := &cobra.Command{
		Use:   "replay FOLDER",
		Short: "Decide recorded requests again by a proposed folder, and show what would change",
		Long: `Decide the requests that the audit log recorded again, by what is in force and
by a folder in the place of yours, and show what would change: newly denied,
newly asked, newly allowed. Nothing is done and nothing put in force. Budgets and
approvals are not replayed.`,
		Example: "  ambit policy replay --since 7d ./proposed",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: completeFolder,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.policyReplay(cmd, since, "", args[0])
		},
	}
	cmd.Flags().StringVar(&since, "since", "7d", sinceHelp)
	return a.jsonFlag(cmd)
}

var revisionName = regexp.MustCompile(`^[0-9a-f]{12}$`)

func (a *app) policyDiffCmd() *cobra.Command {
	var since string
	cmd := &cobra.Command{
		Use:   "diff REVISION|FOLDER FOLDER",
		Short: "Compare two policies by what they decide about recorded requests",
		Long: `Compare two policies by what they decide about the requests that the audit log
recorded. A REVISION is one that was in force (ambit audit tail --kind policy);
the files of the newest hundred are kept. Base and library are today's for both.`,
		Args: cobra.ExactArgs(2),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			against := args[0]
			if !revisionName.MatchString(against) {
				if against, err = filepath.Abs(against); err != nil {
					return err
				}
			}
			return a.policyReplay(cmd, since, against, args[1])
		},
	}
	cmd.Flags().StringVar(&since, "since", "7d", sinceHelp)
	return a.jsonFlag(cmd)
}

func (a *app) policyReplay(cmd *cobra.Command, since, against, folder string) error {
	req := control.PolicyReplayRequest{Against: against}
	var err error
	if req.Since, err = a.parseSince(since); err != nil {
		return err
	}
	if req.Folder, err = filepath.Abs(folder); err != nil {
		return err
	}
	var r *control.PolicyReplay
	err = a.during("deciding again", func() (err error) { r, err = a.client.ReplayPolicy(cmd.Context(), req); return err })
	if err != nil {
		return err
	}
	if a.json {
		return a.writeJSON(r)
	}
	a.printReplay(r)
	return nil
}

func (a *app) printReplay(r *control.PolicyReplay) {
	for _, group := range []struct {
		verdict, words string
		n              int
		style          style
	}{{"deny", "newly denied", r.Denied, red}, {"ask", "newly asked", r.Asked, yellow}, {"allow", "newly allowed", r.Allowed, green}} {
		if group.n == 0 {
			continue
		}
		fmt.Fprintf(a.out, "%s: %s\n", a.paint(group.style, group.words), thousands(int64(group.n)))
		for _, c := range r.Changes {
			if string(c.Becomes) == group.verdict {
				a.printChange(c)
			}
		}
	}
	same := r.Requests - r.Denied - r.Asked - r.Allowed
	fmt.Fprintf(a.out, "%s decided again, %s as before; policy %s → %s\n", count(int64(r.Requests), "request", "requests"), thousands(int64(same)), line(r.From), line(r.To))
	if r.Skipped > 0 {
		fmt.Fprintf(a.err, "%s left out: refused before policy was asked, or no longer kept.\n", count(int64(r.Skipped), "record", "records"))
	}
}

func (a *app) printChange(c control.PolicyChange) {
	why := ""
	if len(c.Reasons) > 0 {
		why = "   " + line(c.Reasons[0].Rule) + ": " + line(c.Reasons[0].Message)
	}
	fmt.Fprintf(a.out, "%6d  %s  %s %s, was %s%s\n", c.Entry.Index, c.Entry.Time.Local().Format("2006-01-02 15:04"), line(c.Entry.Capability),
		short(c.Entry.Resource, 40), line(string(c.Was)), a.paint(dim, why))
}

func (a *app) policySuggestCmd() *cobra.Command {
	var since string
	cmd := &cobra.Command{
		Use:   "suggest",
		Short: "Print the narrowest grants under which what was let through would have passed",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			req := control.PolicyReplayRequest{}
			var err error
			if req.Since, err = a.parseSince(since); err != nil {
				return err
			}
			list, err := a.client.SuggestGrants(cmd.Context(), req)
			if err != nil {
				return err
			}
			if a.json {
				return writeList(a, list)
			}
			for _, s := range list {
				text, err := grantCommand(s)
				if err != nil {
					return err
				}
				fmt.Fprintf(a.out, "%s   %s\n", text, a.paint(dim, "# "+count(int64(s.Uses), "use", "uses")))
			}
			if len(list) == 0 {
				fmt.Fprintln(a.err, "Nothing was let through in that time.")
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&since, "since", "7d", sinceHelp)
	return a.jsonFlag(cmd)
}

// grantCommand is a line to paste into a shell. Its words may come from
// requests: nothing in them may end the quotes or hide from the reader.
func grantCommand(s control.Suggestion) (string, error) {
	b, err := json.Marshal(s.Scope)
	if err != nil {
		return "", err
	}
	text := "ambit grant " + quoteWord(s.Plugin) + " " + quoteWord(s.Capability)
	if string(b) != "{}" {
		text += " --scope " + quoteWord(string(escapeJSON(b)))
	}
	return text, nil
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9._/:-]+$`)

// quoteWord quotes for a POSIX shell.
func quoteWord(s string) string {
	if s = line(s); plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
