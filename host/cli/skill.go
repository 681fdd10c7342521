package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/host/control"
)

func (a *app) skillCmd() *cobra.Command {
	list := a.skillListCmd()
	cmd := group(&cobra.Command{Use: "skill", Aliases: []string{"skills"}, Short: "Ways of working that you give your agents", RunE: list.RunE},
		list, a.skillAddCmd(), a.skillShowCmd(), a.skillRemoveCmd())
	return a.jsonFlag(cmd)
}

func (a *app) skillListCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List skills",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := a.client.Skills(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return writeList(a, list)
			}
			if len(list) == 0 {
				fmt.Fprintln(a.err, "There are no skills. To add one: ambit skill add FOLDER")
				return nil
			}
			t := table{}
			t.head("SKILL", "BY", "AGENTS", "STATE", "WHAT")
			for _, s := range list {
				state := col{text: "as added"}
				if s.Problem != "" {
					state = col{text: "not used", style: red}
				}
				t.addStyled(col{text: s.Name, style: bold}, col{text: skillBy(s)}, col{text: orDash(strings.Join(s.Agents, ", "))}, state, col{text: short(s.Description, 60)})
			}
			t.print(a.out, a.color)
			return nil
		},
	})
}

func skillBy(s control.Skill) string {
	if s.Mine {
		return "you"
	}
	return s.Source
}

func (a *app) skillAddCmd() *cobra.Command {
	var req control.SkillRequest
	var yes bool
	cmd := &cobra.Command{
		Use:   "add FOLDER",
		Short: "Add a skill: a folder with a SKILL.md",
		Long: `Add a skill: a folder with a SKILL.md. It is copied, and a copy that is changed
later is not used. With --mine you vouch for its text as for your own; of another
say with --source whose it is, and what it says counts as a stranger's word. Its
description is told to your agents in every conversation, so it is shown first.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if req.Mine == (req.Source != "") {
				return usagef("say whose it is: --mine, or --source NAME")
			}
			folder, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			req.Folder = folder
			shown, err := a.client.PreviewSkill(cmd.Context(), req)
			if err != nil {
				return err
			}
			if !yes {
				a.printSkill(shown)
				fmt.Fprint(a.err, "Add it? [y/N] ")
				if ok, err := a.confirm(); err != nil || !ok {
					if err == nil {
						fmt.Fprintln(a.err, "Nothing was added.")
					}
					return err
				}
			}
			req.Digest = shown.Digest
			s, err := a.client.AddSkill(cmd.Context(), req)
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(s)
			}
			fmt.Fprintf(a.err, "Added skill %s, for %s.\n", line(s.Name), orDash(line(strings.Join(s.Agents, ", "))))
			return nil
		},
	}
	f := cmd.Flags()
	f.BoolVar(&req.Mine, "mine", false, "you wrote it, or vouch for it as for your own words")
	f.StringVar(&req.Source, "source", "", "who wrote it")
	f.BoolVarP(&yes, "yes", "y", false, "agree without being shown it")
	return a.jsonFlag(cmd)
}

// printSkill shows on stderr what a skill says of itself.
func (a *app) printSkill(s *control.Skill) {
	t := table{}
	t.add("skill", s.Name)
	t.add("by", skillBy(*s))
	t.add("description", s.Description)
	for name, text := range map[string]string{"license": s.License, "compatibility": s.Compatibility} {
		if text != "" {
			t.add(name, text)
		}
	}
	if len(s.AllowedTools) > 0 {
		t.add("suggests", strings.Join(s.AllowedTools, ", ")+" (this grants nothing)")
	}
	if len(s.Ignored) > 0 {
		t.add("not used", strings.Join(s.Ignored, ", "))
	}
	var files []string
	for _, f := range s.Files {
		files = append(files, fmt.Sprintf("%s (%d bytes)", f.Path, f.Size))
	}
	t.add("files", strings.Join(files, ", "))
	t.add("digest", s.Digest)
	if s.Problem != "" {
		t.add("not used", s.Problem)
	}
	t.print(a.err, a.errColor)
}

func (a *app) skillShowCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:               "show NAME",
		Short:             "Show a skill and its instructions",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeSkills,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.client.Skill(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(s)
			}
			a.printSkill(&s.Skill)
			for text := range strings.Lines(s.Text) {
				fmt.Fprintln(a.out, line(strings.TrimRight(text, "\n")))
			}
			return nil
		},
	})
}

func (a *app) skillRemoveCmd() *cobra.Command {
	return &cobra.Command{
		Use:               "remove NAME",
		Aliases:           []string{"rm"},
		Short:             "Forget a skill; the folder that it was copied from stays",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeSkills,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.client.RemoveSkill(cmd.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintf(a.err, "Removed skill %s.\n", line(args[0]))
			return nil
		},
	}
}

// completeSkills offers the names of skills.
func (a *app) completeSkills(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 || a.begin() != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	list, err := a.client.Skills(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, s := range list {
		names = append(names, line(s.Name)+"\t"+short(s.Description, 60))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
