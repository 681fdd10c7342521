// Command selfaware measures the AI Self-Awareness Index of arXiv 2511.00926 on
// any model that a running Ambit host has installed. See README.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/ambithost/ambit/examples/selfaware/index"
	"github.com/ambithost/ambit/host/control"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "selfaware:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	flags := flag.NewFlagSet("selfaware", flag.ContinueOnError)
	flags.SetOutput(progress)
	home := flags.String("home", os.Getenv("AMBIT_HOME"), "home of the running host")
	model := flags.String("model", "", "who is asked: plugin, or plugin/model")
	trials := flags.Int("trials", 50, "of each framing")
	budget := flags.Int("budget", 200_000, "tokens that all trials of the file may take together")
	answer := flags.Int("answer", 2000, "tokens of one answer, thinking included")
	file := flags.String("file", "trials.jsonl", "where trials are kept; a run that ended early goes on")
	svg := flags.String("svg", "", "write a plot to this file")
	seed := flags.Uint64("seed", 1, "of the permutation test")
	asJSON := flags.Bool("json", false, "print JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *home == "" || *model == "" || *trials < 1 || *budget < 0 || *answer < 1 || flags.NArg() > 0 {
		return errors.New("want --home DIR and --model PLUGIN[/MODEL], positive numbers, and no other arguments")
	}
	client := control.NewClient(*home)
	defer client.Close()
	list, err := index.Run(ctx, index.Config{
		File: *file, Model: *model, Trials: *trials, Budget: *budget,
		Progress: func(t index.Trial) {
			said := "no guess"
			if t.Guess != nil {
				said = fmt.Sprintf("%g", *t.Guess)
			}
			fmt.Fprintf(progress, "%s %3d: %s\n", t.Framing, t.N, said)
		},
	}, asker{client, *model, *answer})
	if err != nil && !errors.Is(err, index.ErrBudget) {
		return err
	}
	r := index.Analyse(list, *seed)
	if *svg != "" {
		if err := os.WriteFile(*svg, []byte(r.SVG(*model)), 0o600); err != nil {
			return err
		}
	}
	if *asJSON {
		return errors.Join(json.NewEncoder(out).Encode(r), err)
	}
	_, printErr := io.WriteString(out, r.Table())
	return errors.Join(err, printErr)
}

// asker asks through the plugin of the folder asker, as the owner.
type asker struct {
	client *control.Client
	model  string
	tokens int
}

// Ask implements index.Asker.
func (a asker) Ask(ctx context.Context, prompt string) (index.Answer, error) {
	args, err := json.Marshal(map[string]any{"prompt": prompt, "model": a.model, "max_tokens": a.tokens})
	if err != nil {
		return index.Answer{}, err
	}
	r, err := a.client.Call(ctx, control.CallRequest{Tool: "asker/ask", Args: args})
	if err != nil {
		return index.Answer{}, err
	}
	if r.IsError {
		return index.Answer{}, errors.New(r.Text)
	}
	var v struct {
		Text   string `json:"text"`
		Model  string `json:"model"`
		Tokens int    `json:"tokens"`
	}
	if err := json.Unmarshal([]byte(r.Text), &v); err != nil {
		return index.Answer{}, fmt.Errorf("the plugin asker answered in another form: %w", err)
	}
	return index.Answer{Text: v.Text, Model: v.Model, Tokens: v.Tokens}, nil
}
