package provenance

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Lengths, in letters (see weight).
const (
	shortValue = 6  // below, a value is found by chance
	sureValue  = 12 // from here on a whole copy is no coincidence
)

// comparing is how many times as much work it is to compare a place in detail as
// to look for it.
const comparing = 32

// layering is the least that looking into a text costs, in bytes compared.
const layering = 64

// whole is a place where all of a value stands.
type whole struct {
	source   int
	level    level
	how      string
	layer    *layer
	from, to int
	bounded  bool
	opaque   bool // what it took to find it may carry something of its own
}

// piece is a place where a part of a value stands.
type piece struct {
	source   int
	layer    *layer
	how      string
	at, n    int  // in the layer's tight form
	from, to int  // in the value's tight form; equal if it accounts for nothing
	part     bool // of a code only: what else is in the code is not known
}

// search is one Trace at work.
type search struct {
	m        *Material
	value    string
	core     string // value without what its tight form drops at the ends
	variants []variant
	numbers  []string // what the value says as a number
	host     bool
	short    bool
	wholes   []whole
	pieces   []piece
	cut      string // why the search is not complete
	more     bool   // the value has more encodings in it than were searched for
}

func (m *Material) search(value string, host bool) *search {
	s := &search{m: m, value: value, host: host, numbers: numeral(value)}
	s.variants, s.more = variants(value)
	own := s.variants[0]
	from, to := own.span(0, len(own.tight))
	s.core = value[from:to]
	s.short = weight(own.tight, shortValue) < shortValue || common[own.tight]
	return s
}

// all searches everything that was read, the owner's words first: no flood of
// other texts uses up the work that they take.
func (s *search) all() {
	scanner := newScanner(s.variants)
	s.spend(scanner.cost)
	for _, owners := range []bool{true, false} {
		for _, in := range s.m.texts {
			if (s.m.sources[in.source].Kind == Owner) != owners {
				continue
			}
			s.spend(layering)
			for _, l := range in.layers {
				if s.spend(0); s.cut != "" {
					return
				}
				s.look(scanner, in.source, l)
			}
		}
	}
}

// spend counts bytes that are compared, and ends the search at the bound.
func (s *search) spend(bytes int) {
	if *s.m.spent += bytes; *s.m.spent > MaxWork {
		s.cut = "there is more to compare than the bound allows"
	}
}

// look searches one layer.
func (s *search) look(scanner *scanner, source int, l *layer) {
	runs, work := scanner.scan(l)
	s.spend(work)
	searched := map[int]bool{}
	for _, r := range runs {
		v := s.variants[r.variant]
		if r.from == 0 && r.to == len(v.tight) && !searched[r.variant] {
			searched[r.variant] = true
			if s.wholly(source, l, r.variant) {
				continue
			}
		}
		if len(s.pieces) == maxRuns {
			s.cut = "more places were found than are noted"
			return
		}
		s.note(source, l, v, r.from, r.to, r.at)
	}
	for i, v := range s.variants {
		switch {
		case len(v.tight) < gram && (i == 0 || weight(v.tight, 4) >= 4):
			s.spend(len(l.tight) / 8)
			s.wholly(source, l, i)
		case weight(v.tight, shortValue) < shortValue && len(v.text) >= sureValue:
			s.literally(source, l, v)
		}
	}
	for _, n := range s.numbers {
		s.numerically(source, l, n)
	}
}

// note keeps a piece.
func (s *search) note(source int, l *layer, v variant, from, to, at int) {
	p := piece{source: source, layer: l, how: howPiece, at: at, n: to - from}
	if how := slices.Concat(v.how, l.how); len(how) > 0 {
		p.how = "decoded: " + strings.Join(how, ", ")
	}
	switch {
	case len(v.how) == 0:
		p.from, p.to = from, to
	case (to-from)*5 >= len(v.tight)*4: // nearly all of a code
		p.from, p.to, p.part = v.from, v.to, true
	}
	s.pieces = append(s.pieces, p)
}

// wholly notes the best place in the layer where the whole reading stands.
func (s *search) wholly(source int, l *layer, i int) bool {
	v, limit := s.variants[i], 64
	if s.m.sources[source].Kind == Owner {
		limit = 1024
	}
	// Short readings must stand alone to count, and longer ones of a few letters.
	alone := len(v.tight) < gram || weight(v.tight, shortValue) < shortValue
	best := whole{level: decoded + 1}
	for _, at := range occurrences(l, v.tight, limit) {
		if s.spend(comparing * len(v.text)); s.cut != "" || best.layer != nil && best.level <= spaced && best.bounded {
			break
		}
		from, to := l.span(at, at+len(v.tight))
		w := whole{source: source, layer: l, from: from, to: to, bounded: bounded(l.text, from, to, s.host)}
		if alone && (!w.bounded || strings.ContainsFunc(l.text[from:to], unicode.IsSpace) && !strings.ContainsFunc(v.text, unicode.IsSpace)) {
			continue
		}
		w.level = v.level(l, from, to)
		w.opaque = v.opaque || w.level == disguised && adds(v.text, l.text[from:to])
		w.how = levelNames[w.level]
		if how := slices.Concat(v.how, l.how); len(how) > 0 {
			w.level, w.how = decoded, "decoded: "+strings.Join(how, ", ")
		}
		if best.layer == nil || w.level < best.level || w.level == best.level && w.bounded && !best.bounded {
			best = w
		}
	}
	if best.layer == nil {
		return false
	}
	if v.whole {
		s.wholes = append(s.wholes, best)
	} else {
		s.pieces = append(s.pieces, piece{source, l, best.how, len(tight(l.text[:best.from])), len(v.tight), v.from, v.to, false})
	}
	return true
}

// level is how the place differs from the reading, encodings apart.
func (v variant) level(l *layer, from, to int) level {
	a, b := v.span(0, len(v.tight))
	core, before, after := v.text[a:b], v.text[:a], v.text[b:]
	d := differ(l.text[from:to], core)
	if d == same && strings.HasSuffix(l.text[:from], before) && strings.HasPrefix(l.text[to:], after) {
		return same
	}
	// What the value has around its core is a sentence's punctuation, or a mark.
	edge := strings.TrimSpace(before + after)
	switch {
	case d > spaced:
	case hides(edge) || !spacing(before+after):
		d = disguised
	case strings.Trim(edge, " \n\t.,;:!?\"'()[]<>#@+/“”„‘’«»…$€£") != "":
		d = punctuation
	default:
		d = spaced
	}
	if d == spaced && !samePath(l.text[from:to], core) {
		d = punctuation
	}
	if utf8.RuneCountInString(edge) > 6 {
		d = disguised
	}
	return d
}

// samePath reports whether two spellings of a URL have the same path and query,
// in which case counts; what is no URL has none.
func samePath(place, core string) bool {
	_, rest, ok := strings.Cut(core, "://")
	if !ok {
		return true
	}
	i := strings.IndexAny(rest, "/?#")
	return i < 0 || strings.HasSuffix(place, rest[i:])
}

// literally finds a reading of few letters byte for byte.
func (s *search) literally(source int, l *layer, v variant) {
	s.spend(len(l.text))
	if i := strings.Index(l.text, v.text); i >= 0 && v.whole {
		w := whole{source: source, how: levelNames[same], layer: l, from: i, to: i + len(v.text), bounded: true, opaque: v.opaque}
		if how := slices.Concat(v.how, l.how); len(how) > 0 {
			w.level, w.how = decoded, "decoded: "+strings.Join(how, ", ")
		}
		s.wholes = append(s.wholes, w)
	}
}

// numerically finds another spelling of a number.
func (s *search) numerically(source int, l *layer, n string) {
	for _, needle := range numeralNeedles(n) {
		s.spend(len(l.tight) / 8)
		for _, at := range occurrences(l, needle, 64) {
			a, b := l.span(at, at+len(needle))
			from, to := widen(l.text, a, b)
			if slices.Contains(numeral(l.text[from:to]), n) && !grouping(l.text, from, to) && bounded(l.text, from, to, false) {
				w := whole{source: source, level: number, how: levelNames[number], layer: l, from: from, to: to, bounded: true}
				if len(l.how) > 0 {
					w.level, w.how = decoded, "decoded: "+strings.Join(l.how, ", ")
				}
				s.wholes = append(s.wholes, w)
				return
			}
		}
	}
}

// named reports whether the place is the owner naming the value.
func (s *search) named(w whole) bool {
	return s.m.sources[w.source].Kind == Owner && w.bounded && w.level <= number
}

// clears reports whether the place accounts for the value.
func (s *search) clears(w whole) bool {
	if s.named(w) {
		return true
	}
	if s.short {
		return false
	}
	if w.opaque {
		return false
	}
	if s.m.sources[w.source].Kind == Owner {
		return w.bounded && (w.level == decoded || s.prose() && w.level <= punctuation)
	}
	return true
}

// adds reports whether a value is disguised by what it has itself, and not by
// what the place has.
func adds(value, place string) bool {
	if !evenCase(value, place) || !evenSpace(value, place) || signs(value) > signs(place)+2 {
		return true
	}
	if isASCII(value) {
		return false
	}
	has := map[rune]bool{}
	for _, r := range place {
		has[r] = true
	}
	return strings.ContainsFunc(value, func(r rune) bool { return r >= utf8.RuneSelf && !has[r] })
}

// prose reports whether the value is words rather than a name, a number or an
// address.
func (s *search) prose() bool {
	v := strings.TrimSpace(s.value)
	return strings.ContainsFunc(v, unicode.IsSpace) || len(v) >= 60 && !strings.ContainsAny(v, "@:/") && !isASCII(v)
}

// found are the places of whole copies, one a source, the owner's first and
// then by how little they differ.
func (s *search) found() (all []whole) {
	slices.SortStableFunc(s.wholes, func(a, b whole) int {
		owner := func(w whole) int {
			if s.m.sources[w.source].Kind == Owner {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(owner(a), owner(b)), cmp.Compare(a.level, b.level))
	})
	for _, w := range s.wholes {
		i := slices.IndexFunc(all, func(o whole) bool { return o.source == w.source })
		switch {
		case i < 0:
			all = append(all, w)
		case s.named(w) && !s.named(all[i]):
			all[i] = w
		}
	}
	return all
}
