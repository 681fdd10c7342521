package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ambithost/ambit/sdk/capability"
)

// Each file of testdata/wrong holds one mistake; its first line says on which
// line and in which words an author hears of it.
func TestMistakesAreFound(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/wrong/*.rego")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d fixtures, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			head, _, _ := strings.Cut(string(b), "\n")
			line, words, ok := strings.Cut(strings.TrimPrefix(head, "# want "), ": ")
			if !ok {
				t.Fatalf("the first line is %q", head)
			}
			l := owner(t, map[string]string{"a.rego": string(b)})
			problems, err := Check(t.Context(), l)
			if err != nil {
				t.Fatal(err)
			}
			want := filepath.Join(l.Dir, "a.rego") + ":" + line + ": " + words
			for _, p := range problems {
				if strings.HasPrefix(p.Error(), want) {
					if p.Advice == "" && !strings.HasPrefix(filepath.Base(file), "syntax") {
						t.Errorf("%v gives no advice", p)
					}
					return
				}
			}
			t.Errorf("found %q, want %q", problems, want)
		})
	}
}

// What is odd and still right is left alone: a check that cries wolf is not
// run twice.
func TestRightRulesAreLeftAlone(t *testing.T) {
	t.Parallel()
	problems, err := Check(t.Context(), owner(t, map[string]string{"a.rego": `package ambit.owner.a

import input.context as c

limits := {"USD": 5000}

quiet if c.trigger == "schedule"

quiet := false if c.trigger == "message"

deny contains "either" if {
	not input.resource.properties.amount > 5
	not input.resource.properties.amount < 7
	input.action.name in {"clock.read", "card.charge"}
}

deny contains "a helper with two ways" if {
	late
	input.resource.properties.amount > limits[input.resource.properties.currency]
	input.action.name == "card.charge"
}

late if {
	input.action.name == "mail.send"
	quiet
}

late if input.action.name == "card.charge"

deny contains "an attribute that is missing on purpose" if {
	input.action.name == "card.charge"
	not input.resource.properties.number
}

deny contains "others may hold inside" if {
	some label in c.labels
	label in {"private", "untrusted"}
	label != "private"
	every a in input.resource.properties.addresses { a != "127.0.0.1" }
}

obligations contains {"type": "budget", "params": {"limit": 1, "unit": "count", "window": "day", "by": "agent"}} if input.action.name == "web.fetch"
`}))
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

// A type that a request gains has to be known to the schema, and every closed
// list has to be one of its members.
func TestSchemaFollowsTheRequest(t *testing.T) {
	t.Parallel()
	s := Schema()
	for path := range enums() {
		if m := member(s, path); m == nil || m["enum"] == nil {
			t.Errorf("%s is closed and no member of the schema", path)
		}
	}
	for _, path := range []string{"input.context.owner_seen", "input.context.grant.scope", "input.facts.leads_out"} {
		if member(s, path) == nil {
			t.Errorf("the schema lacks %s", path)
		}
	}
	for _, c := range capability.All() {
		for _, a := range c.Attributes {
			if member(s, "input.resource.properties."+a.Name) == nil {
				t.Errorf("the schema lacks %s of %s", a.Name, c.Name)
			}
		}
	}
}
