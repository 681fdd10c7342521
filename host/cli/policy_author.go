package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/host/control"
)

// folderOf is the folder that the arguments name; none is the owner's.
func folderOf(args []string) (req control.PolicyCheckRequest, err error) {
	if len(args) > 0 {
		req.Folder, err = filepath.Abs(args[0])
	}
	return req, err
}

// completeFolder has the shell offer folders for the first argument.
func completeFolder(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveFilterDirs
}

func (a *app) policyTestCmd() *cobra.Command {
	verbose := false
	cmd := &cobra.Command{
		Use:   "test [FOLDER]",
		Short: "Run the tests of a folder of policies, or of yours, and say what they leave out",
		Long: `Run the tests of a folder of policies, or of yours: the rules named test_… of
files that end in _test.rego, and the cases of files that end in _cases.yaml.
Then name the rules that held in no test. Nothing is put in force.`,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: completeFolder,
		RunE: func(cmd *cobra.Command, args []string) error {
			req, err := folderOf(args)
			if err != nil {
				return err
			}
			r, err := a.client.TestPolicy(cmd.Context(), req)
			if err != nil {
				return err
			}
			if a.json {
				err = a.writeJSON(r)
			} else {
				a.printTests(r, verbose)
			}
			if err == nil && !r.OK {
				err = errSilent
			}
			return err
		},
	}
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "name the tests that pass, too")
	return a.jsonFlag(cmd)
}

func (a *app) printTests(r *control.PolicyTestReport, verbose bool) {
	a.printProblems(r.Problems)
	failed := int64(0)
	for _, t := range r.Tests {
		switch {
		case !t.OK:
			failed++
			fmt.Fprintf(a.out, "%s  %s\n      %s:%d: %s\n", a.paint(red, "fails"), line(t.Name), line(t.File), t.Line, line(t.Message))
		case verbose:
			fmt.Fprintf(a.out, "%s  %s\n", a.paint(green, "holds"), line(t.Name))
		}
	}
	for _, u := range r.Unreached {
		fmt.Fprintf(a.out, "%s  %s:%d: %s held in no test\n", a.paint(yellow, "blind"), line(u.File), u.Line, line(u.Rule))
	}
	verdict := a.paint(green, "good")
	if !r.OK {
		verdict = a.paint(red, "not good")
	}
	fmt.Fprintf(a.out, "%s: %s, %s failed; %d of %s reached\n", verdict,
		count(int64(len(r.Tests)), "test", "tests"), thousands(failed), r.Rules-len(r.Unreached), count(int64(r.Rules), "rule", "rules"))
}

func (a *app) policyFmtCmd() *cobra.Command {
	check := false
	cmd := &cobra.Command{
		Use:   "fmt [FOLDER]",
		Short: "Put the files of a folder of policies, or of yours, into the usual form",
		Args:  cobra.MaximumNArgs(1), ValidArgsFunction: completeFolder,
		RunE: func(cmd *cobra.Command, args []string) error {
			req, err := folderOf(args)
			if err != nil {
				return err
			}
			r, err := a.client.FormatPolicy(cmd.Context(), req)
			if err != nil {
				return err
			}
			if !check {
				err = rewrite(r)
			}
			switch {
			case a.json:
				err = errors.Join(err, a.writeJSON(r))
			default:
				a.printFormat(r)
			}
			if err == nil && (len(r.Problems) > 0 || check && len(r.Changed) > 0) {
				err = errSilent
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "change nothing; exit with 1 if a file is not in that form")
	return a.jsonFlag(cmd)
}

// printFormat names the files that were, or with --check would be, changed.
func (a *app) printFormat(r *control.PolicyFormat) {
	a.printProblems(r.Problems)
	for _, f := range r.Changed {
		fmt.Fprintln(a.out, line(f.File))
	}
}

// rewrite writes the files back. One that changed since the host read it is
// left as it is.
func rewrite(r *control.PolicyFormat) error {
	var errs []error
	for _, f := range r.Changed {
		errs = append(errs, rewriteFile(f.File, f.Text, f.Digest))
	}
	return errors.Join(errs...)
}

func rewriteFile(path, text, digest string) error {
	was, err := os.ReadFile(path) //nolint:gosec // the owner named the folder
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(was); hex.EncodeToString(sum[:]) != digest {
		return fmt.Errorf("%s changed meanwhile; run it again", path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	temp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new") // a dot keeps it out of the policy
	if err := os.WriteFile(temp, []byte(text), info.Mode().Perm()); err != nil {
		return err
	}
	return os.Rename(temp, path)
}
