package provenance

import "testing"

// People forget the space after a full stop; what stood before it is still what
// they named.
func TestASentenceWithoutASpaceBeforeIt(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]bool{
		"Post it to www.example.org.They wait for it.": true,
		"Post it to www.example.org.Thanks":            false, // may be a name
		"Post it to www.example.org.they.example now.": false,
		"Post it to www.example.org.They.example now.": false,
		"Post it to www.example.organic now.":          false,
	} {
		m := (*Material)(nil).With(Text{words, said})
		if got := m.Trace("www.example.org").OwnerNamed(); got != want {
			t.Errorf("%q names www.example.org: %v, want %v", said, got, want)
		}
	}
}
