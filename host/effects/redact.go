package effects

import (
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ambithost/ambit/host/effects/secret"
)

var redactedMark = []byte("[redacted]")

// seenSecrets remembers, while the host runs, every secret it has put into a
// request. All responses are redacted by all of them: a plugin could have a
// server store a secret with one request and fetch it back with the next, or
// have another plugin do so.
type seenSecrets struct {
	mu    sync.Mutex
	known map[[32]byte]bool
	all   []pattern
	red   atomic.Pointer[redactor]
}

func (s *seenSecrets) add(v secret.Value) {
	raw := v.Reveal()
	id := sha256.Sum256(raw)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known[id] {
		return
	}
	if s.known == nil {
		s.known = map[[32]byte]bool{}
	}
	s.known[id] = true
	s.all = append(s.all, forms(raw)...)
	s.red.Store(newRedactor(slices.Clone(s.all)))
}

// redactor returns the current one; it is never nil and never changes.
func (s *seenSecrets) redactor() *redactor {
	if r := s.red.Load(); r != nil {
		return r
	}
	return &redactor{}
}

// redactor replaces every occurrence of its patterns. The zero redactor
// changes nothing.
type redactor struct {
	byStart [256][]*pattern // patterns by the bytes they can begin with
	filled  bool
}

func newRedactor(patterns []pattern) *redactor {
	r := &redactor{filled: len(patterns) > 0}
	for i := range patterns {
		for _, s := range patterns[i].chars[0] {
			r.byStart[s.first] = append(r.byStart[s.first], &patterns[i])
		}
	}
	return r
}

func (r *redactor) empty() bool { return !r.filled }

// at looks for a secret at the start of b: the length of the longest form that
// is there, and whether more input could make it a longer one.
func (r *redactor) at(b []byte) (n int, more bool) {
	for _, p := range r.byStart[b[0]] {
		length, open := p.at(b)
		n, more = max(n, length), more || open
	}
	return n, more
}

// scan redacts b. Unless final, the rest is what must wait for more input,
// because a pattern may begin there.
func (r *redactor) scan(b []byte, final bool) (out, rest []byte) {
	if r.empty() {
		return b, nil
	}
	from := 0 // of what is not yet copied to out
	for i := 0; i < len(b); {
		n, more := r.at(b[i:])
		if more && !final {
			return append(out, b[from:i]...), b[i:]
		}
		if n == 0 {
			i++
			continue
		}
		out = append(append(out, b[from:i]...), redactedMark...)
		i += n
		from = i
	}
	if from == 0 {
		return b, nil
	}
	return append(out, b[from:]...), nil
}

func (r *redactor) bytes(b []byte) []byte {
	out, _ := r.scan(b, true)
	return out
}

func (r *redactor) text(s string) string {
	if r.empty() {
		return s
	}
	return string(r.bytes([]byte(s)))
}

// finds reports whether a secret occurs in s.
func (r *redactor) finds(s string) bool { return r.text(s) != s }

// reader redacts a stream, also where a secret lies across two reads. When the
// source fails, what might be the start of a secret is withheld.
func (r *redactor) reader(src io.Reader) io.Reader {
	if r.empty() {
		return src
	}
	return &redactReader{red: r, src: src}
}

type redactReader struct {
	red  *redactor
	src  io.Reader
	rest []byte // unread input
	out  []byte // redacted output
	err  error
}

func (r *redactReader) Read(p []byte) (int, error) {
	for len(r.out) == 0 && r.err == nil {
		chunk := make([]byte, 32<<10)
		n, err := r.src.Read(chunk)
		out, rest := r.red.scan(append(r.rest, chunk[:n]...), errors.Is(err, io.EOF))
		r.out, r.rest, r.err = slices.Clone(out), slices.Clone(rest), err
	}
	if len(r.out) == 0 {
		return 0, r.err
	}
	n := copy(p, r.out)
	r.out = r.out[n:]
	return n, nil
}
