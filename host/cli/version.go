package cli

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the build (go build -ldflags -X); it is never changed.
var version string

// versionText is what the build set, or what Go knows of the module.
func versionText() string {
	text := ""
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "(devel)" {
		text = info.Main.Version
	}
	return cmp.Or(version, text, "unknown")
}

// versionInfo is the JSON of `ambit version`.
type versionInfo struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

func (a *app) versionCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "version",
		Short: "Print this binary's version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := versionInfo{versionText(), runtime.Version(), runtime.GOOS, runtime.GOARCH}
			if a.json {
				return a.writeJSON(v)
			}
			fmt.Fprintf(a.out, "ambit %s (%s, %s/%s)\n", v.Version, v.Go, v.OS, v.Arch)
			return nil
		},
	})
}
