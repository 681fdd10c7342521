package cli

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"text/template"

	"github.com/spf13/cobra"
)

//go:embed service
var serviceFiles embed.FS

// unit is how this system starts a user's programs.
type unit struct {
	file          string // where its description goes
	template      string
	enable, after string // commands for a person: to begin with it, and to end
}

func userUnit() (unit, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return unit{}, err
	}
	switch runtime.GOOS {
	case "linux":
		dir := os.Getenv("XDG_CONFIG_HOME")
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(home, ".config")
		}
		return unit{
			file: filepath.Join(dir, "systemd", "user", "ambit.service"), template: "service/ambit.service",
			enable: "systemctl --user daemon-reload && systemctl --user enable --now ambit", after: "systemctl --user disable --now ambit",
		}, nil
	case "darwin":
		file := filepath.Join(home, "Library", "LaunchAgents", "org.ambithost.ambit.plist")
		return unit{file: file, template: "service/ambit.plist", enable: "launchctl load -w " + file, after: "launchctl unload -w " + file}, nil
	}
	return unit{}, usagef("on %s there is no service to install; run: ambit up --detach", runtime.GOOS)
}

func (a *app) serviceCmd() *cobra.Command {
	return group(&cobra.Command{
		Use:   "service",
		Short: "Have your system start the host when you log in",
	}, a.serviceInstallCmd(), a.serviceStatusCmd(), a.serviceRemoveCmd())
}

// description is what is written, for this program and this home.
func (a *app) description(u unit) ([]byte, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("this program's own file: %w", err)
	}
	if strings.ContainsAny(exe+a.home, "\n\r\"\\%$<>&") {
		return nil, usagef("the paths of this program and of its home must not hold quotes, backslashes or any of %%$<>& for this: %s, %s", exe, a.home)
	}
	text, err := serviceFiles.ReadFile(u.template)
	if err != nil {
		return nil, err
	}
	t, err := template.New("unit").Parse(string(text))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, map[string]string{"Exe": exe, "Home": a.home})
	return b.Bytes(), err
}

func (a *app) serviceInstallCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "install",
		Short: "Write the service's description; it says how to begin with it",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			u, err := userUnit()
			if err != nil {
				return err
			}
			text, err := a.description(u)
			if err != nil {
				return err
			}
			if err := os.MkdirAll(filepath.Dir(u.file), 0o700); err != nil {
				return err
			}
			if err := os.WriteFile(u.file, text, 0o600); err != nil {
				return err
			}
			fmt.Fprintf(a.out, "Wrote %s.\nTo begin with it:  %s\n", line(u.file), line(u.enable))
			return nil
		},
	}
}

// serviceState is what `service status` tells.
type serviceState struct {
	File      string `json:"file"`
	Installed bool   `json:"installed"`
	Current   bool   `json:"current"` // for this program and this home
}

func (a *app) serviceStatusCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "status",
		Short: "Tell whether the service is described, for this program and home",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			u, err := userUnit()
			if err != nil {
				return err
			}
			want, err := a.description(u)
			if err != nil {
				return err
			}
			got, err := os.ReadFile(u.file)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
			s := serviceState{File: u.file, Installed: err == nil, Current: bytes.Equal(got, want)}
			switch {
			case a.json:
				return a.writeJSON(s)
			case !s.Installed:
				fmt.Fprintln(a.out, "There is no service. To have one: ambit service install")
			case !s.Current:
				fmt.Fprintf(a.out, "%s is for another program or another home. To write it anew: ambit service install\n", line(u.file))
			default:
				fmt.Fprintf(a.out, "%s is in place.\n", line(u.file))
			}
			return nil
		},
	})
}

func (a *app) serviceRemoveCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "remove",
		Short: "Remove the service's description; the host that runs goes on",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			u, err := userUnit()
			if err != nil {
				return err
			}
			if err := os.Remove(u.file); errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("there is no %s", u.file)
			} else if err != nil {
				return err
			}
			fmt.Fprintf(a.out, "Removed %s.\nIf it was running:  %s\n", line(u.file), line(u.after))
			return nil
		},
	}
}
