package provenance

import (
	"slices"
)

// Bounds. Sizes are in bytes.
const (
	// MaxText is how much of one text is indexed; what it decodes to may be as
	// much again.
	MaxText = 1 << 20
	// MaxMaterial is how much text is indexed for a session; the owner's words
	// have the same again to themselves, so that no flood crowds them out.
	MaxMaterial = 8 << 20
	// MaxValue is the longest value that is traced.
	MaxValue = 256 << 10
	// MaxWork is how many bytes one Trace compares, the parts of a URL and of a
	// list together.
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
	size    [2]int   // bytes indexed: others', the owner's
	spent   *int     // bytes compared by the Trace that this copy is at work for
}

// indexed is a text and what was found in it by decoding.
type indexed struct {
	source int // place in Material.sources
	layers []*layer
	part   bool            // there is more in it than was indexed
	words  map[string]bool // of the owner's; nil of others'
}

// With is the material and the texts, read in this order. A text without body
// still counts as read. Beyond the bounds a text's source is known and its body
// is not; values are then never cleared of that source by a search of the rest.
func (m *Material) With(texts ...Text) *Material {
	next := &Material{}
	if m != nil {
		*next = Material{texts: slices.Clip(m.texts), sources: slices.Clip(m.sources), size: m.size}
	}
	for _, t := range texts {
		s := t.Source.canonical()
		i := slices.IndexFunc(next.sources, func(o Source) bool { return o.key() == s.key() })
		if i < 0 {
			i, next.sources = len(next.sources), append(next.sources, s)
		}
		whose := 0
		if s.Kind == Owner {
			whose = 1
		}
		room := min(MaxText, MaxMaterial-next.size[whose])
		in := &indexed{source: i, part: len(t.Body) > room}
		body := t.Body[:min(len(t.Body), room)]
		next.size[whose] += len(body)
		if body != "" {
			var more bool
			in.layers, more = layers(body)
			in.part = in.part || more
			if s.Kind == Owner {
				in.words = wordsOf(body)
			}
		}
		next.texts = append(next.texts, in)
	}
	return next
}

// layers are the text and what it and its parts decode to. more says that the
// bounds left some of it out.
func layers(body string) (all []*layer, more bool) {
	seen, room := map[string]bool{}, MaxText
	type node struct {
		*layer
		depth int
	}
	var queue []node
	push := func(l *layer, depth int) {
		if seen[l.text] {
			return
		}
		seen[l.text] = true
		all = append(all, l)
		if depth < maxDepth {
			queue = append(queue, node{l, depth})
		}
	}
	push(newLayer(body, nil), 0)
	for ; len(queue) > 0; queue = queue[1:] {
		n := queue[0]
		take := func(how []string, text string) {
			if room -= len(text); room < 0 || len(all) == maxParts {
				more = true
				return
			}
			push(newLayer(text, slices.Concat(n.how, how)), n.depth+1)
		}
		s := clean(n.text)
		if text, how := unescape(s); len(how) > 0 {
			take(how, text)
		}
		if text := selectors(n.text); text != "" {
			take([]string{"variation selectors"}, text)
		}
		found, cut := parts(s, maxParts)
		more = more || cut
		for _, p := range found {
			take([]string{p.how}, p.text)
		}
	}
	return all, more
}

// Sources are all sources read, each once, in the order of reading.
func (m *Material) Sources() []Source {
	if m == nil {
		return nil
	}
	return slices.Clone(m.sources)
}

// Labels are the labels of all that was read, sorted, each once.
func (m *Material) Labels() []string { return m.none("").Labels() }

// none is the answer when nothing can be relied on.
func (m *Material) none(why string) Trace {
	t := Trace{Match: None, Union: true, Why: why}
	if m != nil {
		t.Found = m.rest(nil)
	}
	return t
}

// rest is found and, behind it, all sources that are not in it.
func (m *Material) rest(found []Found) []Found {
	for _, s := range m.sources {
		if !slices.ContainsFunc(found, func(f Found) bool { return f.Source.key() == s.key() }) {
			found = append(found, Found{Source: s, How: howRead})
		}
	}
	return found
}
