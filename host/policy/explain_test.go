package policy

import (
	"strings"
	"testing"
)

func (x *Explanation) find(t *testing.T, list []Explained, rule string, line int) Explained {
	t.Helper()
	for _, r := range list {
		if r.Rule == rule && (line == 0 || r.Line == line) {
			return r
		}
	}
	t.Fatalf("no %s:%d in %+v", rule, line, list)
	return Explained{}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	e := open(t, owner(t, map[string]string{"merchants.yaml": "[Book Depot]", "cards.rego": cards, "night.rego": `package ambit.owner.night

import data.ambit.lib.clock

deny contains "no charges at night" if {
	input.action.name == "card.charge"
	clock.between("22:00", "07:00")
}

deny contains "labels" if {
	some label in input.context.labels
	label == "private"
}

ask contains "never seen" if input.context.owner_seen < input.context.now
`}))
	r := charge()
	r.Context.Labels = []string{"untrusted"}
	r.Resource.Attributes["amount"] = int64(9000)
	x, err := e.Explain(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if x.Decision.Verdict != Deny {
		t.Fatalf("%+v", x.Decision)
	}
	spoke := x.find(t, x.Spoke, "owner.cards.deny", 7)
	if len(spoke.Conditions) != 2 || spoke.Conditions[1].Text != "input.resource.properties.amount > ceiling" || spoke.Conditions[1].Saw[0] != (Seen{"input.resource.properties.amount", "9000"}) {
		t.Errorf("%+v", spoke)
	}
	x.find(t, x.Spoke, "base.risk.questions", 0)
	for _, want := range []struct {
		rule  string
		line  int
		words []string
	}{
		{"owner.cards.deny", 12, []string{"not input.resource.properties.merchant in lists.merchants", `"Book Depot"`}},
		{"owner.cards.ask", 17, []string{"is_night", `input.context.trigger == "schedule"`, `"message"`}},
		{"owner.night.deny", 5, []string{`clock.between("22:00", "07:00")`, "time_of_day"}},
		{"owner.night.deny", 10, []string{`label == "private"`, `label`, `"untrusted"`}},
		{"owner.night.ask", 15, []string{"input.context.owner_seen"}},
	} {
		silent := x.find(t, x.Silent, want.rule, want.line)
		var all strings.Builder
		for _, c := range silent.Conditions {
			all.WriteString(c.Text + " ")
			for _, s := range c.Saw {
				all.WriteString(s.Name + "=" + s.Value + " ")
			}
		}
		for _, word := range want.words {
			if !strings.Contains(all.String(), word) {
				t.Errorf("%s:%d says %q, want %q in it", want.rule, want.line, all.String(), word)
			}
		}
	}
}
