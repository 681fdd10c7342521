package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/sdk/protocol"
)

// maxNote is how much of an edited file is read: more is no note.
const maxNote = 1 << 20

func (a *app) memoryCmd() *cobra.Command {
	list := a.memoryListCmd()
	cmd := group(&cobra.Command{Use: "memory", Short: "What your agents remember", RunE: list.RunE},
		list, a.memorySearchCmd(), a.memoryShowCmd(), a.memoryEditCmd(), a.memoryLearnCmd(), a.memoryForgetCmd())
	cmd.Flags().AddFlag(list.Flags().Lookup("agent"))
	return a.jsonFlag(cmd)
}

// agentFlag adds --agent to a command about notes.
func agentFlag(cmd *cobra.Command, agent *string) *cobra.Command {
	cmd.Flags().StringVar(agent, "agent", "", "which agent, if there is more than one")
	return cmd
}

func (a *app) memoryListCmd() *cobra.Command {
	var agent string
	return agentFlag(a.jsonFlag(&cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List what an agent remembers",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := a.client.Notes(cmd.Context(), control.NoteQuery{Agent: agent})
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(l)
			}
			for _, s := range l.Skipped {
				fmt.Fprintf(a.err, "Not a note: %s\n", line(s))
			}
			if len(l.Items) == 0 {
				fmt.Fprintln(a.err, "There are no notes. An agent writes some when it holds the plugin memory: ambit plugin install memory")
				return nil
			}
			t := table{}
			t.head("NAME", "SIZE", "CHANGED", "BY", "MADE FROM", "CONVERSATION")
			for _, n := range l.Items {
				labels := col{text: noteLabels(n)}
				if len(n.Labels) > 0 {
					labels.style = yellow
				}
				t.addStyled(col{text: n.Name, style: bold}, col{text: bytesText(n.Bytes)}, col{text: a.ago(n.Changed)}, col{text: n.By}, labels, col{text: noteSession(n)})
			}
			t.print(a.out, a.color)
			return nil
		},
	}), &agent)
}

func noteLabels(n control.NoteInfo) string {
	if len(n.Labels) == 0 {
		return "–"
	}
	return strings.Join(n.Labels, ", ")
}

func noteSession(n control.NoteInfo) string {
	if len(n.Sources) == 0 || n.Sources[len(n.Sources)-1].Session == "" {
		return "–"
	}
	return n.Sources[len(n.Sources)-1].Session
}

func (a *app) memorySearchCmd() *cobra.Command {
	var agent string
	return agentFlag(a.jsonFlag(&cobra.Command{
		Use:   "search WORDS...",
		Short: "Find words in what an agent remembers",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := a.client.Notes(cmd.Context(), control.NoteQuery{Agent: agent, Query: strings.Join(args, " ")})
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(l)
			}
			if len(l.Items) == 0 {
				fmt.Fprintln(a.err, "No note holds any of these words.")
				return nil
			}
			for _, n := range l.Items {
				fmt.Fprintf(a.out, "%s  %s\n", a.paint(bold, line(n.Name)), short(n.Text, 200))
			}
			return nil
		},
	}), &agent)
}

func (a *app) memoryShowCmd() *cobra.Command {
	var agent string
	return agentFlag(a.jsonFlag(&cobra.Command{
		Use:               "show NAME",
		Short:             "Show a note, and where it came from",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeNotes,
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := a.client.Note(cmd.Context(), agent, args[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(n)
			}
			fmt.Fprintf(a.err, "Changed %s by %s, made from: %s\n", a.ago(n.Changed), line(n.By), line(noteLabels(*n)))
			for _, s := range n.Sources {
				if s.Session != "" {
					fmt.Fprintf(a.err, "From session %s, %s %s\n", line(s.Session), s.To.Local().Format("2006-01-02 15:04"), line(strings.Join(s.Turns, " to ")))
				}
			}
			fmt.Fprintln(a.out, strings.TrimRight(block(n.Text), "\n"))
			return nil
		},
	}), &agent)
}

func (a *app) memoryEditCmd() *cobra.Command {
	var agent string
	trust := false
	cmd := &cobra.Command{
		Use:   "edit NAME",
		Short: "Change a note in your editor, or begin one",
		Long: `Open a note in $VISUAL or $EDITOR, on a copy that is written back when the editor
ends. The labels of what it was made from stay, since one word may be new and the
rest a stranger's: with --trust they go, and you vouch for every word.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeNotes,
		RunE: func(cmd *cobra.Command, args []string) error {
			was, err := a.client.Note(cmd.Context(), agent, args[0])
			if e, is := errors.AsType[*control.Error](err); is && e.Code == protocol.NotFound {
				was, err = &control.NoteInfo{Agent: agent, Name: args[0]}, nil
			}
			if err != nil {
				return err
			}
			text, err := a.editNote(was.Text)
			if err != nil {
				return err
			}
			if text == was.Text && (!trust || was.Digest == "") {
				fmt.Fprintln(a.err, "Nothing was changed.")
				return nil
			}
			n, err := a.client.WriteNote(cmd.Context(), args[0], control.NoteChange{Agent: agent, Text: text, Was: was.Digest, Trust: trust})
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(n)
			}
			fmt.Fprintf(a.err, "Wrote %s, %s, made from: %s\n", line(n.Name), bytesText(n.Bytes), line(noteLabels(*n)))
			return nil
		},
	}
	cmd.Flags().BoolVar(&trust, "trust", false, "take the labels off: you vouch for the whole text")
	return agentFlag(a.jsonFlag(cmd), &agent)
}

func (a *app) memoryLearnCmd() *cobra.Command {
	var agent string
	return agentFlag(a.jsonFlag(&cobra.Command{
		Use:   "learn",
		Short: "Have an agent look back on its conversations now, and note what it learned",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := a.client.LookBack(cmd.Context(), control.LookbackRequest{Agent: agent})
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(r)
			}
			for _, n := range r.Notes {
				fmt.Fprintln(a.out, line(n))
			}
			fmt.Fprintf(a.err, "Looked at %s, wrote %s.\n", count(int64(r.Conversations), "conversation with something new", "conversations with something new"), count(int64(len(r.Notes)), "note", "notes"))
			if r.Trouble != "" {
				fmt.Fprintf(a.err, "Not all went well: %s\n", line(r.Trouble))
			}
			return nil
		},
	}), &agent)
}

// editNote has the owner edit a text in a file that is removed afterwards.
func (a *app) editNote(text string) (out string, err error) {
	folder, err := os.MkdirTemp("", "ambit-note-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	file := filepath.Join(folder, "note.md")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return "", err
	}
	if err := a.runEditor(file); err != nil {
		return "", err
	}
	info, err := os.Stat(file)
	if err != nil {
		return "", err
	}
	if info.Size() > maxNote {
		return "", fmt.Errorf("the file has %d bytes: a note has at most 64 KiB", info.Size())
	}
	b, err := os.ReadFile(file) //nolint:gosec // the file was just made
	return string(b), err
}

func (a *app) memoryForgetCmd() *cobra.Command {
	var agent string
	history, yes := false, false
	cmd := &cobra.Command{
		Use:   "forget NAME",
		Short: "Forget a note for good",
		Long: `Forget a note: its file, what searches find of it, where it came from, and what
the audit kept of the requests that hold its lines (the records stay, and still
verify). Conversations may hold lines of it too: they are listed, and with
--history their lines are taken out. What was said in other words is not found.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeNotes,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !yes {
				fmt.Fprintf(a.err, "Forget %s for good? [y/N] ", line(args[0]))
				if ok, err := a.confirm(); err != nil || !ok {
					return err
				}
			}
			f, err := a.client.ForgetNote(cmd.Context(), args[0], control.ForgetRequest{Agent: agent, History: history})
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(f)
			}
			a.printForgotten(f)
			return nil
		},
	}
	cmd.Flags().BoolVar(&history, "history", false, "take its lines out of conversations too")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return agentFlag(a.jsonFlag(cmd), &agent)
}

func (a *app) printForgotten(f *control.Forgotten) {
	fmt.Fprintf(a.err, "Forgot %s. What %s kept of it is erased; the records name it still.\n", line(f.Name), count(int64(f.Payloads), "audit record", "audit records"))
	if f.Redacted > 0 {
		fmt.Fprintf(a.err, "Its lines were taken out of %s.\n", count(int64(f.Redacted), "entry", "entries"))
	}
	for _, m := range f.Mentions {
		fmt.Fprintf(a.err, "Session %s of agent %s still holds lines of it, in %s.\n", line(m.Session), line(m.Agent), count(int64(m.Entries), "entry", "entries"))
	}
}

// memoryText tells how looking back went.
func (a *app) memoryText(m *control.MemoryStatus) string {
	text := "not looked back since the start"
	if !m.Last.IsZero() {
		text = fmt.Sprintf("looked back %s, %s since the start", a.ago(m.Last), count(int64(m.Notes), "note", "notes"))
	}
	if m.Trouble != "" {
		text += "; the last time not all went well: " + line(m.Trouble)
	}
	return text
}

// completeNotes offers the names of notes.
func (a *app) completeNotes(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 || a.begin() != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	agent, _ := cmd.Flags().GetString("agent") // every command that completes has it
	l, err := a.client.Notes(ctx, control.NoteQuery{Agent: agent})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, n := range l.Items {
		names = append(names, line(n.Name)+"\t"+bytesText(n.Bytes))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
