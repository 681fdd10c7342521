package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/registry"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/manifest"
)

// installOptions are the flags of `ambit plugin install`.
type installOptions struct {
	yes      bool
	grants   []string // capabilities that --yes alone does not grant
	hosts    []string
	config   []string
	unsigned bool
	export   []string
}

func (a *app) pluginInstallCmd() *cobra.Command {
	var o installOptions
	cmd := &cobra.Command{
		Use:   "install PATH|NAME|REFERENCE",
		Short: "Install a plugin, after showing what it asks for",
		Long: `Install a plugin from a folder with plugin.yaml, from a module, by the name of
one that comes with Ambit, or from a registry by HOST/NAMESPACE/NAME:VERSION (or
@sha256:…). What it asks for is shown with its reasons, and nothing is installed
before you agree. Ambit can't tell who made a plugin from a path: it is marked as
not signed. One from a registry has to be signed, and the first key of a publisher
is remembered: --allow-unsigned takes one that nobody signed, and it stays marked.

A module without a manifest that was made for mcp.run or hyper-mcp is asked what
its tools are; of any other Extism plugin name the functions that shall be tools
(--export). The manifest made of that is pinned. To review or change it first:
ambit plugin describe FILE.wasm > plugin.yaml

--yes agrees to what is shown, but for capabilities that can't be undone or
that act on Ambit itself: each of these takes --grant CAPABILITY as well.`,
		Example: "  ambit plugin install web\n  ambit plugin install ./weather --config units=metric\n  ambit plugin install tool.wasm --host api.example.org\n  ambit plugin install registry.example/acme/weather:1.2.0",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.install(cmd.Context(), args[0], o) },
	}
	f := cmd.Flags()
	f.BoolVarP(&o.yes, "yes", "y", false, "agree to what is shown")
	f.StringArrayVar(&o.grants, "grant", nil, "with --yes, grant this too (may be repeated)")
	f.BoolVar(&o.unsigned, "allow-unsigned", false, "take one from a registry that nobody signed")
	o.describeFlags(cmd)
	return a.jsonFlag(cmd)
}

// describeFlags are those that a generated manifest depends on.
func (o *installOptions) describeFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&o.hosts, "host", nil, "for a plugin without manifest: a host it may reach (may be repeated)")
	f.StringArrayVar(&o.export, "export", nil, "for a plugin without manifest: a function that shall be a tool (may be repeated)")
	f.StringArrayVar(&o.config, "config", nil, "KEY=VALUE of its configuration (may be repeated)")
}

func (a *app) pluginDescribeCmd() *cobra.Command {
	var o installOptions
	cmd := &cobra.Command{
		Use:   "describe FILE.wasm",
		Short: "Print the manifest that a plugin without one would get",
		Long: `Print the manifest that a plugin without one would get at install, and install
nothing: to review it, or to put it beside the module, changed, as plugin.yaml.`,
		Example: "  ambit plugin describe count.wasm --export count_vowels > plugin.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := a.lookAtSource(cmd.Context(), args[0], o)
			if err != nil {
				return err
			}
			if p.Manifest == "" {
				return usagef("%s has a manifest already", args[0])
			}
			if a.json {
				return a.writeJSON(p)
			}
			_, err = io.WriteString(a.out, p.Manifest)
			return err
		},
	}
	o.describeFlags(cmd)
	return a.jsonFlag(cmd)
}

// lookAtSource has the host look at what a command line names.
func (a *app) lookAtSource(ctx context.Context, source string, o installOptions) (*control.Preview, error) {
	config, err := keyValues(o.config)
	if err != nil {
		return nil, err
	}
	req, err := previewRequest(source)
	if err != nil {
		return nil, err
	}
	req.Hosts, req.Config, req.Exports, req.AllowUnsigned = o.hosts, config, o.export, o.unsigned
	return a.lookAt(ctx, req)
}

func (a *app) install(ctx context.Context, source string, o installOptions) error {
	if len(o.grants) > 0 && !o.yes {
		return usagef("--grant goes with --yes; without it you are asked")
	}
	p, err := a.lookAtSource(ctx, source, o)
	if err != nil {
		return err
	}
	sheet := a.err // with --json, stdout is for programs
	color := a.errColor
	if !a.json {
		sheet, color = a.out, a.color
	}
	a.printSheet(sheet, color, p)
	if p.Same {
		return a.confirmInstall(ctx, p, nil)
	}
	if len(p.MissingConfig) > 0 {
		return fmt.Errorf("%s needs configuration; give --config %s=…", line(p.Name), line(strings.Join(p.MissingConfig, "=… --config ")))
	}
	wishes, err := a.consent(p, o)
	if err != nil {
		return err
	}
	return a.confirmInstall(ctx, p, wishes)
}

func (a *app) confirmInstall(ctx context.Context, p *control.Preview, wishes []control.GrantWish) error {
	var done *control.PluginDetail
	err := a.during("installing", func() (err error) {
		done, err = a.client.Install(ctx, control.InstallRequest{Preview: p.ID, Digest: p.Digest, Grants: wishes})
		return err
	})
	if err != nil {
		return err
	}
	if a.json {
		return a.writeJSON(done)
	}
	if p.Same {
		fmt.Fprintf(a.err, "%s %s is installed already; nothing was changed.\n", line(done.Name), line(done.Version))
		return nil
	}
	fmt.Fprintf(a.err, "Installed %s %s with %s.\n", line(done.Name), line(done.Version), count(int64(len(wishes)), "grant", "grants"))
	for _, r := range p.Requires {
		if !slices.ContainsFunc(wishes, func(w control.GrantWish) bool { return w.Capability == r.Capability }) {
			fmt.Fprintf(a.err, "Not granted: %s. To grant it: ambit grant %s %s\n", line(r.Capability), line(done.Name), line(r.Capability))
		}
	}
	return nil
}

// lookAt makes a preview and tells on a terminal how far it is.
func (a *app) lookAt(ctx context.Context, req control.PreviewRequest) (p *control.Preview, err error) {
	what := cmp.Or(req.Ref, req.Upgrade, req.Path, req.Name)
	stage := func() string {
		list, err := a.client.Downloads(ctx)
		if i := slices.IndexFunc(list, func(d control.Download) bool { return d.What == what }); err == nil && i >= 0 {
			switch d := list[i]; d.Stage {
			case "download":
				return "downloading " + bytesText(d.Done) + " of " + bytesText(d.All)
			case "compile":
				return "compiling"
			}
		}
		return "looking at the plugin"
	}
	err = a.duringThat(stage, func() (err error) { p, err = a.client.PreviewInstall(ctx, req); return err })
	return p, err
}

// previewRequest tells a path from a name and a reference: what exists is a path,
// and so is what looks like one.
func previewRequest(source string) (control.PreviewRequest, error) {
	_, err := os.Stat(source)
	if err != nil && manifest.CheckName(source) == nil {
		return control.PreviewRequest{Name: source}, nil
	}
	if _, notRef := registry.ParsePlugin(source); err != nil && notRef == nil {
		return control.PreviewRequest{Ref: source}, nil
	}
	if err != nil {
		return control.PreviewRequest{}, err
	}
	abs, err := filepath.Abs(source)
	return control.PreviewRequest{Path: abs}, err
}

// printIdentity is the head of a consent sheet and of `plugin show`.
func (a *app) printIdentity(id *control.Identity) { a.printIdentityTo(a.out, a.color, id) }

func (a *app) printIdentityTo(w io.Writer, color bool, id *control.Identity) {
	trust := paint(color, yellow, "(not signed: "+line(id.Source)+")")
	switch {
	case id.Signed && id.KeySeen.IsZero():
		trust = "by " + line(id.Publisher) + "  (signed, key not seen before)"
	case id.Signed:
		trust = "by " + line(id.Publisher) + "  (signed, key first seen " + a.ago(id.KeySeen) + ")"
	case id.Source == "embedded":
		trust = "(comes with Ambit)"
	}
	fmt.Fprintf(w, "%s %s  %s\n", paint(color, bold, line(id.Name)), line(id.Version), trust)
	facts := []string{line(string(id.Runtime)), bytesText(id.Size)}
	if id.License != "" {
		facts = append(facts, line(id.License))
	}
	fmt.Fprintf(w, "%s\n%s\n", line(id.Description), paint(color, dim, kindsText(id)+" · "+strings.Join(facts, " · ")))
	if id.Signed {
		fmt.Fprintln(w, paint(color, dim, "key "+line(id.Signer)))
	}
}

// printSheet is what the owner consents to.
func (a *app) printSheet(w io.Writer, color bool, p *control.Preview) {
	a.printIdentityTo(w, color, &p.Identity)
	if p.Replaces != "" {
		fmt.Fprintf(w, "It replaces %s %s.\n", line(p.Name), line(p.Replaces))
	}
	if len(p.Requires) == 0 {
		fmt.Fprintln(w, "\nIt asks for nothing.")
	} else {
		fmt.Fprintln(w, "\nIt asks for:")
	}
	t := table{indent: "  "}
	for _, r := range p.Requires {
		reason := `"` + r.Reason + `"`
		if r.New {
			reason += " (new)"
		}
		t.addStyled(col{text: string(r.Risk), style: riskStyle(r.Risk)}, col{text: r.Capability}, col{text: scopeText(r.Capability, r.Scope)}, col{text: reason})
	}
	t.print(w, color)
	if p.Generated {
		fmt.Fprintln(w, "\nIts manifest was generated (ambit plugin describe shows it), with these tools:")
		printTools(w, color, p.Tools)
	}
	unusual := "nothing"
	if len(p.Unusual) > 0 {
		unusual = paint(color, red, line(strings.Join(p.Unusual, "; ")))
	}
	fmt.Fprintf(w, "Unusual: %s.\n", unusual)
	if len(p.Unable) > 0 {
		fmt.Fprintf(w, "It will not be able to: %s.\n", line(strings.Join(p.Unable, ", ")))
	}
	fmt.Fprintln(w)
}

// consent is what the owner grants: by --yes, or by an answer.
func (a *app) consent(p *control.Preview, o installOptions) ([]control.GrantWish, error) {
	if o.yes {
		return consentByFlag(p, o.grants)
	}
	question := "Install and grant these? [y/N/edit] "
	if len(p.Requires) == 0 {
		question = "Install it? [y/N] "
	}
	fmt.Fprint(a.err, question)
	answer, err := a.answer()
	if err != nil {
		return nil, err
	}
	switch strings.ToLower(answer) {
	case "y", "yes":
		var wishes []control.GrantWish
		for _, r := range p.Requires {
			wishes = append(wishes, control.GrantWish{Capability: r.Capability})
		}
		return wishes, nil
	case "e", "edit":
		return a.consentOneByOne(p)
	}
	return nil, errors.New("nothing was installed")
}

func consentByFlag(p *control.Preview, extra []string) ([]control.GrantWish, error) {
	var wishes []control.GrantWish
	for _, r := range p.Requires {
		grave := r.Risk == capability.Irreversible || r.Risk == capability.Control
		if !grave || slices.Contains(extra, r.Capability) {
			wishes = append(wishes, control.GrantWish{Capability: r.Capability})
		}
	}
	for _, name := range extra {
		if !slices.ContainsFunc(p.Requires, func(r control.Requirement) bool { return r.Capability == name }) {
			return nil, usagef("--grant %s: %s does not ask for it; nothing was installed", name, p.Name)
		}
	}
	return wishes, nil
}

// consentOneByOne asks for each; an object is a narrower scope.
func (a *app) consentOneByOne(p *control.Preview) ([]control.GrantWish, error) {
	fmt.Fprintln(a.err, `For each: y, n, or a narrower scope such as {"hosts": ["api.example.org"]}.`)
	var wishes []control.GrantWish
	for _, r := range p.Requires {
		scope, err := json.Marshal(r.Scope)
		if err != nil {
			return nil, err
		}
		for {
			fmt.Fprintf(a.err, "%s %s %s [Y/n/scope] ", line(string(r.Risk)), line(r.Capability), line(string(scope)))
			answer, err := a.answer()
			if err != nil {
				return nil, err
			}
			wish, again := wishFrom(r, answer)
			if again != nil {
				fmt.Fprintf(a.err, "  %s\n", line(again.Error()))
				continue
			}
			if wish != nil {
				wishes = append(wishes, *wish)
			}
			break
		}
	}
	return wishes, nil
}

// wishFrom reads one answer; nil means not granted.
func wishFrom(r control.Requirement, answer string) (*control.GrantWish, error) {
	switch strings.ToLower(answer) {
	case "", "y", "yes":
		return &control.GrantWish{Capability: r.Capability}, nil
	case "n", "no":
		return nil, nil
	}
	scope, err := parseScope(answer)
	if err != nil {
		return nil, err
	}
	return &control.GrantWish{Capability: r.Capability, Scope: scope}, nil
}

func parseScope(s string) (*capability.Scope, error) {
	scope := new(capability.Scope)
	if err := json.Unmarshal([]byte(s), scope); err != nil {
		return nil, usagef("scope: want an object of lists and integers, such as {\"hosts\": [\"api.example.org\"]}: %v", err)
	}
	return scope, nil
}
