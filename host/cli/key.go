package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/registry/durable"
	"github.com/ambithost/ambit/registry/trust"
	"github.com/ambithost/ambit/sdk/manifest"
)

func (a *app) keyCmd() *cobra.Command {
	return group(&cobra.Command{Use: "key", Aliases: []string{"keys"}, Short: "Keys that plugins are signed with: yours, and whose are known"},
		a.keyNewCmd(), a.keyShowCmd(), a.keyRotateCmd(), a.keyKnownCmd(), a.keyForgetCmd())
}

// signingKey is a key of the owner's home with its hand-overs.
type signingKey struct {
	Name  string `json:"name"`
	ID    string `json:"id"`
	File  string `json:"file"`
	PEM   string `json:"public"`
	Turns int    `json:"rotations"` // how often it was handed over

	key   *trust.Key
	chain []trust.Envelope
}

func (a *app) keyFile(name, ending string) (string, error) {
	if err := manifest.CheckName(name); err != nil {
		return "", usagef("key %q: %v", name, err)
	}
	return filepath.Join(a.home, "keys", name+ending), nil
}

// maxChain caps the file of hand-overs in bytes.
const maxChain = 1 << 20

func (a *app) loadKey(name string) (*signingKey, error) {
	file, err := a.keyFile(name, ".pem")
	if err != nil {
		return nil, err
	}
	k := &signingKey{Name: name, File: file}
	if k.key, err = trust.LoadKey(file); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no key %q. To make one: ambit key new %s", name, name)
	}
	if err != nil {
		return nil, err
	}
	k.ID, k.PEM = k.key.ID(), string(trust.EncodePublic(k.key.Public()))
	chain, err := os.ReadFile(strings.TrimSuffix(file, ".pem") + ".rotations.json") //nolint:gosec // the owner's own home
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if err != nil {
		return nil, err
	}
	if len(chain) > maxChain {
		return nil, fmt.Errorf("the hand-overs of key %s have %d bytes, the limit is %d", name, len(chain), maxChain)
	}
	if err := json.Unmarshal(chain, &k.chain); err != nil {
		return nil, fmt.Errorf("the hand-overs of key %s are damaged: %w", name, err)
	}
	k.Turns = len(k.chain)
	return k, nil
}

func (a *app) keyNewCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "new [NAME]",
		Short: "Make a key to sign plugins with",
		Long: `Make a key to sign plugins with. It lies in your home, readable by you alone, and
has no passphrase: keep a copy where others can't get at it. Whoever installed
a plugin of yours knows your key, and takes another one only if this one hands over
to it (ambit key rotate).`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			name := nameOrDefault(args)
			file, err := a.keyFile(name, ".pem")
			if err != nil {
				return err
			}
			k, err := trust.NewKey()
			if err != nil {
				return err
			}
			if err := k.Save(file); errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("there is a key %q already (ambit key show %s)", name, name)
			} else if err != nil {
				return err
			}
			return a.tellKey(name, "Made")
		},
	})
}

func nameOrDefault(args []string) string {
	if len(args) == 0 {
		return "default"
	}
	return args[0]
}

func (a *app) tellKey(name, done string) error {
	k, err := a.loadKey(name)
	if err != nil {
		return err
	}
	if a.json {
		return a.writeJSON(k)
	}
	fmt.Fprintf(a.out, "%s %s\n%s", line(k.Name), k.ID, k.PEM)
	if done != "" {
		fmt.Fprintf(a.err, "%s the key %s: %s\n", done, line(k.Name), line(k.File))
	}
	return nil
}

func (a *app) keyShowCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "show [NAME]",
		Short: "Show a key's id and its public half",
		Args:  cobra.MaximumNArgs(1),
		RunE:  func(_ *cobra.Command, args []string) error { return a.tellKey(nameOrDefault(args), "") },
	})
}

func (a *app) keyRotateCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "rotate [NAME]",
		Short: "Hand over from a key to a new one",
		Long: `Make a new key and have the old one sign that it hands over. What you publish
from now on carries that along, so that whoever knows the old key takes the new
one. The old key is kept beside it; delete it when it may no longer be used.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			name := nameOrDefault(args)
			if err := a.rotate(name); err != nil {
				return err
			}
			return a.tellKey(name, "Handed over to")
		},
	})
}

// rotate can be cut off anywhere and called again: until the last rename the new
// key is one that waits.
func (a *app) rotate(name string) error {
	old, err := a.loadKey(name)
	if err != nil {
		return err
	}
	base := strings.TrimSuffix(old.File, ".pem")
	next, err := trust.LoadKey(base + ".next.pem")
	if errors.Is(err, fs.ErrNotExist) {
		if next, err = trust.NewKey(); err == nil {
			err = next.Save(base + ".next.pem")
		}
	}
	if err != nil {
		return err
	}
	if !endsAt(old.chain, next.ID()) {
		e, err := old.key.Rotate(next)
		if err != nil {
			return err
		}
		if len(old.chain) == trust.MaxRotations { // who knows none of the later ones is not reached
			old.chain = old.chain[1:]
		}
		b, err := json.Marshal(append(old.chain, e))
		if err != nil {
			return err
		}
		if err := durable.Write(base+".rotations.json", b, 0o600); err != nil {
			return err
		}
	}
	retired := base + "." + strings.TrimPrefix(old.ID, "sha256:")[:12] + ".retired.pem"
	if err := os.Link(old.File, retired); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := os.Rename(base+".next.pem", old.File); err != nil {
		return err
	}
	return durable.Sync(filepath.Dir(old.File))
}

func endsAt(chain []trust.Envelope, id string) bool {
	if len(chain) == 0 {
		return false
	}
	r, err := trust.VerifyRotation(chain[len(chain)-1])
	return err == nil && r.New == id
}

func (a *app) keyKnownCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "known",
		Short: "List publishers whose keys are known",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := a.client.Publishers(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return writeList(a, list)
			}
			if len(list) == 0 {
				fmt.Fprintln(a.err, "No publisher's key is known yet.")
				return nil
			}
			t := table{}
			t.head("PUBLISHER", "KEY", "FIRST SEEN", "HANDED OVER")
			for _, p := range list {
				t.add(p.Namespace, p.Key, a.ago(p.FirstSeen), count(int64(len(p.Earlier)), "time", "times"))
			}
			t.print(a.out, a.color)
			return nil
		},
	})
}

func (a *app) keyForgetCmd() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "forget HOST/NAMESPACE",
		Short: "Forget a publisher's key, so that the next one is taken for theirs",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !yes {
				fmt.Fprintf(a.err, "Forget the key of %s? Whoever signs next is taken for them. [y/N] ", line(args[0]))
				if ok, err := a.confirm(); err != nil || !ok {
					return orKept(err)
				}
			}
			if err := a.client.ForgetPublisher(cmd.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintf(a.err, "Forgot the key of %s.\n", line(args[0]))
			return nil
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}
