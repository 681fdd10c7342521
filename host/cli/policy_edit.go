package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/host/control"
)

func (a *app) policyEditCmd() *cobra.Command {
	var since string
	yes := false
	cmd := &cobra.Command{
		Use:   "edit [FILE]",
		Short: "Change your policy: edit a copy, check, test, replay, and put it in force",
		Long: `Open a file of your policy folder (rules.rego unless told) in $EDITOR, on a
copy. Then the copy is checked and tested, recorded requests are decided again,
and what would change is shown. On your yes the copy takes the place of your
folder, all of it at once. Until then nothing changes. With --json the check and
the replay are printed as JSON, one after the other.`,
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return a.completePolicyFiles(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			name := optional(args)
			if name == "" {
				name = "rules.rego"
			}
			if !filepath.IsLocal(name) {
				return usagef("%q: want the name of a file in your policy folder", name)
			}
			return a.policyEdit(cmd, name, since, yes)
		},
	}
	cmd.Flags().StringVar(&since, "since", "7d", sinceHelp)
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return a.jsonFlag(cmd)
}

// completePolicyFiles offers the files of the owner's folder.
func (a *app) completePolicyFiles(cmd *cobra.Command, args []string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 || a.begin() != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	st, err := a.client.PolicyStatus(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, ext := range []string{"*.rego", "*.yaml"} {
		found, _ := filepath.Glob(filepath.Join(st.Folder, ext)) // the pattern is right
		for _, f := range found {
			names = append(names, line(filepath.Base(f)))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (a *app) policyEdit(cmd *cobra.Command, name, since string, yes bool) error {
	st, err := a.client.PolicyStatus(cmd.Context())
	if err != nil {
		return err
	}
	if st.Error != "" {
		return fmt.Errorf("your files are not what is in force, so there is nothing to compare a change with; correct them first:\n%s", block(st.Error))
	}
	folder, err := os.MkdirTemp("", "ambit-policy-")
	if err != nil {
		return err
	}
	if err := copyPolicy(st.Folder, folder); err != nil {
		return errors.Join(err, os.RemoveAll(folder))
	}
	taken, err := a.editCopy(cmd, st, folder, name, since, yes)
	if taken {
		return errors.Join(err, os.RemoveAll(folder))
	}
	fmt.Fprintf(a.err, "Nothing was changed. Your copy: %s\n", folder)
	return err
}

// editCopy takes a copy from the editor to being in force, or not.
func (a *app) editCopy(cmd *cobra.Command, st *control.PolicyStatus, folder, name, since string, yes bool) (taken bool, err error) {
	file := filepath.Join(folder, name)
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) && filepath.Ext(name) == ".rego" {
		if err := os.WriteFile(file, []byte("package ambit.owner."+packageName(name)+"\n\n"), 0o600); err != nil {
			return false, err
		}
	}
	if err := a.runEditor(file); err != nil {
		return false, err
	}
	r, err := a.client.CheckPolicy(cmd.Context(), control.PolicyCheckRequest{Folder: folder})
	if err != nil {
		return false, err
	}
	if a.json {
		err = a.writeJSON(r)
	} else {
		a.printReport(r)
	}
	switch {
	case err != nil:
		return false, err
	case !r.OK:
		return false, errSilent
	case r.Revision == st.Revision:
		fmt.Fprintln(a.err, "No rule is different.")
		return false, nil
	}
	if err := a.policyReplay(cmd, since, "", folder); err != nil {
		return false, err
	}
	if !yes {
		fmt.Fprint(a.err, "Put this in force? [y/N] ")
		if yes, err = a.confirm(); err != nil || !yes {
			return false, err
		}
	}
	if _, err := a.client.ActivatePolicy(cmd.Context(), control.PolicyActivateRequest{Folder: folder, From: st.Revision, To: r.Revision}); err != nil {
		return false, err
	}
	fmt.Fprintf(a.err, "In force: policy %s. Before it: %s\n", line(r.Revision), line(st.Revision))
	return true, nil
}

// packageName makes a file's name one of Rego.
func packageName(file string) string {
	base := strings.TrimSuffix(filepath.Base(file), ".rego")
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, strings.ToLower(base))
}

// runEditor waits for $VISUAL or $EDITOR. Both may hold arguments, which is why
// a shell takes them apart.
func (a *app) runEditor(file string) error {
	editor := os.Getenv("VISUAL")
	if editor == "" {
		editor = os.Getenv("EDITOR")
	}
	argv := []string{"/bin/sh", "-c", editor + ` "$1"`, "sh", file}
	switch {
	case editor == "" && runtime.GOOS == "windows":
		return usagef("set EDITOR to the program you write with")
	case editor == "":
		argv[2] = `vi "$1"`
	case runtime.GOOS == "windows":
		argv = []string{filepath.Join(os.Getenv("SystemRoot"), "System32", "cmd.exe"), "/c", editor, file}
	}
	p, err := os.StartProcess(argv[0], argv, &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stderr, os.Stderr}})
	if err != nil {
		return fmt.Errorf("start the editor: %w", err)
	}
	state, err := p.Wait()
	if err == nil && !state.Success() {
		err = fmt.Errorf("the editor ended with %v", state)
	}
	return err
}

// copyPolicy copies the files that the policy is made of.
func copyPolicy(from, to string) error {
	root, err := os.OpenRoot(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case d.IsDir() || strings.HasPrefix(d.Name(), ".") || filepath.Ext(name) != ".rego" && filepath.Ext(name) != ".yaml":
			return nil
		}
		b, err := root.ReadFile(name)
		if err != nil {
			return err
		}
		target := filepath.Join(to, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			return err
		}
		return os.WriteFile(target, b, 0o600)
	})
}
