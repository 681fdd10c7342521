package cli

import (
	"bytes"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/registry"
	"github.com/ambithost/ambit/registry/artifact"
	"github.com/ambithost/ambit/registry/durable"
	"github.com/ambithost/ambit/registry/trust"
)

func (a *app) pluginPackCmd() *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "pack [DIR]",
		Short: "Pack a plugin's folder as an OCI artifact",
		Long: `Pack a plugin's folder as an OCI artifact: plugin.yaml, the module, README.md and
LICENSE. The same files make the same bytes. The file is a tar of an OCI image
layout, as other tools take it.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			p, image, err := pack(append(args, ".")[0])
			if err != nil {
				return err
			}
			var b bytes.Buffer
			if err := image.WriteLayout(&b); err != nil {
				return err
			}
			if to == "" {
				to = p.Manifest.Name + "-" + p.Manifest.Version + ".tar"
			}
			if err := durable.Write(to, b.Bytes(), 0o644); err != nil {
				return err
			}
			return a.tellPacked(packed{Name: p.Manifest.Name, Version: p.Manifest.Version, Digest: image.Manifest.Digest.String(), File: to, Size: int64(b.Len())})
		},
	}
	cmd.Flags().StringVarP(&to, "output", "o", "", "file to write (default NAME-VERSION.tar)")
	return a.jsonFlag(cmd)
}

// packed is what pack and publish made.
type packed struct {
	Name      string `json:"name"`
	Version   string `json:"version"`
	Digest    string `json:"digest"` // of the OCI manifest
	File      string `json:"file,omitempty"`
	Size      int64  `json:"size,omitempty"` // of the file, bytes
	Reference string `json:"reference,omitempty"`
	Key       string `json:"key,omitempty"` // id
	Created   bool   `json:"created"`       // false: it was there
}

func (a *app) tellPacked(v packed) error {
	if a.json {
		return a.writeJSON(v)
	}
	if v.File != "" {
		fmt.Fprintf(a.err, "Packed %s %s into %s, %s.\n", line(v.Name), line(v.Version), line(v.File), bytesText(v.Size))
	}
	fmt.Fprintln(a.out, v.Digest)
	return nil
}

func pack(dir string) (*artifact.Plugin, *artifact.Image, error) {
	p, err := artifact.Read(dir)
	if err != nil {
		return nil, nil, err
	}
	image, err := artifact.Pack(p)
	return p, image, err
}

func (a *app) pluginPublishCmd() *cobra.Command {
	var key string
	cmd := &cobra.Command{
		Use:   "publish DIR REFERENCE",
		Short: "Pack, sign and publish a plugin to a registry",
		Long: `Pack, sign and publish a plugin to an OCI registry as HOST/NAMESPACE/NAME:VERSION.
Name and version are those of plugin.yaml. A version that is published is never
moved to something else. Credentials are those of ambit registry login, or of
any tool that uses the Docker configuration.`,
		Example: "  ambit plugin publish ./weather registry.example/acme/weather:1.2.0",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.publish(cmd.Context(), args[0], args[1], key)
		},
	}
	cmd.Flags().StringVar(&key, "key", "default", "name of the key to sign with")
	return a.jsonFlag(cmd)
}

func (a *app) publish(ctx context.Context, dir, to, keyName string) error {
	ref, err := registry.ParsePlugin(to)
	if err != nil {
		return usagef("%v", err)
	}
	p, image, err := pack(dir)
	if err != nil {
		return err
	}
	if err := ref.Fits(p.Manifest); err != nil || ref.Tag() != p.Manifest.Version {
		return usagef("%s: want the name and the version of plugin.yaml, %s:%s", line(to), p.Manifest.Name, p.Manifest.Version)
	}
	k, err := a.loadKey(keyName)
	if err != nil {
		return err
	}
	digest := image.Manifest.Digest.String()
	bundle, err := k.key.Sign(digest, trust.ReleaseOf(p.Manifest, ref.Repository()), k.chain...)
	if err != nil {
		return err
	}
	var created bool
	err = a.during("publishing", func() (err error) {
		created, err = registry.OCI{}.Publish(ctx, ref, image, bundle)
		return err
	})
	if err != nil {
		return err
	}
	done := "Published"
	if !created {
		done = "It was published already:"
	}
	if !a.json {
		fmt.Fprintf(a.err, "%s %s, signed by %s.\nTo install it: ambit plugin install %s\n", done, line(ref.Short()), k.ID, line(ref.Short()))
	}
	return a.tellPacked(packed{Name: p.Manifest.Name, Version: p.Manifest.Version, Digest: digest, Reference: ref.Short(), Key: k.ID, Created: created})
}

func (a *app) registryCmd() *cobra.Command {
	return group(&cobra.Command{Use: "registry", Short: "Registries that plugins come from"}, a.registryLoginCmd(), a.registryLogoutCmd(), a.registryServeCmd(), a.registryRevokeCmd())
}

func (a *app) registryLoginCmd() *cobra.Command {
	var user string
	cmd := &cobra.Command{
		Use:   "login HOST",
		Short: "Log in to a registry",
		Long: `Log in to a registry. The password is asked for without showing it, or read from
stdin. It is kept where docker and other tools keep it: in the credential helper
that is configured there, or if there is none in $DOCKER_CONFIG/config.json (or
~/.docker), where it is not encrypted. Ambit has no file of its own for it.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if user == "" {
				return usagef("say who you are there: --username NAME")
			}
			password, err := a.readPassword(args[0])
			if err != nil {
				return err
			}
			defer clear(password)
			var plain bool
			err = a.during("logging in", func() (err error) {
				plain, err = registry.OCI{}.Login(cmd.Context(), args[0], user, string(password))
				return err
			})
			if err != nil {
				return err
			}
			fmt.Fprintf(a.err, "Logged in to %s.\n", line(args[0]))
			if plain {
				fmt.Fprintln(a.err, "The password is in the Docker configuration as it is: no credential helper is set up there (credsStore).")
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&user, "username", "u", "", "your name there")
	return cmd
}

func (a *app) readPassword(host string) ([]byte, error) {
	if a.inTTY {
		return a.typeSecret("Password for " + line(host))
	}
	return a.readSecret(host)
}

func (a *app) registryLogoutCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "logout HOST",
		Short: "Forget the password for a registry",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := (registry.OCI{}).Logout(cmd.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintf(a.err, "Logged out of %s.\n", line(args[0]))
			return nil
		},
	}
}
