package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/host/control"
)

func (a *app) sessionsCmd() *cobra.Command {
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "sessions",
		Short: "List conversations, or show one",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := a.client.Sessions(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return writeList(a, list)
			}
			if len(list) == 0 {
				fmt.Fprintln(a.err, "No conversation yet. To begin one: ambit chat")
				return nil
			}
			t := table{}
			t.head("SESSION", "AGENT", "LAST TURN", "TURNS", "SPENT", "HAS READ")
			for _, s := range list {
				last := a.ago(s.LastTurn)
				if s.Busy {
					last = "at work now"
				}
				whose := s.Agent
				if s.Parent != "" {
					whose += ", for " + s.Parent
				}
				t.addStyled(col{text: s.ID, style: bold}, col{text: whose}, col{text: last}, col{text: fmt.Sprint(s.Turns)}, col{text: orDash(spentText(s.Spent))}, col{text: orDash(strings.Join(s.Labels, ", "))})
			}
			t.print(a.out, a.color)
			return nil
		},
	})
	cmd.AddCommand(a.sessionsShowCmd())
	return cmd
}

func (a *app) sessionsShowCmd() *cobra.Command {
	var last int
	var all bool
	cmd := &cobra.Command{
		Use:   "show [SESSION]",
		Short: "What was said and done in a conversation, also while you were away",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			session := "main"
			if len(args) == 1 {
				session = args[0]
			}
			if last < 1 || last > 1000 {
				return usagef("-n %d: want 1 to 1000", last)
			}
			list, err := a.client.SessionEntries(cmd.Context(), session, last)
			if err != nil {
				return err
			}
			if a.json {
				return writeList(a, list)
			}
			for _, e := range list {
				a.printSaid(e, all)
			}
			return nil
		},
		ValidArgsFunction: a.completeSessions,
	}
	cmd.Flags().IntVarP(&last, "lines", "n", 40, "how many entries")
	cmd.Flags().BoolVar(&all, "all", false, "also what only the model was told, and whole results")
	return a.jsonFlag(cmd)
}

// speakers are the kinds of entries as people call them.
var speakers = map[string]string{"owner": "you", "agent": "agent", "quiet": "agent", "notice": "ambit", "summary": "ambit", "wake": "clock", "clock": "clock", "message": "plugin"}

// printSaid prints one entry, with what was called below it.
func (a *app) printSaid(e control.SessionEntry, all bool) {
	if !all && (e.Kind == "clock" || e.Kind == "wake" && e.From == "" || e.Kind == "summary") {
		return
	}
	who := speakers[e.Kind]
	if e.Kind == "contact" {
		who = short(line(strings.TrimPrefix(e.From, "contact ")), 8)
	}
	text := block(e.Text)
	mark := plain
	switch {
	case e.Kind == "result":
		who = "  ←"
		if !all {
			text = short(line(e.Text), 100)
		}
		if mark = dim; e.Failed {
			mark = yellow
		}
	case e.Kind == "quiet":
		text, mark = text+" (kept from you)", dim
	case e.Kind != "owner" && e.Kind != "agent":
		mark = dim
	}
	if e.Images > 0 {
		text = strings.TrimSpace(text + " [" + count(int64(e.Images), "image", "images") + "]")
	}
	at := e.At.Local().Format("2006-01-02 15:04")
	say := func(who, text string, mark style) {
		indent := strings.Repeat(" ", len(at)+12)
		fmt.Fprintf(a.out, "%s  %-8s  %s\n", at, who, a.paint(mark, strings.ReplaceAll(text, "\n", "\n"+indent)))
	}
	if strings.TrimSpace(e.Text) != "" || e.Images > 0 || e.Kind == "result" {
		say(who, text, mark)
	}
	for _, c := range e.Calls {
		say("  →", line(c.Tool)+" "+short(line(string(c.Args)), 100), plain)
	}
}
