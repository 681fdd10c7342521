package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/sdk/capability"
)

func (a *app) pluginUpgradeCmd() *cobra.Command {
	var o installOptions
	var all bool
	cmd := &cobra.Command{
		Use:   "upgrade [NAME…]",
		Short: "Upgrade plugins that came from a registry",
		Long: `Upgrade plugins that came from a registry to their newest version. What is granted
stays granted. One that asks for more than the installed version is held: the
installed one runs on until you accept the difference, here or later. With --yes it
is accepted where the difference can be undone; what can't, and what acts on
Ambit itself, takes --grant CAPABILITY as well. A version before a release
(1.2.0-rc.1) is installed by its reference.`,
		ValidArgsFunction: a.completePlugins,
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return usagef("name the plugins, or --all")
			}
			return a.upgrade(cmd.Context(), args, all, o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&all, "all", false, "all that came from a registry")
	f.BoolVarP(&o.yes, "yes", "y", false, "accept what can be undone")
	f.StringArrayVar(&o.grants, "grant", nil, "with --yes, accept this too (may be repeated)")
	f.StringArrayVar(&o.config, "config", nil, "KEY=VALUE of what its configuration has new (may be repeated)")
	f.BoolVar(&o.unsigned, "allow-unsigned", false, "take one that nobody signed")
	return a.jsonFlag(cmd)
}

// upgraded is what became of one plugin.
type upgraded struct {
	Name    string           `json:"name"`
	Old     string           `json:"old,omitempty"`
	New     string           `json:"new,omitempty"`
	Result  string           `json:"result"` // "current", "upgraded", "held", "failed"
	Error   string           `json:"error,omitempty"`
	Changes []control.Change `json:"changes,omitempty"`
}

func (a *app) upgrade(ctx context.Context, names []string, all bool, o installOptions) error {
	if len(o.config) > 0 && len(names) != 1 {
		return usagef("--config is for one plugin")
	}
	if all {
		list, err := a.client.Plugins(ctx)
		if err != nil {
			return err
		}
		for _, p := range list {
			if p.Publisher != "" {
				names = append(names, p.Name)
			}
		}
	}
	var results []upgraded
	var errs []error
	for _, name := range names {
		u, err := a.upgradeOne(ctx, name, o, all)
		if err != nil {
			u.Name, u.Result, u.Error = name, "failed", err.Error()
			errs = append(errs, err)
		}
		results = append(results, u)
	}
	if a.json {
		errs = append(errs, writeList(a, results))
	}
	return errors.Join(errs...)
}

func (a *app) upgradeOne(ctx context.Context, name string, o installOptions, all bool) (u upgraded, err error) {
	config, err := keyValues(o.config)
	if err != nil {
		return u, err
	}
	p, err := a.lookAt(ctx, control.PreviewRequest{Upgrade: name, AllowUnsigned: o.unsigned, Config: config})
	if err != nil {
		return u, err
	}
	u = upgraded{Name: name, Old: p.Replaces, New: p.Version, Result: "current", Changes: p.Changes}
	if p.Same {
		fmt.Fprintf(a.err, "%s %s is the newest.\n", line(name), line(p.Version))
		return u, nil
	}
	sheet, color := a.out, a.color
	if a.json {
		sheet, color = a.err, a.errColor
	}
	a.printChanges(sheet, color, p)
	wishes, accept := moreWishes(p), true
	switch {
	case !slices.ContainsFunc(p.Changes, func(c control.Change) bool { return c.More }):
	case o.yes:
		accept = !slices.ContainsFunc(p.Changes, func(c control.Change) bool {
			return grave(c) && !(c.What == "capability" && slices.Contains(o.grants, c.Name))
		})
	case all || !a.inTTY && a.json:
		accept = false
	default:
		fmt.Fprint(a.err, "It asks for more than you agreed to. Accept this? [y/N] ")
		if accept, err = a.confirm(); err != nil {
			accept = false // held, as for anything but a yes
		}
	}
	if !accept {
		wishes = nil
	}
	done, err := a.client.Install(ctx, control.InstallRequest{Preview: p.ID, Digest: p.Digest, Grants: wishes, Keep: true, Accept: accept})
	if err != nil {
		return u, err
	}
	u.Result = "upgraded"
	if done.Held != nil && done.Artifact != p.Artifact {
		u.Result = "held"
		fmt.Fprintf(a.err, "Held: %s runs on as %s. To look again and accept: ambit plugin upgrade %s\n", line(name), line(done.Version), line(name))
		return u, nil
	}
	fmt.Fprintf(a.err, "Upgraded %s from %s to %s.\n", line(name), line(u.Old), line(done.Version))
	return u, nil
}

// moreWishes are the capabilities of which a version asks for more.
func moreWishes(p *control.Preview) (wishes []control.GrantWish) {
	for _, r := range p.Requires {
		if slices.ContainsFunc(p.Changes, func(c control.Change) bool { return c.More && c.What == "capability" && c.Name == r.Capability }) {
			wishes = append(wishes, control.GrantWish{Capability: r.Capability})
		}
	}
	return wishes
}

// acceptable reports whether --yes, with these --grant, accepts the changes.
func acceptable(changes []control.Change, grants []string) bool {
	return !slices.ContainsFunc(changes, func(c control.Change) bool {
		return grave(c) && (c.What != "capability" || !slices.Contains(grants, c.Name))
	})
}

// grave is a change that --yes alone does not accept: it asks for what can't be
// undone, or takes a precaution from it.
func grave(c control.Change) bool {
	return c.More && (c.Risk == capability.Irreversible || c.Risk == capability.Control)
}

// printChanges shows what is different, what asks for more first.
func (a *app) printChanges(w io.Writer, color bool, p *control.Preview) {
	a.printIdentityTo(w, color, &p.Identity)
	if len(p.Changes) == 0 {
		fmt.Fprintln(w, "There is no difference to what is installed.")
		return
	}
	for _, more := range []bool{true, false} {
		t := table{indent: "  "}
		for _, c := range p.Changes {
			if c.More == more {
				t.add(c.What, orDash(c.Name), short(orDash(c.Old), 60), "→", short(orDash(c.New), 60))
			}
		}
		if len(t.rows) == 0 {
			continue
		}
		head := "Otherwise different:"
		if more {
			head = paint(color, red, "It asks for more, or for less caution:")
		}
		fmt.Fprintln(w, head)
		t.print(w, color)
	}
	if len(p.Unusual) > 0 {
		fmt.Fprintf(w, "Unusual: %s.\n", paint(color, red, line(strings.Join(p.Unusual, "; "))))
	}
}

func (a *app) pluginDiffCmd() *cobra.Command {
	var unsigned bool
	cmd := &cobra.Command{
		Use:               "diff NAME [REFERENCE]",
		Short:             "Compare an installed plugin with its newest version, or with another",
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: a.completePlugins,
		RunE: func(cmd *cobra.Command, args []string) error {
			req := control.PreviewRequest{Upgrade: args[0], AllowUnsigned: unsigned}
			if len(args) == 2 {
				req = control.PreviewRequest{Ref: args[1], AllowUnsigned: unsigned}
			}
			p, err := a.lookAt(cmd.Context(), req)
			if err != nil {
				return err
			}
			if p.Name != args[0] {
				return usagef("%s is %s, not %s", args[1], line(p.Name), args[0])
			}
			if a.json {
				return writeList(a, p.Changes)
			}
			a.printChanges(a.out, a.color, p)
			return nil
		},
	}
	cmd.Flags().BoolVar(&unsigned, "allow-unsigned", false, "look at one that nobody signed")
	return a.jsonFlag(cmd)
}

func (a *app) pluginRollbackCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "rollback NAME",
		Short: "Bring back the version before",
		Long: `Bring back the version that the installed one took the place of. It is kept on
disk and checked before it is used. Grants stay. To go forward again: the same
command.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completePlugins,
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := a.client.RollbackPlugin(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(p)
			}
			fmt.Fprintf(a.err, "%s is %s again.\n", line(p.Name), line(p.Version))
			return nil
		},
	})
}

func (a *app) pluginVerifyCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "verify",
		Short: "Check all that is installed against the lock and its signatures",
		Long: `Check the files of all that is installed against the lock, and what came from a
registry against its signature. No registry is asked. Whatever differs has not run
since: each module is checked before it starts.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := a.client.VerifyPlugins(cmd.Context())
			if err != nil {
				return err
			}
			bad := 0
			t := table{}
			for _, c := range list {
				state := col{text: "as installed, not signed"}
				switch {
				case c.Problem != "":
					bad++
					state = col{text: c.Problem, style: red}
				case c.Signed:
					state = col{text: "as signed by " + c.Publisher, style: green}
				}
				t.addStyled(col{text: c.Name, style: bold}, col{text: c.Version}, state)
			}
			if a.json {
				err = writeList(a, list)
			} else {
				t.print(a.out, a.color)
			}
			if bad > 0 {
				err = errors.Join(err, fmt.Errorf("%s not what was installed", count(int64(bad), "plugin is", "plugins are")))
			}
			return err
		},
	})
}
