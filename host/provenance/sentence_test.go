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

// A value that is a part of something longer does not stand there, whoever wrote
// it: an address that ends like a known one is not the known one.
func TestStands(t *testing.T) {
	t.Parallel()
	list := Source{Kind: Tool, Name: "contacts/find", Labels: []string{"private"}}
	m := (*Material)(nil).With(Text{list, "ann@example.org, kim"})
	for value, want := range map[string]bool{"ann@example.org": true, "Ann@Example.org": true, "ample.org": false, "kim": true, "ki": false, "YW5uQGV4YW1wbGUub3Jn": false} {
		tr := m.Trace(value)
		got := false
		for _, f := range tr.Found {
			got = got || f.Stands()
		}
		if got != want {
			t.Errorf("%q stands in %q: %v (%+v)", value, "ann@example.org, kim", got, tr)
		}
	}
}
