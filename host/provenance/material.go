package provenance

import (
	"slices"
	"strings"
)

// Bounds. Sizes are in bytes.
const (
	// MaxText is how much of one text is indexed.
	MaxText = 1 << 20
	// MaxMaterial is how much text is indexed for a session; the owner's words
	// have the same again to themselves, so that no flood crowds them out.
	MaxMaterial = 8 << 20
	// MaxValue is the longest value that is traced.
	MaxValue = 256 << 10
	// MaxWork is how many bytes one Trace compares.
	MaxWork = 64 << 20
	// MaxSentence is the most characters of Found.Sentence.
	MaxSentence = 240
)

// Material is what a session has read. It does not change: With gives a new one
// that shares what was indexed, so it may be used by many goroutines and kept
// with a turn. A nil Material has read nothing.
type Material struct {
	texts   []*indexed
	sources []Source // distinct, in the order of reading
}

type indexed struct {
	source Source
	body   string
	folded string
}

// With is the material and the texts, read in this order. A text without body
// still counts as read.
func (m *Material) With(texts ...Text) *Material {
	next := &Material{}
	if m != nil {
		next.texts, next.sources = slices.Clip(m.texts), slices.Clip(m.sources)
	}
	for _, t := range texts {
		s := t.Source.canonical()
		next.texts = append(next.texts, &indexed{source: s, body: t.Body, folded: simple(t.Body)})
		if !slices.ContainsFunc(next.sources, func(o Source) bool { return o.key() == s.key() }) {
			next.sources = append(next.sources, s)
		}
	}
	return next
}

// Sources are all sources read, each once, in the order of reading.
func (m *Material) Sources() []Source {
	if m == nil {
		return nil
	}
	return slices.Clone(m.sources)
}

// Labels are the labels of all that was read, sorted, each once.
func (m *Material) Labels() []string { return m.union().Labels() }

// Trace says where the value's content appeared.
func (m *Material) Trace(value string) Trace {
	if m == nil {
		return Trace{Match: None, Why: "nothing was read"}
	}
	t, needle := Trace{Match: None}, simple(value)
	for _, in := range m.texts {
		at := strings.Index(in.folded, needle)
		if at < 0 || needle == "" {
			continue
		}
		f := Found{Source: in.source, How: "case or spacing", Share: 1, named: in.source.Kind == Owner}
		if strings.Contains(in.body, value) {
			f.How, t.Match = string(Verbatim), Verbatim
		} else if t.Match == None {
			t.Match = Folded
		}
		if !slices.ContainsFunc(t.Found, func(o Found) bool { return o.Source.key() == f.Source.key() }) {
			t.Found = append(t.Found, f)
		}
	}
	if t.Match == None {
		return m.union()
	}
	t.Confidence = 1
	return t
}

// union is the answer when nothing was found.
func (m *Material) union() Trace {
	t := Trace{Match: None, Union: true, Why: "not found in what was read"}
	if m == nil {
		return t
	}
	for _, s := range m.sources {
		t.Found = append(t.Found, Found{Source: s, How: howRead})
	}
	return t
}

// simple folds case and spacing.
func simple(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), "")) }
