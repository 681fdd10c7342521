package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

const cards = `package ambit.owner.cards

import data.ambit.owner.lists

ceiling := 5000

deny contains "too much" if {
	input.action.name == "card.charge"
	input.resource.properties.amount > ceiling
}

deny contains "a stranger is paid" if {
	input.action.name == "card.charge"
	not input.resource.properties.merchant in lists.merchants
}

ask contains "at night" if {
	input.action.name == "card.charge"
	is_night
}

is_night if input.context.trigger == "schedule"
`

const cardCases = `common:
  request_is_not_a_member: 1
`

func TestCases(t *testing.T) {
	t.Parallel()
	l := owner(t, map[string]string{
		"cards.rego":     cards,
		"merchants.yaml": "- Book Depot\n- Tea House\n",
		"cards_cases.yaml": `common:
  action: {name: card.charge}
  resource: {properties: {amount: 1200, currency: USD, merchant: Book Depot}}
cases:
  - name: a small charge at a shop I know is asked about, as every charge is
    expect: ask
    rule: base.risk.irreversible
  - name: a charge above the ceiling is refused
    request: {resource: {properties: {amount: 5001}}}
    expect: deny
    rule: owner.cards.deny
    says: too much
  - name: wrong on purpose, the verdict
    request: {resource: {properties: {amount: 5001}}}
    expect: allow
  - name: wrong on purpose, the rule
    request: {resource: {properties: {merchant: Lucky Casino}}}
    expect: deny
    rule: base
  - name: wrong on purpose, a member
    request: {resource: {id: x, propertys: {}}}
    expect: deny
  - name: reading the clock has nothing to do with it
    request: {action: {name: clock.read}, resource: {properties: {}}}
    expect: allow
`,
	})
	r, err := Test(t.Context(), l)
	if err != nil || len(r.Problems) > 0 {
		t.Fatal(err, r.Problems)
	}
	if len(r.Tests) != 6 || r.OK() {
		t.Fatalf("%+v", r.Tests)
	}
	for _, one := range r.Tests {
		if wrong := strings.HasPrefix(one.Name, "wrong"); one.OK == wrong {
			t.Errorf("%s: OK is %v: %s", one.Name, one.OK, one.Message)
		}
		if one.Line < 5 || one.File != filepath.Join(l.Dir, "cards_cases.yaml") {
			t.Errorf("%+v", one)
		}
	}
	for _, want := range []string{"want allow, got deny; owner.cards.deny (cards.rego:7): too much", "not by rule base", `unknown field "propertys"`} {
		if !strings.Contains(r.Tests[2].Message+r.Tests[3].Message+r.Tests[4].Message, want) {
			t.Errorf("no message says %q: %+v", want, r.Tests)
		}
	}
	// Nothing was scheduled, so two rules were seen to do nothing.
	if r.Rules != 4 || len(r.Unreached) != 2 || r.Unreached[0].Rule != "owner.cards.ask" || r.Unreached[1].Line != 22 {
		t.Errorf("%d rules, unreached: %+v", r.Rules, r.Unreached)
	}
	if problems, err := Check(t.Context(), l); err != nil || len(problems) != 3 {
		t.Errorf("Check passes by failing cases: %v, %v", problems, err)
	}
}

// A file of cases that can't be read must not pass for one without a fault.
func TestBadCasesAreProblems(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		cardCases, "cases: [{name: x, expect: perhaps}]", "cases: [{expect: deny}]", "cases: [{name: x, expects: deny}]", "- x", "cases: {}}", "\x00",
	} {
		r, err := Test(t.Context(), owner(t, map[string]string{"a_cases.yaml": text}))
		if err != nil || r.OK() && text != cardCases {
			t.Errorf("%q: %+v, %v", text, r, err)
		}
	}
}

func TestRegoTestsAreReported(t *testing.T) {
	t.Parallel()
	l := owner(t, map[string]string{
		"a.rego":      "package ambit.owner.a\n\ndeny contains \"no\" if input.action.name == \"clock.read\"\n",
		"a_test.rego": "package ambit.owner.a_test\n\nimport data.ambit.owner.a\n\ntest_the_clock_is_hidden if count(a.deny) == 1 with input.action.name as \"clock.read\"\n\ntest_wrong if count(a.deny) == 1 with input.action.name as \"kv.read\"\n",
	})
	r, err := Test(t.Context(), l)
	if err != nil || len(r.Problems) > 0 || len(r.Tests) != 2 || len(r.Unreached) != 0 || r.Rules != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if r.Tests[0].Name != "the clock is hidden" || !r.Tests[0].OK || r.Tests[1].OK || r.Tests[1].Line != 7 {
		t.Errorf("%+v", r.Tests)
	}
}

// bomb is a small file that would be a large value.
func bomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i-1, i-1, i-1, i-1, i-1, i-1, i-1, i-1)
	}
	return b.String()
}

func TestFilesThatGrowAreRefused(t *testing.T) {
	t.Parallel()
	if _, err := Open(t.Context(), Config{Layers: []Layer{owner(t, map[string]string{"a.yaml": bomb()})}}); err == nil {
		t.Error("a list that grows was taken")
	}
	r, err := Test(t.Context(), owner(t, map[string]string{"a_cases.yaml": "common:\n  " + strings.ReplaceAll(bomb(), "\n", "\n  ")}))
	if err != nil || r.OK() {
		t.Errorf("cases that grow were taken: %+v, %v", r, err)
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]string{"Contacts.yaml": "- a", "if.yaml": "- a", "a.yaml": "", "b.yaml": "{1: 2, [3]: 4}", "c.yaml": "- [", "a-b.yaml": "- a"} {
		if _, err := Open(t.Context(), Config{Layers: []Layer{owner(t, map[string]string{name: bad})}}); err == nil {
			t.Errorf("%s: %q was taken", name, bad)
		}
	}
	l := owner(t, map[string]string{"cards.rego": cards, "merchants.yaml": "[Book Depot]"})
	e := open(t, l)
	if d := decide(t, e, charge()); d.Verdict != Ask {
		t.Errorf("%+v", d)
	}
	before := e.Revision()
	write(t, l, "merchants.yaml", "[Tea House]")
	if err := e.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := decide(t, e, charge()); d.Verdict != Deny || d.Revision == before {
		t.Errorf("a list is changed and nothing else is: %+v", d)
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	odd := "package ambit.owner.a\ndeny contains   \"no\" if {input.action.name == \"clock.read\"}\n"
	l := owner(t, map[string]string{"a.rego": odd, "b.rego": cards, "broken.rego": "package ambit.owner.c\n\ndeny contains if\n", "c.yaml": "[ 1 ]"})
	out, files, problems := Format(l)
	sum := sha256.Sum256([]byte(odd))
	if len(out) != 1 || files != 3 || out[0].Digest != hex.EncodeToString(sum[:]) || !strings.Contains(out[0].Text, "deny contains \"no\" if input") {
		t.Errorf("%+v, %d", out, files)
	}
	if len(problems) == 0 || problems[0].Line != 3 || problems[0].File != filepath.Join(l.Dir, "broken.rego") {
		t.Errorf("%+v", problems)
	}
}
