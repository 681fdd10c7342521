package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/host/budget"
	"github.com/ambithost/ambit/host/control"
)

func (a *app) budgetCmd() *cobra.Command {
	list := a.budgetListCmd()
	cmd := group(&cobra.Command{Use: "budget", Aliases: []string{"budgets"}, Short: "What was used of budgets, and what may have been", RunE: list.RunE},
		list, a.budgetResolveCmd())
	return a.jsonFlag(cmd)
}

func (a *app) budgetListCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List what was used, and what may have been",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			accounts, err := a.client.Budgets(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return writeList(a, accounts)
			}
			if len(accounts) == 0 {
				fmt.Fprintln(a.err, "No budget has counted anything.")
				return nil
			}
			t := table{}
			t.head("ACCOUNT", "TODAY", "THIS WEEK", "THIS MONTH", "RESERVED", "UNKNOWN")
			for _, acc := range accounts {
				t.add(acc.Account, acc.Unit.Format(acc.Day), acc.Unit.Format(acc.Week), acc.Unit.Format(acc.Month), amount(acc.Unit, acc.Reserved), unknownText(acc))
			}
			t.print(a.out, a.color)
			a.printUnknown(accounts)
			return nil
		},
	})
}

func amount(u budget.Unit, n int64) string {
	if n == 0 {
		return "–"
	}
	return u.Format(n)
}

func unknownText(acc control.Account) string {
	var n int64
	for _, c := range acc.Unknown {
		n += c.Amount
	}
	return amount(acc.Unit, n)
}

// printUnknown tells what counts though nobody knows whether it happened.
func (a *app) printUnknown(accounts []control.Account) {
	told := map[string]bool{}
	for _, acc := range accounts {
		for _, c := range acc.Unknown {
			if told[c.Effect] {
				continue
			}
			told[c.Effect] = true
			fmt.Fprintf(a.out, "Whether %s was used %s is unknown; it counts until you say: ambit budget resolve %s --spent|--unused\n",
				acc.Unit.Format(c.Amount), a.ago(c.At), line(c.Effect))
		}
	}
}

func (a *app) budgetResolveCmd() *cobra.Command {
	var spent, unused bool
	cmd := &cobra.Command{
		Use:   "resolve EFFECT",
		Short: "Say whether an effect of unknown outcome was spent",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if spent == unused {
				return usagef("say --spent or --unused")
			}
			if err := a.client.ResolveBudget(cmd.Context(), args[0], control.BudgetResolution{Spent: spent}); err != nil {
				return err
			}
			if spent {
				fmt.Fprintf(a.err, "Counted as spent: %s.\n", line(args[0]))
			} else {
				fmt.Fprintf(a.err, "No longer counted: %s.\n", line(args[0]))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&spent, "spent", false, "it happened")
	cmd.Flags().BoolVar(&unused, "unused", false, "it did not happen: what was reserved is free again")
	return cmd
}
