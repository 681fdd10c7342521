package provenance

import "strings"

// gram is how many bytes of tight form are looked up at a time; a piece is made
// of overlapping grams.
const gram = 8

// longPiece is how many bytes of tight form make a piece; whole words of gram
// bytes do too.
const longPiece = 12

// maxRuns is how many pieces one Trace notes.
const maxRuns = 4096

// indexing is how many times as much work it is to look a gram up, or to note it,
// as to read a byte.
const indexing = 8

// scanner finds the readings of a value in layers, all of them in one pass.
type scanner struct {
	variants []variant
	slots    [][]int32 // of each variant's grams
	table    map[uint64]int32
	filter   []uint64
	shift    uint
	stamp    []int32 // the last layer that a slot was seen in
	place    []int32 // and where
	epoch    int32
	cost     int // of making it, in bytes compared
}

// run is a piece of a reading that stands in a layer.
type run struct {
	variant  int
	from, to int // in the reading's tight form
	at       int // in the layer's
}

func newScanner(variants []variant) *scanner {
	s := &scanner{variants: variants, table: map[uint64]int32{}, slots: make([][]int32, len(variants))}
	for i, v := range variants {
		for p := 0; p+gram <= len(v.tight); p++ {
			w := load(v.tight[p:])
			slot, ok := s.table[w]
			if !ok {
				slot = int32(len(s.table))
				s.table[w] = slot
			}
			s.slots[i] = append(s.slots[i], slot)
		}
		s.cost += indexing * len(s.slots[i])
	}
	n := len(s.table)
	s.stamp, s.place = make([]int32, n), make([]int32, n)
	bits := uint(12)
	for 1<<bits < 32*n {
		bits++
	}
	s.shift, s.filter = 64-bits, make([]uint64, 1<<bits/64)
	for w := range s.table {
		h := w * mixer >> s.shift
		s.filter[h/64] |= 1 << (h % 64)
	}
	return s
}

// mixer spreads the bits of a gram (Knuth's multiplicative hashing).
const mixer = 0x9E3779B97F4A7C15

func load(s string) (w uint64) {
	for i := range gram {
		w |= uint64(s[i]) << (8 * i)
	}
	return w
}

// scan is where the readings' pieces stand in the layer, and how many bytes were
// compared.
func (s *scanner) scan(l *layer) (runs []run, work int) {
	t := l.tight
	if len(t) < gram || len(s.table) == 0 {
		return nil, 0
	}
	s.epoch++
	hits, looked, w := 0, 0, load(t)<<8
	for i := gram - 1; i < len(t); i++ {
		w = w>>8 | uint64(t[i])<<56
		h := w * mixer >> s.shift
		if s.filter[h/64]&(1<<(h%64)) == 0 {
			continue
		}
		looked++
		if slot, ok := s.table[w]; ok && s.stamp[slot] != s.epoch {
			s.stamp[slot], s.place[slot] = s.epoch, int32(i-gram+1)
			hits++
		}
	}
	work = len(t) + indexing*looked
	if hits == 0 {
		return nil, work
	}
	for i, slots := range s.slots {
		work += len(slots)
		for p := 0; p < len(slots); p++ {
			from := p
			for p < len(slots) && s.stamp[slots[p]] == s.epoch {
				p++
			}
			if p == from {
				continue
			}
			r := run{i, from, p - 1 + gram, int(s.place[slots[from]])}
			work += comparing
			if r.to-r.from >= longPiece || r.to-r.from == len(s.variants[i].tight) || s.variants[i].standsAlone(r.from, r.to) {
				runs = append(runs, r)
			}
		}
	}
	return runs, work
}

// standsAlone reports whether the tight bytes are whole words of the text.
func (l *layer) standsAlone(a, b int) bool {
	from, to := l.span(a, b)
	return bounded(l.text, from, to, false)
}

// occurrences are the places of the reading in the layer, at most n.
func occurrences(l *layer, tight string, n int) (places []int) {
	for i := 0; len(places) < n && tight != ""; {
		j := strings.Index(l.tight[i:], tight)
		if j < 0 {
			break
		}
		places = append(places, i+j)
		i += j + 1
	}
	return places
}
