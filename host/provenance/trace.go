package provenance

import (
	"slices"
)

// Match is how well the content of a value was found.
type Match string

const (
	// Verbatim says that the value stands in a source, byte for byte.
	Verbatim Match = "verbatim"
	// Folded says that it does but for case, spacing, punctuation, the spelling of a
	// number, accents, look-alike or invisible characters.
	Folded Match = "folded"
	// Decoded says that it does after the value, the source or both were decoded.
	Decoded Match = "decoded"
	// Pieces says that parts of it do, in one source or in several.
	Pieces Match = "pieces"
	// None says that nothing was found that could be relied on. Found is then the union
	// of all that was read.
	None Match = "none"
)

// Trace is where a value's content appeared. The zero Trace says nothing and
// clears nothing: its Match is not one of the above, and OwnerNamed is false.
type Trace struct {
	Match Match `json:"match"`
	// Confidence, from 0 to 1, is how far the match by itself supports that the
	// value came from the sources found: 1 is a whole copy too long to be chance,
	// 0.5 a value so short that it may be, 0 no match. It says nothing of the
	// sources that were not found, and no rule should need more than "above 0.5".
	Confidence float64 `json:"confidence"`
	// Found has one entry a source: those with a match first, the owner's before
	// others; then, where the union of all that was read applies, the rest.
	Found []Found `json:"found,omitempty"`
	// Union says that some of the value is not accounted for, so that Found has
	// every source that was read.
	Union bool `json:"union,omitempty"`
	// Short says that the value is so short or common that finding it proves
	// little. Found in the owner's words it counts as the owner's; otherwise the
	// union applies.
	Short bool `json:"short,omitempty"`
	// Why says in words why Union or Short is set, for people; empty if neither.
	Why string `json:"why,omitempty"`
	// Parts are a URL's parts, each traced by itself; nil for other values.
	Parts []Part `json:"parts,omitempty"`
}

// Found is one source of a value.
type Found struct {
	Source Source `json:"source"`
	// How is what it took to find the value there: "verbatim", "case or spacing",
	// "punctuation", "number", "disguised" (look-alikes, accents, invisible
	// characters, odd case or spacing), "decoded: base64", "piece", "short", or
	// "read" for a source that is here by the union alone.
	How string `json:"how"`
	// Sentence is the sentence around the place, for people: on one line, without
	// control or invisible characters, at most MaxSentence characters; empty where
	// nothing was found.
	Sentence string `json:"sentence,omitempty"`
	// Share is how much of the value was found here, from 0 to 1.
	Share float64 `json:"share,omitempty"`
	// named: the whole value stands here by itself, as people would write it, and
	// the owner wrote it. stands is that, whoever wrote it.
	named, stands bool
}

// Stands reports whether the whole value stands in this source by itself, as
// people would write it: not as a part of a longer word or address, not in an
// encoding or a disguise. In a [Trace] whose match is [Pieces] that is said of a
// part of the value.
func (f Found) Stands() bool { return f.stands }

// Part is a part of a URL.
type Part struct {
	Name string `json:"name"` // "user", "host", "path", "query", "fragment"
	Text string `json:"text"` // decoded
	Trace
}

const (
	howRead  = "read"
	howShort = "short"
	howPiece = "piece"
)

// OwnerNamed reports whether the owner named the value: it stands in the owner's
// words as a whole, by itself, and the same but for case, spacing and the
// grouping of digits. Look-alike characters, decoding, other punctuation, a part
// of a longer word or address do not count. Several addresses in one value, told
// apart by commas, semicolons or new lines, count if each one does. That an
// untrusted text names it as well changes nothing: the owner did.
func (t Trace) OwnerNamed() bool {
	return slices.ContainsFunc(t.Found, func(f Found) bool { return f.Source.Kind == Owner && f.named })
}

// OnlyFrom reports whether every source of the value carries the label, and
// there is one. With no match that is: everything the session has read.
func (t Trace) OnlyFrom(label string) bool {
	return len(t.Found) > 0 && !slices.ContainsFunc(t.Found, func(f Found) bool { return !f.Source.Has(label) })
}

// Labels are the labels of all sources of the value, sorted, each once: those
// that the value carries.
func (t Trace) Labels() []string {
	var all []string
	for _, f := range t.Found {
		all = append(all, f.Source.Labels...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// From is the first source found that carries the label: what an approval names.
// One with a place comes before one that was merely read.
func (t Trace) From(label string) (Found, bool) {
	i := slices.IndexFunc(t.Found, func(f Found) bool { return f.Source.Has(label) })
	if i < 0 {
		return Found{}, false
	}
	return t.Found[i], true
}

// Part is the trace of a URL's part ("host", "path", "query", …), if the value
// is a URL that has it.
func (t Trace) Part(name string) (Part, bool) {
	i := slices.IndexFunc(t.Parts, func(p Part) bool { return p.Name == name })
	if i < 0 {
		return Part{}, false
	}
	return t.Parts[i], true
}
