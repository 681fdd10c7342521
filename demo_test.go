package main_test

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/demo"
	"github.com/ambithost/ambit/plugins"
)

const (
	readmeBegin = "<!-- demo:begin -->\n```\n"
	readmeEnd   = "```\n<!-- demo:end -->"
)

// TestDemo plays the demo, which checks itself, and holds the README to it.
// UPDATE_README=1 writes the README's copy anew.
func TestDemo(t *testing.T) { // alone: the story waits for its acts only so long
	if len(plugins.List()) == 0 {
		t.Skip("the first-party plugins are not built: make plugins")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	var out bytes.Buffer
	if err := demo.Run(ctx, &out, demo.Options{Version: "test"}); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	told := strings.TrimPrefix(out.String(), "\n")
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(readme), "<!-- demo:begin -->")
	_, after, ok2 := strings.Cut(rest, "<!-- demo:end -->")
	if !ok1 || !ok2 {
		t.Fatal("README.md has no demo block")
	}
	if os.Getenv("UPDATE_README") != "" {
		if err := os.WriteFile("README.md", []byte(before+readmeBegin+told+readmeEnd+after), 0o644); err != nil { //nolint:gosec // a public file
			t.Fatal(err)
		}
		return
	}
	shown := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(rest, after), "\n```\n"), readmeEnd)
	if got, want := essence(told), essence(shown); !slices.Equal(got, want) {
		t.Errorf("README.md shows another demo than runs (UPDATE_README=1 go test -run TestDemo .):\n%s", difference(got, want))
	}
}

var (
	varying = regexp.MustCompile(`(root |checkpoint says |to the root )\S+`)
	times   = regexp.MustCompile(`\b\d+(\.\d+)?(ms|µs|s)\b`)
	numbers = regexp.MustCompile(`\d+`)
	level   = regexp.MustCompile(`confinement: \w+`)
)

// essence is the story's lines without what differs from run to run. Some acts
// happen at the same time, so the order is not compared.
func essence(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		line = times.ReplaceAllString(varying.ReplaceAllString(line, "$1…"), "#")
		line = level.ReplaceAllString(numbers.ReplaceAllString(line, "#"), "confinement: …")
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			out = append(out, line)
		}
	}
	slices.Sort(out)
	return out
}

func difference(got, want []string) string {
	var b strings.Builder
	for _, l := range got {
		if !slices.Contains(want, l) {
			b.WriteString("+ " + l + "\n")
		}
	}
	for _, l := range want {
		if !slices.Contains(got, l) {
			b.WriteString("- " + l + "\n")
		}
	}
	return b.String()
}
