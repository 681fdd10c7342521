package capability

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const docsPath = "../../docs/capabilities.md"

// TestDocs holds docs/capabilities.md to the vocabulary. UPDATE_DOCS=1 writes it
// anew.
func TestDocs(t *testing.T) {
	t.Parallel()
	want := document()
	if os.Getenv("UPDATE_DOCS") != "" {
		if err := os.WriteFile(docsPath, []byte(want), 0o644); err != nil { //nolint:gosec // a public file
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(docsPath)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/capabilities.md is stale: UPDATE_DOCS=1 go test -run TestDocs ./sdk/capability")
	}
}

// TestEveryDomainPowerSaysWhatItIs: a rule or a grant can only be as clear as
// the word it uses.
func TestEveryDomainPowerSaysWhatItIs(t *testing.T) {
	t.Parallel()
	for _, c := range All() {
		if !strings.HasSuffix(c.Doc, ".") || len(c.Doc) < 15 {
			t.Errorf("%s: %q is no documentation", c.Name, c.Doc)
		}
		for _, a := range c.Attributes {
			if c.Domain && a.Doc == "" {
				t.Errorf("%s: attribute %s has no documentation", c.Name, a.Name)
			}
			if a.Role != "" && a.Type != "string" && a.Type != "strings" {
				t.Errorf("%s: attribute %s has a role and type %s, which is not traced", c.Name, a.Name, a.Type)
			}
		}
	}
}

func document() string {
	var b strings.Builder
	b.WriteString(`<!-- Written by sdk/capability's TestDocs (UPDATE_DOCS=1); edit sdk/capability instead. -->
# Capabilities

A capability is a named power. A plugin's manifest asks for it, the owner grants
it within a scope, and policy decides each use from its attributes. Domain
powers are carried by tools: a tool that declares one takes the required
attributes as arguments under these names, so that a rule about cards holds
whichever plugin provides them.

**Risk** is what one use can do: ` + "`read`" + ` takes information, ` + "`write`" + ` can be changed
back, ` + "`irreversible`" + ` can't, ` + "`control`" + ` acts on the host. A tool's manifest may raise
it, never lower it. **Role** says what an argument is to those outside: a
destination (who or what is reached or acted on) or a content (what gets there).
The host traces where both came from, see [policy.md](policy.md).

`)
	for _, domain := range []bool{false, true} {
		if domain {
			b.WriteString("## Domain powers, carried by tools\n\n")
		} else {
			b.WriteString("## What the host performs\n\n")
		}
		for _, c := range All() {
			if c.Domain == domain {
				b.WriteString(section(&c))
			}
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func section(c *Capability) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n%s Risk: `%s`.\n\n", c.Name, c.Doc, c.Risk)
	if len(c.Attributes) > 0 {
		b.WriteString("| attribute | type | role | |\n|---|---|---|---|\n")
		for _, a := range c.Attributes {
			typ := a.Type
			if typ == "strings" {
				typ = "list of strings"
			}
			if !a.Required {
				typ += ", optional"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", a.Name, typ, a.Role, a.Doc)
		}
		b.WriteString("\n")
	}
	if len(c.Scope) > 0 {
		b.WriteString("| scope | narrows | left out |\n|---|---|---|\n")
		for _, k := range c.Scope {
			fmt.Fprintf(&b, "| `%s` | %s (%s) | %s |\n", k.Name, k.Doc, k.Match, absent(k))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func absent(k ScopeKey) string {
	switch {
	case k.Match == MatchMax:
		return "no bound"
	case k.Match == MatchAddress:
		return "public addresses only"
	case k.Default == nil:
		return "nothing is admitted"
	case len(k.Default) == 1 && k.Default[0] == Any:
		return "any"
	}
	return strings.Join(k.Default, ", ")
}
