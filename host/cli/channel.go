package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/host/control"
)

func (a *app) channelCmd() *cobra.Command {
	list := a.channelListCmd()
	cmd := group(&cobra.Command{
		Use:     "channel",
		Aliases: []string{"channels"},
		Short:   "Who may write to your agent, and over what",
		RunE:    list.RunE,
	}, list, a.channelPairCmd(), a.channelForgetCmd())
	return a.jsonFlag(cmd)
}

func (a *app) channelListCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the channels and who writes over them",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := a.client.Channels(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return writeList(a, list)
			}
			if len(list) == 0 {
				fmt.Fprintln(a.err, "No channel is installed: ambit plugin install telegram")
				return nil
			}
			a.printChannels(list)
			return nil
		},
	})
}

func (a *app) printChannels(list []control.Channel) {
	t := table{}
	t.head("CHANNEL", "WHO", "IS", "TALKS WITH", "SINCE")
	for _, c := range list {
		if len(c.People) == 0 {
			t.add(c.Plugin, "-", "nobody has written yet", "", "")
		}
		for _, p := range c.People {
			t.add(c.Plugin, personText(p), roleText(a, p), p.Agent, a.ago(p.Since))
		}
	}
	t.print(a.out, a.color)
	for _, c := range list {
		if c.Trouble != "" {
			fmt.Fprintf(a.out, "%s %s\n", a.paint(yellow, "Note:"), line(c.Trouble))
		}
	}
}

func personText(p control.Person) string {
	if p.Name == "" {
		return p.ID
	}
	return p.Name + " (" + p.ID + ")"
}

func roleText(a *app, p control.Person) string {
	switch p.Role {
	case "owner":
		return "you"
	case "contact":
		return "contact " + p.Alias
	}
	return "a stranger with a code, expires " + a.ago(p.Expires)
}

func (a *app) channelPairCmd() *cobra.Command {
	var contact, agent string
	var owner bool
	cmd := &cobra.Command{
		Use:   "pair CODE",
		Short: "Let in whoever was given this code",
		Long: "Let in whoever was given this code. Who writes to your agent for the first time\n" +
			"gets one. Say who it is: yourself (--owner), whose words then count as yours, or\n" +
			"somebody else (--contact NAME), who may talk with the agent and give it no orders.",
		Example: "  ambit channel pair K7QM2XPA --owner\n  ambit channel pair K7QM2XPA --contact ann",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if owner == (contact != "") {
				return usagef("say who it is: --owner if it is you, or --contact NAME")
			}
			req := control.PairRequest{Code: args[0], Role: "owner", Agent: agent}
			if contact != "" {
				req.Role, req.Alias = "contact", contact
			}
			p, err := a.client.Pair(cmd.Context(), req)
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(p)
			}
			if owner {
				fmt.Fprintf(a.out, "%s over %s is you. What comes from there counts as your word as far as %s holds owner.speak.\n", line(personText(*p)), line(p.Plugin), line(p.Plugin))
				return nil
			}
			fmt.Fprintf(a.out, "%s over %s is %s, and may talk with %s.\n", line(personText(*p)), line(p.Plugin), line(p.Alias), line(p.Agent))
			return nil
		},
	}
	cmd.Flags().BoolVar(&owner, "owner", false, "it is you")
	cmd.Flags().StringVar(&contact, "contact", "", "it is somebody else, whom you call `NAME`")
	cmd.Flags().StringVar(&agent, "agent", "", "whom they talk with, if there are several")
	return a.jsonFlag(cmd)
}

func (a *app) channelForgetCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "forget WHO",
		Short: "Put somebody out; WHO is a contact's name or CHANNEL/ID",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := a.client.Unpair(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(p)
			}
			fmt.Fprintf(a.out, "%s over %s is a stranger again.\n", line(personText(*p)), line(p.Plugin))
			return nil
		},
	})
}
