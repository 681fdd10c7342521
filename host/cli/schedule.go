package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/host/control"
)

func (a *app) scheduleCmd() *cobra.Command {
	list := a.scheduleListCmd()
	cmd := group(&cobra.Command{Use: "schedule", Aliases: []string{"schedules"}, Short: "What wakes your agents, and when", RunE: list.RunE},
		list, a.scheduleAddCmd(), a.scheduleRemoveCmd(), a.scheduleRunCmd())
	return a.jsonFlag(cmd)
}

func (a *app) scheduleListCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List schedules and heartbeats",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := a.client.Schedules(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return writeList(a, list)
			}
			if len(list) == 0 {
				fmt.Fprintln(a.err, "Nothing wakes your agents. To change that: ambit schedule add, or a heartbeat in ambit.yaml.")
				return nil
			}
			t := table{}
			t.head("ID", "AGENT", "WHEN", "NEXT", "LAST", "BY", "WHAT")
			for _, s := range list {
				next := col{text: a.scheduleNext(s)}
				if s.State == "disabled" {
					next.style = red
				}
				t.addStyled(col{text: s.ID, style: bold}, col{text: s.Agent}, col{text: scheduleWhen(s)}, next,
					col{text: a.scheduleLast(s)}, col{text: s.By}, col{text: scheduleWhat(s)})
			}
			t.print(a.out, a.color)
			return nil
		},
	})
}

func scheduleWhen(s control.Schedule) string {
	var text string
	switch s.Kind {
	case "at":
		text = s.At.Local().Format("2006-01-02 15:04")
	case "every":
		text = "every " + span(time.Duration(s.EverySeconds)*time.Second)
	default:
		text = s.Cron
	}
	if s.Hours != "" {
		text += ", " + s.Hours
	}
	if s.Zone != "" {
		text += " " + s.Zone
	}
	return text
}

func (a *app) scheduleNext(s control.Schedule) string {
	switch {
	case s.State == "disabled":
		return "disabled"
	case s.State == "running":
		return "runs now"
	case s.Next.IsZero():
		return "–"
	}
	return a.ago(s.Next)
}

func (a *app) scheduleLast(s control.Schedule) string {
	if s.Last.IsZero() {
		return "–"
	}
	text := a.ago(s.Last)
	switch {
	case s.Fails > 0:
		text += fmt.Sprintf(", failed %s", count(int64(s.Fails), "time", "times in a row"))
	case s.LastStatus != "":
		text += ", " + s.LastStatus
	}
	if s.Missed > 0 {
		text += fmt.Sprintf(", %d missed", s.Missed)
	}
	return text
}

func scheduleWhat(s control.Schedule) string {
	if s.By == "host" {
		return fmt.Sprintf("heartbeat: %s, %s with nothing to look at", count(s.Runs, "turn", "turns"), count(s.Idle, "time", "times"))
	}
	text := short(s.Text, 60)
	if s.Name != "" {
		text = s.Name + ": " + text
	}
	return text
}

func (a *app) scheduleAddCmd() *cobra.Command {
	var req control.ScheduleRequest
	cmd := &cobra.Command{
		Use:   "add TEXT",
		Short: "Have an agent told something later, once or again and again",
		Long: `Have an agent told something later. What you write are your words, as in chat.

  ambit schedule add --at 18:00 "Remind me of the bins"
  ambit schedule add --every 6h "Look for mail from the school"
  ambit schedule add --cron "0 9 * * 1-5" --zone Europe/Berlin "What is on today?"`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			given := 0
			for _, s := range []string{req.At, req.Every, req.Cron} {
				if s != "" {
					given++
				}
			}
			if given != 1 {
				return usagef("say when, by one of --at, --every and --cron")
			}
			req.Text = args[0]
			s, err := a.client.AddSchedule(cmd.Context(), req)
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(s)
			}
			fmt.Fprintln(a.out, line(s.ID))
			fmt.Fprintf(a.err, "Agent %s is told in session %s: %s, the next time %s (%s).\n", line(s.Agent), line(s.Session), line(scheduleWhen(*s)), a.ago(s.Next), s.Next.Local().Format("Mon 2006-01-02 15:04:05"))
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&req.At, "at", "", `once: "2026-12-24 18:00", "18:00", "in 20m", or RFC 3339`)
	f.StringVar(&req.Every, "every", "", `again and again: "20m", "6h", "1d"`)
	f.StringVar(&req.Cron, "cron", "", "by the calendar: minute hour day month weekday")
	f.StringVar(&req.Zone, "zone", "", "of --at and --cron, such as Europe/Berlin; yours unless told")
	f.StringVar(&req.Session, "session", "", "where the agent is told; main unless told")
	f.StringVar(&req.Agent, "agent", "", "which agent")
	f.StringVar(&req.Name, "name", "", "a name for people")
	return a.jsonFlag(cmd)
}

func (a *app) scheduleRemoveCmd() *cobra.Command {
	return &cobra.Command{
		Use:               "remove ID",
		Aliases:           []string{"rm"},
		Short:             "Forget a schedule; its turn, if one runs, goes on",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeSchedules,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.client.RemoveSchedule(cmd.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintf(a.err, "Removed %s.\n", line(args[0]))
			return nil
		},
	}
}

func (a *app) scheduleRunCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:               "run ID",
		Short:             "Run a schedule or a heartbeat now, beside its times",
		Long:              "Run a schedule or a heartbeat now, beside its times. One that is disabled is enabled\nagain when this goes well.",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeSchedules,
		RunE: func(cmd *cobra.Command, args []string) error {
			run, err := a.client.RunSchedule(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(run)
			}
			fmt.Fprintf(a.err, "Started %s, turn %s.\n", line(run.Schedule), line(run.Turn))
			return nil
		},
	})
}

// completeSchedules offers the ids of schedules.
func (a *app) completeSchedules(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 || a.begin() != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	list, err := a.client.Schedules(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, s := range list {
		names = append(names, line(s.ID)+"\t"+strings.TrimSpace(short(scheduleWhat(s), 60)))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// beatText tells what an agent's heartbeat did.
func (a *app) beatText(g control.AgentStatus) string {
	h := g.Heartbeat
	text := fmt.Sprintf("next %s, %s, %s with nothing to look at", a.ago(h.Next), count(h.Turns, "turn", "turns"), count(h.Idle, "time", "times"))
	switch {
	case h.Paused:
		text += ", paused: its budget is used up"
	case h.Fails > 0:
		text += fmt.Sprintf(", failed %s", count(int64(h.Fails), "time", "times in a row"))
	}
	return text
}
