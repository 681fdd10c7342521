package hostile

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/hostile.md")

const document = "../../../docs/hostile.md"

// TestDocument holds docs/hostile.md to the corpus.
func TestDocument(t *testing.T) {
	t.Parallel()
	want := render()
	if *update {
		if err := os.WriteFile(document, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/hostile.md is stale: go test ./host/cell/hostile -run TestDocument -update")
	}
}

func render() string {
	var b strings.Builder
	b.WriteString(`# The hostile corpus

Every attack below is a real module or program, built from source in
host/cell/hostile and run in a real cell by its tests. While each runs, another
plugin's calls must keep succeeding; afterwards the attacker's process, its
folder and the goroutines that served it must be gone. This page is written by
the tests from the corpus, and they fail when it is stale.

"The caller gets" is the code of the error (docs of sdk/protocol); "an answer"
means that the call ends well and nothing the attack tried succeeded.
`)
	table := func(title string, attacks []Attack) {
		fmt.Fprintf(&b, "\n## %s\n\n| Attack | What it tries | What stops it | When | The caller gets | Cell |\n|---|---|---|---|---|---|\n", title)
		for _, a := range attacks {
			gets, fate := string(a.Code), "killed"
			if a.Code == "" {
				gets = "an answer"
			}
			if a.Or != "" {
				gets += " or " + string(a.Or)
			}
			switch {
			case a.Stage != Call:
				fate = "never serves"
			case a.Lives:
				fate = "serves on"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", a.Name, a.Does, a.Stops, a.Stage, gets, fate)
		}
	}
	table("Wasm modules", Wasm())
	table("Native programs", Native())
	b.WriteString(`
Beside these: every prefix and every kind of bit flip of a valid module (a
sample of each, in real cells), and a host that is killed while its cells
ignore every signal and spin.
`)
	return b.String()
}
