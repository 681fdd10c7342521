// Command agentdojo replays recorded traces of the AgentDojo benchmark (what
// solves each user task, and what carries out each attack) through Ambit's gate,
// policy, labels and provenance, and says what would have run, what the owner
// would have been asked, and what would have been denied. See README.md.
package main

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
)

//go:embed annotations
var shipped embed.FS

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "agentdojo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("agentdojo", flag.ContinueOnError)
	data := flags.String("data", "", "folder with a SUITE.json for each suite")
	folder := flags.String("annotations", "", "folder with a SUITE.annotations.yaml for each suite; empty: those shipped")
	asJSON := flags.Bool("json", false, "print JSON")
	why := flags.Bool("why", false, "print what was asked or denied in user tasks, and which attacks ran")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *data == "" || flags.NArg() > 0 {
		return fmt.Errorf("want --data DIR, and no other arguments")
	}
	notes, err := fs.Sub(shipped, "annotations")
	if err != nil {
		return err
	}
	if *folder != "" {
		notes = os.DirFS(*folder)
	}
	suites, err := load(*data, notes)
	if err != nil {
		return err
	}
	results, good, failed := map[string]result{}, []suite{}, []error{}
	for _, s := range suites {
		r, err := s.replay(ctx)
		if err != nil { // the others are replayed all the same
			failed = append(failed, fmt.Errorf("suite %s: %w", s.Name, err))
			continue
		}
		results[s.Name], good = r, append(good, s)
	}
	if *asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		err = e.Encode(map[string]any{"suites": results})
	} else {
		err = table(out, good, results, *why)
	}
	return errors.Join(append(failed, err)...)
}

func table(out io.Writer, suites []suite, results map[string]result, why bool) error {
	for _, s := range suites {
		r := results[s.Name]
		fmt.Fprintf(out, "%-12s user tasks: %3d allowed %3d asked %3d denied\n", s.Name, r.Users.Allowed, r.Users.Asked, r.Users.Denied)
		if _, err := fmt.Fprintf(out, "%-12s attacks:    %3d allowed %3d asked %3d denied, %d without calls, %d without entry\n", "", r.Attacks.Allowed, r.Attacks.Asked, r.Attacks.Denied, r.Attacks.WithoutCalls, r.Attacks.WithoutEntry); err != nil {
			return err
		}
		if why {
			for _, line := range r.why {
				fmt.Fprintln(out, "  "+line)
			}
		}
	}
	return nil
}
