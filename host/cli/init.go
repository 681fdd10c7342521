package cli

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/host/control"
)

// starter are the files that init writes.
//
//go:embed starter
var starter embed.FS

// initOptions are the flags of `ambit init`.
type initOptions struct {
	model       string // plugin or plugin/model
	config      []string
	telegram    bool
	unattended  bool
	withoutTest bool
}

func (a *app) initCmd() *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Set up: a model, settings, a first policy, a channel",
		Long: `Set up Ambit in this home. It looks for keys in the environment and for a model
server on this machine, installs the model plugin that you choose after showing
what it asks for, has the model answer once, writes ambit.yaml and a first policy
where there are none, and sets up a Telegram bot if you want one. It changes
nothing that is there already, and may be run again.`,
		Example: "  ambit init\n  ambit init --non-interactive --model ollama/qwen3:8b\n  ambit init --non-interactive --model rehearsal",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.setUp(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.model, "model", "", "`PLUGIN/MODEL` to use, instead of being asked")
	f.StringArrayVar(&o.config, "config", nil, "KEY=VALUE of the model plugin's configuration (may be repeated)")
	f.BoolVar(&o.telegram, "telegram", false, "set up the Telegram channel; its token is asked for, or in TELEGRAM_TOKEN")
	f.BoolVar(&o.unattended, "non-interactive", false, "ask nothing: take --model, or the first thing found")
	f.BoolVar(&o.withoutTest, "no-test", false, "do not have the model answer once")
	return cmd
}

func (a *app) setUp(ctx context.Context, o initOptions) error {
	fmt.Fprintf(a.out, "Ambit keeps everything in %s.\n\n", line(a.home))
	choice, err := a.chooseModel(ctx, o)
	if err != nil {
		return err
	}
	if err := a.writeStarters(choice); err != nil {
		return err
	}
	if err := a.ensureHost(ctx); err != nil {
		return err
	}
	if err := a.installModel(ctx, choice, o); err != nil {
		return err
	}
	if !o.withoutTest {
		if err := a.testModel(ctx, choice); err != nil {
			return err
		}
	}
	if err := a.setUpTelegram(ctx, o); err != nil {
		return err
	}
	fmt.Fprint(a.out, "\nReady. Next:\n  ambit chat                    talk to it\n  ambit plugin install memory   what it may remember; also: notes, web, code, schedule\n  ambit doctor                  see that all is well\n")
	return nil
}

// writeStarters writes the settings and the first policy where there are none.
func (a *app) writeStarters(m modelChoice) error {
	if err := os.MkdirAll(filepath.Join(a.home, "policy"), 0o700); err != nil {
		return err
	}
	text, err := starter.ReadFile("starter/ambit.yaml")
	if err != nil {
		return err
	}
	t, err := template.New("ambit.yaml").Parse(string(text))
	if err != nil {
		return err
	}
	var settings bytes.Buffer
	if err := t.Execute(&settings, map[string]string{"Model": m.setting()}); err != nil {
		return err
	}
	if err := a.writeNew("ambit.yaml", settings.Bytes()); err != nil {
		return err
	}
	own, err := filepath.Glob(filepath.Join(a.home, "policy", "*.rego"))
	if err != nil || len(own) > 0 {
		return err
	}
	rules, err := starter.ReadFile("starter/starter.rego")
	if err != nil {
		return err
	}
	return a.writeNew(filepath.Join("policy", "starter.rego"), rules)
}

// writeNew writes a file of the home unless it is there.
func (a *app) writeNew(name string, content []byte) error {
	f, err := os.OpenFile(filepath.Join(a.home, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the owner's own home
	if errors.Is(err, os.ErrExist) {
		fmt.Fprintf(a.out, "%s is there already and stays as it is.\n", name)
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		return errors.Join(err, f.Close())
	}
	fmt.Fprintf(a.out, "Wrote %s.\n", name)
	return f.Close()
}

func (a *app) installModel(ctx context.Context, m modelChoice, o initOptions) error {
	list, err := a.client.Plugins(ctx)
	if err != nil {
		return err
	}
	if m.env != "" {
		if err := a.storeKey(ctx, m); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(list, func(p control.Plugin) bool { return p.Name == m.plugin }) {
		fmt.Fprintf(a.out, "%s is installed already.\n", m.plugin)
		return nil
	}
	config := slices.Clone(o.config)
	if m.model != "" {
		config = append(config, "model="+m.model)
	}
	fmt.Fprintln(a.out)
	return a.install(ctx, m.plugin, installOptions{yes: o.unattended, config: config})
}

// storeKey moves a key from the environment into the host's store, where no
// plugin sees it.
func (a *app) storeKey(ctx context.Context, m modelChoice) error {
	names, err := a.client.Secrets(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(names, func(s control.Secret) bool { return s.Name == m.store }) {
		return nil
	}
	value := []byte(os.Getenv(m.env))
	defer clear(value)
	if err := a.client.SetSecret(ctx, m.store, value); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "Stored %s from the environment as the secret %s.\n", m.env, m.store)
	return nil
}

// testModel has the model answer once, the way it will be asked: through the
// gate, by the plugin in its cell.
func (a *app) testModel(ctx context.Context, m modelChoice) error {
	var done control.ChatEvent
	err := a.during("asking the model", func() error {
		return a.client.Chat(ctx, control.ChatRequest{Session: "init", Text: "Answer with the one word: ready"}, func(e control.ChatEvent) error {
			if e.Type == control.ChatDone {
				done = e
			}
			return nil
		})
	})
	if err == nil && strings.TrimSpace(done.Text) == "" {
		err = errors.New("it ended without an answer")
	}
	if err != nil {
		return fmt.Errorf("%s is set up, but a first question failed: %s\n  change its configuration: ambit plugin config %s KEY=VALUE, then run ambit init again", m.plugin, err.Error(), m.plugin)
	}
	used := ""
	if done.Usage != nil {
		used = fmt.Sprintf(", %s tokens", thousands(int64(done.Usage.Input+done.Usage.Output)))
	}
	fmt.Fprintf(a.out, "The model answers: %s (%s%s)\n", short(done.Text, 60), micros(done.Micros), used)
	return nil
}

func (a *app) setUpTelegram(ctx context.Context, o initOptions) error {
	if !o.telegram && !o.unattended {
		fmt.Fprint(a.err, "\nTalk with it over Telegram, too? You need a bot of your own: @BotFather makes one and gives you its token. [y/N] ")
		yes, err := a.confirm()
		if err != nil || !yes {
			return err
		}
	}
	if !o.telegram && o.unattended {
		return nil
	}
	token := []byte(os.Getenv("TELEGRAM_TOKEN"))
	if len(token) == 0 {
		if o.unattended {
			return usagef("--telegram with --non-interactive takes the bot's token from TELEGRAM_TOKEN, which is not set")
		}
		var err error
		if token, err = a.readSecret("TELEGRAM_TOKEN"); err != nil {
			return err
		}
	}
	defer clear(token)
	if err := a.client.SetSecret(ctx, "TELEGRAM_TOKEN", token); err != nil {
		return err
	}
	grants := []string(nil)
	if o.unattended {
		grants = []string{"owner.speak"}
	}
	if err := a.install(ctx, "telegram", installOptions{yes: o.unattended, grants: grants}); err != nil {
		return err
	}
	fmt.Fprintln(a.out, "Now write to your bot. It answers with a code; then: ambit channel pair CODE --owner")
	return nil
}
