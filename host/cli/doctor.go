package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/host"
	"github.com/ambithost/ambit/host/control"
)

// finding is one thing that doctor looked at.
type finding struct {
	Check  string `json:"check"`
	Level  string `json:"level"` // "ok", "note", "wrong"
	Text   string `json:"text"`
	Advice string `json:"advice,omitempty"`
	Fixed  bool   `json:"fixed,omitempty"`

	fix func() error // what --fix does; nil: a person has to
}

func ok(check, format string, a ...any) finding {
	return finding{Check: check, Level: "ok", Text: fmt.Sprintf(format, a...)}
}

func note(check, text, advice string) finding {
	return finding{Check: check, Level: "note", Text: text, Advice: advice}
}

func wrong(check, text, advice string) finding {
	return finding{Check: check, Level: "wrong", Text: text, Advice: advice}
}

func (a *app) doctorCmd() *cobra.Command {
	var fix bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look whether all is well, and say what to do where it is not",
		Long: `Look at home, settings, host, policy, audit log, plugins, secrets and
confinement, and say what is wrong and what to do. With --fix it repairs what
can be repaired without a decision of yours. Exit code 1 if something is wrong.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list := a.examine(cmd.Context())
			if fix {
				repair(list)
			}
			sick := slices.ContainsFunc(list, func(f finding) bool { return f.Level == "wrong" && !f.Fixed })
			if a.json {
				if err := writeList(a, list); err != nil {
					return err
				}
			} else {
				a.printFindings(list, fix)
			}
			if sick {
				return errSilent
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&fix, "fix", false, "repair what can be repaired without you")
	return a.jsonFlag(cmd)
}

func repair(list []finding) {
	for i := range list {
		f := &list[i]
		if f.fix == nil {
			continue
		}
		if err := f.fix(); err != nil {
			f.Advice = "this could not be repaired: " + err.Error()
			continue
		}
		f.Fixed = true
	}
}

func (a *app) printFindings(list []finding, fix bool) {
	repairable := false
	for _, f := range list {
		mark, color := "ok", green
		switch {
		case f.Fixed:
			mark, color = "fixed", green
		case f.Level == "note":
			mark, color = "note", yellow
		case f.Level == "wrong":
			mark, color = "wrong", red
		}
		fmt.Fprintf(a.out, "%s  %s\n", a.paint(color, fmt.Sprintf("%-5s", mark)), line(f.Text))
		if f.Advice != "" && !f.Fixed {
			fmt.Fprintf(a.out, "       %s\n", line(f.Advice))
		}
		repairable = repairable || f.fix != nil
	}
	if repairable && !fix {
		fmt.Fprintln(a.out, "\nSome of this can be repaired without you: ambit doctor --fix")
	}
}

// examine looks at the files first and then, if it runs, asks the host.
func (a *app) examine(ctx context.Context) []finding {
	list := a.examineHome()
	status, err := a.client.Status(ctx)
	switch {
	case errors.Is(err, control.ErrNotRunning):
		return append(list, note("host", "No host is running, so policy, audit log and plugins were not looked at.", "ambit up --detach"))
	case err != nil:
		return append(list, wrong("host", "The host does not answer: "+err.Error(), "its log: "+filepath.Join(a.home, "host.log")))
	}
	list = append(list, ok("host", "The host is running (process %d, %s).", status.PID, status.Version))
	list = append(list, examineStatus(status)...)
	list = append(list, a.examineAudit(ctx)...)
	return append(list, a.examinePlugins(ctx, status)...)
}

func (a *app) examineHome() (list []finding) {
	info, err := os.Stat(a.home)
	if err != nil {
		return []finding{note("home", "There is nothing yet in "+a.home+".", "ambit init")}
	}
	switch mode := info.Mode().Perm(); {
	case runtime.GOOS == "windows" || mode&0o077 == 0:
		list = append(list, ok("home", "Everything is in %s, for you alone.", a.home))
	default:
		f := wrong("home", fmt.Sprintf("Other users of this machine may look into %s (mode %04o).", a.home, mode), "chmod 700 "+a.home)
		f.fix = func() error { return os.Chmod(a.home, 0o700) } //nolint:gosec // a folder is entered
		list = append(list, f)
	}
	if err := host.CheckFile(a.home); err != nil {
		return append(list, wrong("settings", "The settings can't be read: "+err.Error(), "correct the file; a host does not start with it"))
	}
	return append(list, ok("settings", "The settings (ambit.yaml) are in order."))
}

func examineStatus(s *control.Status) (list []finding) {
	for _, h := range s.Halted {
		list = append(list, note("switch", "A stop is in force: "+h.Target+".", "ambit resume "+strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(h.Target, "agent:"), "plugin:"), "all")))
	}
	if s.Policy.Error == "" {
		list = append(list, ok("policy", "The policy in force is your newest (%s).", short(s.Policy.Revision, 12)))
	} else {
		list = append(list, wrong("policy", "Your newest policy files are not in force: "+s.Policy.Error, "ambit policy check"))
	}
	if s.Confinement.Level == "confined" {
		list = append(list, ok("confinement", "Plugins are fully confined."))
	} else {
		list = append(list, note("confinement", "Plugins are not fully confined on this machine ("+s.Confinement.Level+"); missing: "+strings.Join(s.Confinement.Missing, ", ")+".", "a policy can refuse to run them so: policies/examples/confined_only.rego"))
	}
	for _, n := range s.Notices {
		list = append(list, note("notice", n.Message, n.Hint))
	}
	return list
}

func (a *app) examineAudit(ctx context.Context) []finding {
	var v *control.Verification
	err := a.during("verifying the audit log", func() (err error) { v, err = a.client.VerifyAudit(ctx, control.VerifyRequest{}); return err })
	switch {
	case err != nil:
		return []finding{wrong("audit", "The audit log can't be verified: "+err.Error(), "ambit audit verify")}
	case !v.OK:
		return []finding{wrong("audit", "The audit log does not verify: "+strings.Join(v.Problems, "; "), "somebody or something changed it; keep the folder audit as it is and compare it with a checkpoint that you kept")}
	}
	return []finding{ok("audit", "The audit log verifies: %s entries.", thousands(v.Entries))}
}

func (a *app) examinePlugins(ctx context.Context, s *control.Status) (list []finding) {
	plugins, err := a.client.Plugins(ctx)
	if err != nil {
		return []finding{wrong("plugins", "The plugins can't be listed: "+err.Error(), "ambit plugin list")}
	}
	broken := 0
	for _, p := range plugins {
		d, err := a.client.Plugin(ctx, p.Name)
		if err == nil && d.LastError != "" {
			err = errors.New(d.LastError)
		}
		if err != nil {
			broken++
			list = append(list, wrong("plugins", p.Name+" can't be used: "+err.Error(), "install it again: ambit plugin install "+p.Name))
		}
	}
	if broken == 0 {
		list = append(list, ok("plugins", "%s, all usable.", count(int64(len(plugins)), "plugin is installed", "plugins are installed")))
	}
	for _, g := range s.Agents {
		if g.Model == "" {
			list = append(list, wrong("model", "Agent "+g.Name+" has no language model, or can't choose between several.", "ambit init, or name one in ambit.yaml"))
		}
	}
	return append(list, a.examineSecrets(ctx)...)
}

// examineSecrets finds grants of secrets that there are not.
func (a *app) examineSecrets(ctx context.Context) (list []finding) {
	secrets, err := a.client.Secrets(ctx)
	if err != nil {
		return []finding{wrong("secrets", "The secrets can't be listed: "+err.Error(), "ambit secret list")}
	}
	grants, err := a.client.Grants(ctx, "")
	if err != nil {
		return []finding{wrong("grants", "The grants can't be listed: "+err.Error(), "ambit grants")}
	}
	for _, g := range grants {
		if g.Capability != "secret.use" {
			continue
		}
		for _, name := range g.Scope.Allow["names"] {
			if name != "none" && !slices.ContainsFunc(secrets, func(s control.Secret) bool { return s.Name == name }) {
				list = append(list, wrong("secrets", g.Plugin+" may use the secret "+name+", which is not set.", "ambit secret set "+name))
			}
		}
	}
	return list
}
