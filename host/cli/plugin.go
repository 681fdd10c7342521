package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/host/control"
)

func (a *app) pluginCmd() *cobra.Command {
	return group(&cobra.Command{
		Use:     "plugin",
		Aliases: []string{"plugins"},
		Short:   "Install, look at and remove plugins",
	}, a.pluginInstallCmd(), a.pluginDescribeCmd(), a.pluginListCmd(), a.pluginShowCmd(), a.pluginRemoveCmd(),
		a.pluginEnabledCmd(true), a.pluginEnabledCmd(false), a.pluginConfigCmd(),
		a.pluginUpgradeCmd(), a.pluginDiffCmd(), a.pluginRollbackCmd(), a.pluginVerifyCmd(), a.pluginPackCmd(), a.pluginPublishCmd())
}

func (a *app) pluginListCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List installed plugins",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := a.client.Plugins(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return writeList(a, list)
			}
			if len(list) == 0 {
				fmt.Fprintln(a.err, "No plugin is installed. To install one: ambit plugin install PATH|NAME|REFERENCE")
				return nil
			}
			t := table{}
			t.head("NAME", "VERSION", "KINDS", "BY", "RUNS", "GRANTS", "WHAT IT IS")
			for _, p := range list {
				t.addStyled(col{text: p.Name, style: bold}, col{text: p.Version}, col{text: kindsText(&p.Identity)},
					makerCell(&p.Identity), stateCell(&p), col{text: fmt.Sprint(p.Grants)}, col{text: short(p.Description, 70)})
			}
			t.print(a.out, a.color)
			return nil
		},
	})
}

func kindsText(id *control.Identity) string {
	var kinds []string
	for _, k := range id.Kinds {
		kinds = append(kinds, string(k))
	}
	return strings.Join(kinds, ", ")
}

// makerCell says who made a plugin, as far as anybody can tell.
func makerCell(id *control.Identity) col {
	switch {
	case id.Signed:
		return col{text: id.Publisher}
	case id.Source == "embedded":
		return col{text: "Ambit"}
	case id.Publisher != "":
		return col{text: "not signed (" + id.Publisher + ")", style: yellow}
	}
	return col{text: "not signed", style: yellow}
}

func stateCell(p *control.Plugin) col {
	c := plainState(p)
	if p.Held != nil {
		c.text += ", " + p.Held.Version + " held"
	}
	return c
}

func plainState(p *control.Plugin) col {
	switch {
	case !p.Enabled:
		return col{text: "disabled", style: dim}
	case p.State == "crashed", p.State == "killed", p.State == "revoked":
		return col{text: p.State, style: red}
	case p.State == "running":
		return col{text: p.State, style: green}
	}
	return col{text: p.State}
}

func (a *app) pluginShowCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:               "show NAME",
		Short:             "Show all there is to know about a plugin",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completePlugins,
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := a.client.Plugin(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(p)
			}
			a.printPlugin(p)
			return nil
		},
	})
}

func (a *app) printPlugin(p *control.PluginDetail) {
	a.printIdentity(&p.Identity)
	t := table{}
	state := stateCell(&p.Plugin)
	if p.PID != 0 {
		state.text += fmt.Sprintf(" (process %d)", p.PID)
	}
	t.addStyled(col{text: "State"}, state)
	t.add("Installed", a.ago(p.Installed)+", from "+p.Source)
	t.add("Digest", p.Digest)
	if p.Artifact != "" {
		t.add("Artifact", p.Artifact)
	}
	if p.Held != nil {
		t.addStyled(col{text: "Held"}, col{text: heldText(p.Name, p.Held), style: yellow})
	}
	if p.Previous != "" {
		t.add("Before", p.Previous+" (ambit plugin rollback "+p.Name+")")
	}
	if p.Isolation != "" {
		t.add("Confinement", confinementText(p.Isolation, p.Measures))
	}
	for _, m := range p.Missing {
		t.add("", "missing: "+m)
	}
	if p.LastError != "" {
		t.addStyled(col{text: "Last error"}, col{text: p.LastError, style: red})
	}
	for _, key := range slices.Sorted(maps.Keys(p.Config)) {
		t.add("Config", key+" = "+p.Config[key])
	}
	t.print(a.out, a.color)
	a.printTools(p.Tools)
	a.printGranted(p)
	for _, brought := range []struct{ head, text string }{{"README", p.Readme}, {"Licence", p.Licence}} {
		if brought.text != "" {
			fmt.Fprintf(a.out, "\n%s of the plugin, in its words:\n%s\n", brought.head, block(brought.text))
		}
	}
}

func heldText(name string, h *control.Held) string {
	return fmt.Sprintf("%s asks for more: %s (ambit plugin diff %s)", h.Version, strings.Join(h.More, ", "), name)
}

func (a *app) printTools(tools []control.Tool) {
	if len(tools) > 0 {
		fmt.Fprintln(a.out, "\nTools:")
		printTools(a.out, a.color, tools)
	}
}

func printTools(w io.Writer, color bool, tools []control.Tool) {
	t := table{indent: "  "}
	for _, tool := range tools {
		t.addStyled(col{text: tool.Name, style: bold}, col{text: tool.Capability, style: riskStyle(tool.Risk)}, col{text: short(tool.Description, 90)})
	}
	t.print(w, color)
}

// printGranted sets what the plugin asks for beside what it was granted.
func (a *app) printGranted(p *control.PluginDetail) {
	if len(p.Requires) == 0 {
		return
	}
	fmt.Fprintln(a.out, "\nIt asks for:")
	t := table{indent: "  "}
	for _, r := range p.Requires {
		granted := col{text: "not granted", style: dim}
		if slices.ContainsFunc(p.InForce, func(g control.Grant) bool { return g.Capability == r.Capability && !g.Consent }) {
			granted = col{text: "granted", style: green}
		}
		t.addStyled(col{text: string(r.Risk), style: riskStyle(r.Risk)}, col{text: r.Capability}, col{text: scopeText(r.Capability, r.Scope)}, granted)
	}
	t.print(a.out, a.color)
	if len(p.InForce) > 0 {
		fmt.Fprintln(a.out, "\nIt is granted:")
	}
	for _, g := range p.InForce {
		fmt.Fprintln(a.out, "  "+a.sentence(g)+".")
	}
}

func (a *app) pluginRemoveCmd() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:               "remove NAME",
		Aliases:           []string{"rm", "uninstall"},
		Short:             "Remove a plugin, its grants and what it stored",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completePlugins,
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := a.client.Plugin(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if !yes {
				fmt.Fprintf(a.err, "Remove %s %s, its grants and what it stored? [y/N] ", line(p.Name), line(p.Version))
				if ok, err := a.confirm(); err != nil || !ok {
					return orKept(err)
				}
			}
			if err := a.client.RemovePlugin(cmd.Context(), p.Name); err != nil {
				return err
			}
			fmt.Fprintf(a.err, "Removed %s.\n", line(p.Name))
			return nil
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

func orKept(err error) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("nothing was changed")
}

func (a *app) pluginEnabledCmd(on bool) *cobra.Command {
	use, text, done := "disable NAME", "Switch a plugin off; its grants stay", "Disabled"
	if on {
		use, text, done = "enable NAME", "Switch a plugin on again", "Enabled"
	}
	return a.jsonFlag(&cobra.Command{
		Use:               use,
		Short:             text,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completePlugins,
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := a.client.SetPluginEnabled(cmd.Context(), args[0], on)
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(p)
			}
			fmt.Fprintf(a.err, "%s %s.\n", done, line(p.Name))
			return nil
		},
	})
}

func (a *app) pluginConfigCmd() *cobra.Command {
	var unset []string
	cmd := &cobra.Command{
		Use:   "config NAME [KEY=VALUE…]",
		Short: "Show or change a plugin's configuration",
		Long: `Without values, show the configuration. With values, change those keys and
keep the others; the plugin's process is started anew on next use. Secrets
do not belong here: ambit secret set NAME.`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.completePlugins,
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := a.client.Plugin(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if p, err = a.changeConfig(cmd.Context(), p, args[1:], unset); err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(p)
			}
			for _, key := range slices.Sorted(maps.Keys(p.Config)) {
				fmt.Fprintf(a.out, "%s=%s\n", line(key), line(p.Config[key]))
			}
			return nil
		},
	}
	cmd.Flags().StringArrayVar(&unset, "unset", nil, "remove this key (may be repeated)")
	return a.jsonFlag(cmd)
}

func (a *app) changeConfig(ctx context.Context, p *control.PluginDetail, pairs, unset []string) (*control.PluginDetail, error) {
	set, err := keyValues(pairs)
	if err != nil || len(set)+len(unset) == 0 {
		return p, err
	}
	config := map[string]string{}
	maps.Copy(config, p.Config)
	for _, key := range unset {
		if _, ok := config[key]; !ok {
			return nil, usagef("%s has no configuration %q", p.Name, key)
		}
		delete(config, key)
	}
	maps.Copy(config, set)
	return a.client.SetPluginConfig(ctx, p.Name, config)
}

// keyValues reads KEY=VALUE arguments.
func keyValues(pairs []string) (map[string]string, error) {
	out := map[string]string{}
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, usagef("configuration %q: want KEY=VALUE", pair)
		}
		if _, twice := out[key]; twice {
			return nil, usagef("configuration %q is given twice", key)
		}
		out[key] = value
	}
	return out, nil
}
