package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/host/control"
)

func (a *app) auditCmd() *cobra.Command {
	return group(&cobra.Command{
		Use:   "audit",
		Short: "The record of every effect: read, follow, verify",
	}, a.auditTailCmd(), a.auditShowCmd(), a.auditVerifyCmd(), a.auditCheckpointCmd())
}

func (a *app) auditTailCmd() *cobra.Command {
	var q control.AuditQuery
	var follow bool
	var since string
	cmd := &cobra.Command{
		Use:     "tail",
		Short:   "Print the newest entries, and with -f what comes",
		Example: "  ambit audit tail -f\n  ambit audit tail --verdict deny --since 24h",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if q.Since, err = a.parseSince(since); err != nil {
				return err
			}
			if q.Last < 1 || q.Last > 1000 {
				return usagef("-n %d: want 1 to 1000", q.Last)
			}
			return a.auditTail(cmd.Context(), q, follow)
		},
	}
	f := cmd.Flags()
	f.IntVarP(&q.Last, "lines", "n", 20, "how many")
	f.BoolVarP(&follow, "follow", "f", false, "go on with what comes")
	f.StringVar(&q.Kind, "kind", "", "only this kind: intent, outcome, refusal, grant, revoke, kill …")
	f.StringVar(&q.Actor, "actor", "", "only this actor: owner, agent:NAME, plugin:NAME")
	f.StringVar(&q.Plugin, "plugin", "", "only this plugin")
	f.StringVar(&q.Capability, "capability", "", "only this capability")
	f.StringVar(&q.Session, "session", "", "only this session")
	f.StringVar(&q.Verdict, "verdict", "", "only this verdict: allow, ask, deny")
	f.StringVar(&q.Effect, "effect", "", "only this effect")
	f.StringVar(&since, "since", "", "only from then on: 30m, 24h, 7d ago, a date or a time")
	return a.jsonFlag(cmd)
}

// auditTail prints with --json one entry a line: a stream has no end to close a
// list with.
func (a *app) auditTail(ctx context.Context, q control.AuditQuery, follow bool) error {
	show := func(e control.AuditEntry) error {
		if a.json {
			return a.writeJSONLine(e)
		}
		a.printEntry(e)
		return nil
	}
	if follow {
		return a.client.FollowAudit(ctx, q, show)
	}
	page, err := a.client.AuditEntries(ctx, q)
	if err != nil {
		return err
	}
	for _, e := range page.Entries {
		if err := show(e); err != nil {
			return err
		}
	}
	if len(page.Entries) == 0 && !a.json {
		fmt.Fprintf(a.err, "No entry of %s matches.\n", count(page.Size, "entry", "entries"))
	}
	return nil
}

// printEntry is one line: when, who, what, with what, how it went.
func (a *app) printEntry(e control.AuditEntry) {
	what := string(e.Kind)
	if e.Capability != "" {
		what = e.Capability
	}
	var notes []string
	add := func(s string) {
		if s != "" {
			notes = append(notes, s)
		}
	}
	if e.Capability != "" {
		add(string(e.Kind))
	}
	if e.Kind != "outcome" {
		add(e.Verdict)
	}
	add(e.Status)
	if e.Code != e.Status {
		add(e.Code)
	}
	if e.Rule != "" && e.Verdict != "allow" {
		add(e.Rule)
	}
	if e.Micros > 0 {
		add(micros(e.Micros))
	}
	with := e.Resource
	if e.Capability == "" {
		add(e.Detail)
		if e.Plugin != "" { // what was done to a plugin, not with one
			add(e.Resource)
			with = e.Plugin
		}
	}
	mark := plain
	switch {
	case e.Kind == "kill", e.Verdict == "deny":
		mark = red
	case e.Status == "failed", e.Status == "unknown", e.Status == "dry_run", e.Verdict == "ask":
		mark = yellow
	}
	who := line(strings.TrimPrefix(e.Actor, "agent:"))
	if with == "" {
		with = e.Plugin
	}
	fmt.Fprintf(a.out, "%6d  %s  %-14s  %-14s  %-34s  %s\n", e.Index, e.Time.Local().Format(a.clock(e)),
		short(who, 14), short(what, 14), short(with, 34), a.paint(mark, line(strings.Join(notes, ", "))))
}

// clock leaves out the day when it is today.
func (a *app) clock(e control.AuditEntry) string {
	if a.now().Local().Format("0102") == e.Time.Local().Format("0102") && a.now().Sub(e.Time).Hours() < 24 {
		return "15:04:05"
	}
	return "2006-01-02 15:04:05"
}

func (a *app) auditShowCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "show INDEX",
		Short: "Show one entry in full, with the others of the same effect",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil || n < 0 {
				return usagef("index %q: want a number, as in: ambit audit tail", args[0])
			}
			d, err := a.client.AuditEntry(cmd.Context(), n)
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(d)
			}
			a.printDetail(d)
			return nil
		},
	})
}

func (a *app) printDetail(d *control.AuditDetail) {
	t := table{}
	e := d.AuditEntry
	t.add("Entry", fmt.Sprintf("%d, %s", e.Index, e.Kind))
	t.add("When", e.Time.Local().Format("2006-01-02 15:04:05.000 MST")+" ("+a.ago(e.Time)+")")
	for _, f := range [][2]string{
		{"Who", e.Actor}, {"Plugin", e.Plugin}, {"Digest", e.Digest}, {"Capability", e.Capability}, {"With", e.Resource},
		{"Agent", e.Agent}, {"Session", e.Session}, {"Turn", e.Turn}, {"Verdict", e.Verdict}, {"Rule", e.Rule}, {"Policy", e.Revision},
		{"Grant", e.Grant}, {"Approval", e.Approval}, {"Status", e.Status}, {"Code", e.Code}, {"Detail", e.Detail},
		{"Effect", e.Effect}, {"On behalf of", e.Parent}, {"Commitment", e.Commitment},
	} {
		if f[1] != "" {
			t.add(f[0], f[1])
		}
	}
	if e.Micros > 0 {
		t.add("Took", micros(e.Micros))
	}
	t.print(a.out, a.color)
	if d.Payload != "" {
		fmt.Fprintf(a.out, "\nExactly:\n%s\n", block(d.Payload))
	}
	if len(d.Related) > 0 {
		fmt.Fprintln(a.out, "\nThe same effect:")
		for _, r := range d.Related {
			a.printEntry(r)
		}
	}
}

func (a *app) auditVerifyCmd() *cobra.Command {
	var checkpoint string
	cmd := &cobra.Command{
		Use:   "verify [FOLDER]",
		Short: "Prove that the log, or a copy of it, is whole and unchanged",
		Long: `Prove that the log, or a copy of it in a folder, is whole and unchanged. With
--checkpoint it must also be a continuation of one you kept elsewhere: that
is what shows a log rewritten by someone who has its key.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			req := control.VerifyRequest{}
			if len(args) > 0 {
				if req.Folder, err = filepath.Abs(args[0]); err != nil {
					return err
				}
			}
			if checkpoint != "" {
				note, err := os.ReadFile(checkpoint) //nolint:gosec // the owner names it
				if err != nil {
					return err
				}
				req.Checkpoint = string(note)
			}
			return a.auditVerify(cmd.Context(), req)
		},
	}
	cmd.Flags().StringVar(&checkpoint, "checkpoint", "", "file with a checkpoint kept elsewhere")
	return a.jsonFlag(cmd)
}

func (a *app) auditVerify(ctx context.Context, req control.VerifyRequest) error {
	var v *control.Verification
	err := a.during("verifying", func() (err error) { v, err = a.client.VerifyAudit(ctx, req); return err })
	if err != nil {
		return err
	}
	if a.json {
		err = a.writeJSON(v)
	} else {
		a.printVerification(v)
	}
	if err == nil && !v.OK {
		err = errSilent
	}
	return err
}

func (a *app) printVerification(v *control.Verification) {
	if v.OK {
		fmt.Fprintf(a.out, "%s: %s, whole and unchanged, root %s (%s)\n", a.paint(green, "verified"),
			count(v.Entries, "entry", "entries"), line(v.Root), micros(v.Micros))
		return
	}
	fmt.Fprintf(a.out, "%s: the log is not what was written\n", a.paint(red, "FAILED"))
	for _, p := range v.Problems {
		fmt.Fprintf(a.out, "  %s\n", line(p))
	}
}

func (a *app) auditCheckpointCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:     "checkpoint",
		Short:   "Sign the log as it is now; keep the result elsewhere",
		Example: "  ambit audit checkpoint > /media/stick/checkpoint",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client.AuditCheckpoint(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(c)
			}
			fmt.Fprint(a.out, block(c.Note))
			fmt.Fprintf(a.err, "%s. Later: ambit audit verify --checkpoint FILE\n", count(c.Size, "entry", "entries"))
			return nil
		},
	})
}
