package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Bounds of one search.
const (
	maxRead  = 8 << 20 // bytes of notes looked at
	maxFound = 20      // notes shown
	maxLines = 5       // lines shown of each
	maxLine  = 300     // bytes shown of a line
)

func search(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	var args struct {
		Query string `json:"query"`
	}
	if err := c.Bind(&args); err != nil {
		return sdk.Result{}, err
	}
	words := strings.Fields(strings.ToLower(args.Query))
	if len(words) == 0 || len(words) > 20 {
		return sdk.Result{}, protocol.Errorf(protocol.Invalid, "query: want 1 to 20 words")
	}
	entries, err := all(ctx, c.Host)
	if err != nil {
		return sdk.Result{}, err
	}
	var b strings.Builder
	found, looked := 0, 0
	for i, e := range entries {
		if found == maxFound || looked > maxRead {
			fmt.Fprintf(&b, "(stopped here: %d older notes were not looked at)\n", len(entries)-i)
			break
		}
		text, err := c.ReadFile(ctx, folder+e.Name)
		if err != nil && protocol.CodeOf(err) == protocol.NotFound {
			continue // deleted since it was listed
		}
		if err != nil {
			return sdk.Result{}, err
		}
		looked += len(text)
		if hit := match(strings.TrimSuffix(e.Name, suffix), string(text), words); hit != "" {
			found++
			b.WriteString(hit)
		}
	}
	if found == 0 {
		b.WriteString("No note holds all of: " + strings.Join(words, ", ") + "\n")
	}
	return sdk.Text(b.String()), nil
}

// match returns what is shown of a note that holds all words, "" for others.
func match(name, text string, words []string) string {
	lower := strings.ToLower(name + "\n" + text)
	for _, w := range words {
		if !strings.Contains(lower, w) {
			return ""
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", name)
	shown, n := 0, 0
	for l := range strings.Lines(text) {
		n++
		if shown < maxLines && holdsAny(strings.ToLower(l), words) {
			shown++
			l = strings.TrimSpace(l)
			if len(l) > maxLine {
				l = strings.ToValidUTF8(l[:maxLine], "") + "…"
			}
			fmt.Fprintf(&b, "  %d: %s\n", n, l)
		}
	}
	return b.String()
}

func holdsAny(s string, words []string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}
