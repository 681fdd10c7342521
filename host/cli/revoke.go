package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/registry/durable"
	"github.com/ambithost/ambit/registry/feed"
)

// revokeFlags say what an entry of a feed is about.
type revokeFlags struct {
	entry feed.Entry
	key   string
	days  int
	lift  bool
	from  int64
}

func (a *app) registryRevokeCmd() *cobra.Command {
	var f revokeFlags
	cmd := &cobra.Command{
		Use:   "revoke FILE",
		Short: "Revoke plugins, in a feed that hosts follow",
		Long: `Write an entry into a revocation feed, or make a new feed. FILE is to lie where
hosts get it by https; they look every few seconds, and end what it revokes. They
name the feed and the key that signs it in ambit.yaml (revocations:).

What is revoked is one of: an artifact by its digest, a module by its digest,
versions of a repository, or everything that a key signed. Without any the feed is
signed anew with a later date: it holds for --days, and who follows it is warned
when it is over.`,
		Example: `  ambit registry revoke feed.json --repository registry.example/acme/weather --versions '>=1.2.0 <1.2.3' --reason 'sends notes away'
  ambit registry revoke feed.json --publisher sha256:… --reason 'the key was stolen'
  ambit registry revoke feed.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.revokeIn(args[0], f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.entry.Artifact, "artifact", "", "digest of the OCI manifest")
	flags.StringVar(&f.entry.Module, "module", "", "digest of the module")
	flags.StringVar(&f.entry.Repository, "repository", "", "HOST/NAMESPACE/NAME, with --versions")
	flags.StringVar(&f.entry.Versions, "versions", "", `conditions, such as "1.2.0", ">=1.0.0 <1.2.3" or "*"`)
	flags.StringVar(&f.entry.Key, "publisher", "", "id of a publisher's key")
	flags.StringVar(&f.entry.Reason, "reason", "", "what is told to the owners")
	flags.BoolVar(&f.lift, "lift", false, "take such an entry out again")
	flags.IntVar(&f.days, "days", 1, "how long the feed holds, up to 7")
	flags.Int64Var(&f.from, "number", 0, "number of this feed, greater than any before, if the file of the last is lost")
	flags.StringVar(&f.key, "key", "default", "name of the key to sign with")
	return a.jsonFlag(cmd)
}

func (f *revokeFlags) names() bool {
	e := f.entry
	return e.Artifact+e.Module+e.Repository+e.Versions+e.Key != ""
}

func (a *app) revokeIn(file string, f revokeFlags) error {
	switch {
	case f.days < 1 || f.days > int(feed.MaxAge/(24*time.Hour)):
		return usagef("--days: want 1 to %d", feed.MaxAge/(24*time.Hour))
	case !f.names() && (f.lift || f.entry.Reason != ""):
		return usagef("say what: --artifact, --module, --repository with --versions, or --publisher")
	case f.names() && !f.lift && f.entry.Reason == "":
		return usagef("say why, for those who run it: --reason TEXT")
	}
	k, err := a.loadKey(f.key)
	if err != nil {
		return err
	}
	now := a.now().UTC().Truncate(time.Second)
	list, err := readFeed(file, k.ID)
	if err != nil {
		return err
	}
	if f.names() && !f.lift {
		f.entry.Since = now
		list.Entries = append(list.Entries, f.entry)
	}
	if f.lift {
		before := len(list.Entries)
		list.Entries = slices.DeleteFunc(list.Entries, func(e feed.Entry) bool {
			e.Reason, e.Since = f.entry.Reason, f.entry.Since
			return e == f.entry
		})
		if len(list.Entries) == before {
			return fmt.Errorf("%s has no such entry; nothing was changed", line(file))
		}
	}
	if now.Before(list.Issued) {
		return fmt.Errorf("%s was signed at %s, and this machine's clock shows %s: those who follow it would take it for an older one", line(file), list.Issued.Format(time.RFC3339), now.Format(time.RFC3339))
	}
	list.Number++
	if f.from > 0 && f.from < list.Number {
		return usagef("--number %d: %s comes after %d", f.from, line(file), list.Number-1)
	}
	list.Number = max(list.Number, f.from)
	list.Issued = now
	list.Expires = now.Add(time.Duration(f.days) * 24 * time.Hour)
	b, err := feed.Sign(k.key, list)
	if err != nil {
		return err
	}
	if err := durable.Write(file, b, 0o644); err != nil {
		return err
	}
	return a.tellFeed(file, k.ID, list)
}

// readFeed reads the operator's own feed; a missing one is an empty list.
func readFeed(file, key string) (*feed.Feed, error) {
	r, err := os.Open(file) //nolint:gosec // the operator names it
	if errors.Is(err, fs.ErrNotExist) {
		return new(feed.Feed), nil
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, feed.MaxBytes+1))
	if err != nil {
		return nil, err
	}
	list, err := feed.Parse(b, key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; nothing was changed", line(file), err)
	}
	return list, nil
}

func (a *app) tellFeed(file, key string, list *feed.Feed) error {
	if a.json {
		return a.writeJSON(struct {
			File string     `json:"file"`
			Key  string     `json:"key"`
			Feed *feed.Feed `json:"feed"`
		}{file, key, list})
	}
	fmt.Fprintf(a.err, "Signed %s, number %d, by %s. It holds until %s.\n", line(file), list.Number, key, list.Expires.Local().Format("2006-01-02 15:04"))
	for _, e := range list.Entries {
		what := cmp.Or(e.Artifact, e.Module, e.Key, e.Repository+" "+e.Versions)
		fmt.Fprintf(a.out, "%s  %s  %s\n", e.Since.Local().Format(time.DateOnly), what, e.Reason)
	}
	return nil
}
