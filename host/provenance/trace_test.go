package provenance

import (
	"slices"
	"testing"
)

var (
	page  = Source{Kind: Tool, Name: "web/fetch", Labels: []string{"untrusted"}}
	inbox = Source{Kind: Tool, Name: "mail/read", Labels: []string{"untrusted", "private"}}
	words = Source{Kind: Owner, Labels: []string{"owner"}}
)

func TestUnionWhenNothingMatches(t *testing.T) {
	t.Parallel()
	m := (*Material)(nil).With(Text{words, "What is new?"}, Text{page, "Nothing much."}, Text{inbox, "Your PIN is 4711."})
	tr := m.Trace("a sentence that stands nowhere")
	if tr.Match != None || !tr.Union || len(tr.Found) != 3 {
		t.Fatalf("got %+v", tr)
	}
	if got, want := tr.Labels(), []string{"owner", "private", "untrusted"}; !slices.Equal(got, want) {
		t.Errorf("labels %v, want %v", got, want)
	}
	if tr.OwnerNamed() {
		t.Error("the union names the owner's value")
	}
}

func TestOwnerAndStrangers(t *testing.T) {
	t.Parallel()
	m := (*Material)(nil).With(Text{words, "Write to ann@example.com please"}, Text{page, "ann@example.com, bob@example.com"})
	if tr := m.Trace("Ann@Example.com"); !tr.OwnerNamed() || len(tr.Found) != 2 {
		t.Errorf("got %+v", tr)
	}
	if tr := m.Trace("bob@example.com"); tr.OwnerNamed() || !tr.OnlyFrom("untrusted") {
		t.Errorf("got %+v", tr)
	}
}
