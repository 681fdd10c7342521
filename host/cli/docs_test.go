package cli

import (
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestEveryCommandIsDocumented compares docs/cli.md with what there is, both
// ways, arguments included.
func TestEveryCommandIsDocumented(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for text := range strings.Lines(string(doc)) {
		if h, ok := strings.CutPrefix(strings.TrimSpace(text), "### `"); ok {
			documented[strings.TrimSuffix(h, "`")] = true
		}
	}
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
		use := strings.TrimSuffix(cmd.UseLine(), " [flags]")
		if cmd.HasSubCommands() && !documented[use] {
			return // a group: its commands say it all
		}
		if !documented[use] {
			t.Errorf("docs/cli.md has no heading ### `%s`", use)
		}
		delete(documented, use)
		if cmd.Short == "" {
			t.Errorf("%s says nothing about itself", use)
		}
	}
	walk((&app{}).root())
	for h := range documented {
		t.Errorf("docs/cli.md describes %s, which there is not", h)
	}
}
