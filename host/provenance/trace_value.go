package provenance

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// common are words so usual in arguments that finding one proves nothing,
// though they are long enough. In tight form.
var common = func() map[string]bool {
	all := map[string]bool{}
	for w := range strings.FieldsSeq(`general random public private default primary secondary enabled disabled
		subject message invoice payment monthly weekly yearly meeting reminder important urgent hello hithere
		thanks thankyou regards bestregards tomorrow yesterday morning afternoon evening january february
		march april august september october november december monday tuesday wednesday thursday friday
		saturday sunday unknown english german french spanish status update confirmed cancelled pending
		completed application document attachment information account number string object null undefined`) {
		all[w] = true
	}
	return all
}()

// Trace says where the value's content appeared.
//
// A value found whole is accounted for by the sources that have it, and these
// are Found. One found in pieces is, if it is prose and the pieces leave nothing
// between them but an "and" or an article. Whatever is not accounted for may come
// from anything that was read: Union is set and Found has every source.
//
// A whole copy in the owner's words accounts for a value only if it stands by
// itself there; so a part of an address that the owner gave, or an address that
// looks like it, is not the owner's. A value that adds to what was found
// invisible or look-alike characters, odd case, spacing or punctuation, or that
// is encoded itself, may hide something in them, and the union applies as well.
//
// A value of fewer than six letters or digits (two characters of Chinese), and
// some words usual in arguments, are Short: found by themselves in the owner's
// words they are the owner's; otherwise Match is None, the union applies, and the
// sources that have them come first.
func (m *Material) Trace(value string) Trace {
	if m == nil || len(m.sources) == 0 {
		return m.none("nothing was read")
	}
	if len(value) > MaxValue {
		return m.none(fmt.Sprintf("the value has %d bytes, more than the %d that are traced", len(value), MaxValue))
	}
	t, _ := m.work(value)
	return t
}

// work is Trace of a value that is not too long, and how many bytes it compared.
func (m *Material) work(value string) (Trace, int) {
	at := *m
	at.spent = new(int)
	t := at.trace(value, isHost(value))
	if !t.OwnerNamed() {
		t = at.list(value, t)
	}
	return at.url(value, t), *at.spent
}

// trace is Trace without lists and URLs.
func (m *Material) trace(value string, host bool) Trace {
	s := m.search(value, host)
	s.all()
	t := s.answer()
	if !t.OwnerNamed() {
		m.beyond(&t)
		if s.cut != "" {
			t.Union, t.Found, t.Why = true, m.rest(t.Found), s.cut
		} else if s.more && t.Union {
			t.Why += "; it has more encodings in it than are searched for"
		}
	}
	return t
}

// beyond adds the sources that were not indexed whole.
func (m *Material) beyond(t *Trace) {
	for _, in := range m.texts {
		src := m.sources[in.source]
		if in.part && !slices.ContainsFunc(t.Found, func(f Found) bool { return f.Source.key() == src.key() }) {
			t.Found = append(t.Found, Found{Source: src, How: howRead})
			t.Why = "of " + src.String() + " more was read than is searched"
		}
	}
}

// answer weighs what was found.
func (s *search) answer() Trace {
	wholes := s.found()
	clear := slices.ContainsFunc(wholes, s.clears)
	named := slices.ContainsFunc(wholes, s.named)
	t := Trace{Match: None, Short: s.short}
	for _, w := range wholes {
		f := Found{Source: s.m.sources[w.source], How: w.how, Sentence: w.layer.sentence(w.from, w.to), Share: 1, named: s.named(w), stands: w.bounded && w.level <= number}
		if s.short && !f.named {
			f.How = howShort
		}
		t.Found = append(t.Found, f)
	}
	switch {
	case s.short && named:
		t.Match, t.Confidence, t.Why = wholes[0].match(), 0.5, "short, and found in the owner's words"
		return t
	case s.short:
		for _, f := range s.assemble().Found { // what is hidden in it
			t.Found = appendFound(t.Found, f)
		}
		t.Union, t.Why = true, "too short or common to tell where it is from"
		return t
	case len(wholes) > 0:
		t.Match = wholes[0].match()
		t.Confidence = s.confidence(wholes[0])
		if !clear {
			t.Union, t.Why, t.Found = true, "found only as a part of something longer, or disguised", s.m.rest(t.Found)
		}
		return t
	}
	return s.assemble()
}

// match is the word for a whole copy.
func (w whole) match() Match {
	switch {
	case w.level == same:
		return Verbatim
	case w.level == decoded:
		return Decoded
	}
	return Folded
}

// confidence of a whole copy.
func (s *search) confidence(w whole) float64 {
	c := [...]float64{same: 1, spaced: 0.95, number: 0.8, punctuation: 0.9, disguised: 0.8, decoded: 0.9}[w.level]
	if weight(s.variants[0].tight, sureValue) < sureValue {
		c = min(c, 0.8)
	}
	return c
}

// Pieces that cover less of a value are no match by themselves.
const (
	smallShare = 0.25
	sureLength = 24
)

// assemble weighs pieces.
func (s *search) assemble() Trace {
	own := s.variants[0]
	n := len(own.tight)
	covered, firm, longest := make([]bool, n), make([]bool, n), 0
	perSource := map[int][]bool{}
	first := map[int]piece{}
	for _, p := range s.pieces {
		if perSource[p.source] == nil {
			perSource[p.source] = make([]bool, n)
		}
		for i := p.from; i < p.to; i++ {
			covered[i], perSource[p.source][i] = true, true
			firm[i] = firm[i] || !p.part
		}
		longest = max(longest, p.n)
		if f, ok := first[p.source]; !ok || p.n > f.n {
			first[p.source] = p
		}
	}
	t := Trace{Match: None}
	for source, p := range first {
		at := p.layer.tight
		from, to := p.layer.span(p.at, min(len(at), p.at+p.n))
		t.Found = append(t.Found, Found{Source: s.m.sources[source], How: p.how, Sentence: p.layer.sentence(from, to), Share: share(perSource[source])})
	}
	slices.SortFunc(t.Found, func(a, b Found) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(a.Source.key(), b.Source.key()))
	})
	if all := share(covered); all >= smallShare || longest >= sureLength {
		t.Match, t.Confidence = Pieces, 0.85*all
	}
	if t.Match == None || !s.prose() || !closed(own.layer, firm) {
		t.Union, t.Why, t.Found = true, "not found in what was read", s.m.rest(t.Found)
		if t.Match == Pieces {
			t.Why = "a part of it was not found in what was read"
		}
	}
	return t
}

func share(covered []bool) float64 {
	n := 0
	for _, c := range covered {
		if c {
			n++
		}
	}
	return float64(n) / float64(max(1, len(covered)))
}

// fillers are words that may stand between pieces and say nothing.
var fillers = map[string]bool{"and": true, "or": true, "the": true, "a": true, "und": true, "oder": true, "et": true, "ou": true, "y": true, "o": true, "e": true, "i": true, "och": true}

// closed reports whether nothing but a filler was left between the pieces, and
// that seldom.
func closed(own *layer, covered []bool) bool {
	gaps := 0
	for i := 0; i < len(covered); i++ {
		from := i
		for i < len(covered) && !covered[i] {
			i++
		}
		if i == from {
			continue
		}
		if gaps++; !fillers[own.tight[from:i]] || !own.standsAlone(from, i) {
			return false
		}
	}
	return gaps*12 <= len(covered)
}
