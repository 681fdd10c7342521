package provenance

import (
	"fmt"
	"slices"
	"sync"
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

// TestShared: a material is used and continued by many at once and does not change.
func TestShared(t *testing.T) {
	t.Parallel()
	m := read("Write to ann@example.com", Text{page, letter})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			own := fmt.Sprintf("a remark of number %d by nobody else", i)
			mine := m.With(Text{inbox, own})
			if tr := mine.Trace(own); tr.Match != Verbatim || tr.Found[0].Source.Name != inbox.Name {
				t.Errorf("%+v", tr)
			}
			if tr := m.Trace(own); tr.Match == Verbatim || len(tr.Found) != 2 {
				t.Errorf("the shared material has changed: %+v", tr)
			}
			if tr := mine.Trace("ann@example.com"); !tr.OwnerNamed() {
				t.Errorf("%+v", tr)
			}
		})
	}
	wg.Wait()
	if len(m.Sources()) != 2 {
		t.Errorf("sources %v", m.Sources())
	}
}

// TestZero: nothing read and the zero Trace clear nothing.
func TestZero(t *testing.T) {
	t.Parallel()
	var none *Material
	if tr := none.Trace("hello there"); tr.Match != None || !tr.Union || tr.OwnerNamed() || tr.OnlyFrom("owner") {
		t.Errorf("%+v", tr)
	}
	if (Trace{}).OwnerNamed() || (Trace{}).OnlyFrom("owner") || none.Labels() != nil || none.Sources() != nil {
		t.Error("zero values say something")
	}
	for _, value := range []string{"", " ", "!?", "\u200b", "\xff"} {
		if tr := read("", Text{page, ""}).Trace(value); tr.Match != None || !tr.Union || len(tr.Found) != 2 || tr.OwnerNamed() {
			t.Errorf("%q: %+v", value, tr)
		}
	}
}
