package hostile

import (
	"encoding/binary"
	"strings"
)

// guest is a module with the imports a plugin has: Extism's kernel and
// Ambit's one host function.
type guest struct {
	*module
	alloc, store64, outputSet, errorSet, logInfo, effect uint32

	wasi []uint32 // what newGuestWith was asked to import besides
}

func newGuest() *guest { return newGuestWith(nil) }

func newGuestWith(more func(*module) []uint32) *guest {
	m := &module{}
	const env = "extism:host/env"
	g := &guest{
		module:    m,
		alloc:     m.importFunc(env, "alloc", sig(i64, 0, i64)),
		store64:   m.importFunc(env, "store_u64", sig(i64, i64)),
		outputSet: m.importFunc(env, "output_set", sig(i64, i64)),
		errorSet:  m.importFunc(env, "error_set", sig(i64)),
		logInfo:   m.importFunc(env, "log_info", sig(i64)),
		effect:    m.importFunc("extism:host/user", "effect", sig(i64, 0, i64)),
	}
	if more != nil {
		g.wasi = more(m)
	}
	return g
}

// part is a piece of text written n times over.
type part struct {
	text string
	n    int
}

// size in bytes; a part is padded with spaces to whole 8-byte words.
func (p part) size() int64 { return int64((len(p.text)+7)/8*8) * int64(p.n) }

func size(parts ...part) (n int64) {
	for _, p := range parts {
		n += p.size()
	}
	return n
}

// write adds a function that allocates a block of the kernel's memory, writes
// the parts there and returns the block's offset.
func (g *guest) write(parts ...part) uint32 {
	const block, at, left = 0, 1, 2
	code := [][]byte{i64c(size(parts...)), call(g.alloc), set(block), get(block), set(at)}
	for _, p := range parts {
		var once [][]byte
		text := p.text + strings.Repeat(" ", (8-len(p.text)%8)%8)
		for i := 0; i < len(text); i += 8 {
			word := int64(binary.LittleEndian.Uint64([]byte(text[i:])))
			once = append(once, get(at), i64c(word), call(g.store64), get(at), i64c(8), i64Add, set(at))
		}
		code = append(code, i32c(int32(p.n)), set(left), loop(join(once...), countDown(left)))
	}
	return g.fn(sig(0, i64), []valType{i64, i64, i32}, append(code, [][]byte{get(block)}...)...)
}

// output is code that ends the call with what a write function writes.
func (g *guest) output(write uint32, size int64) []byte {
	return join(call(write), i64c(size), call(g.outputSet))
}

// countDown is the end of a loop that runs while the local, less one, is not 0.
func countDown(local uint32) []byte {
	return join(get(local), i32c(1), i32Sub, set(local), get(local), brIf(0))
}

// forever repeats the code without end.
func forever(code ...[]byte) []byte { return loop(join(code...), br(0)) }

// Echo returns a plugin that behaves: its call returns what it was given. The
// tests keep one running beside every attack.
func Echo() []byte {
	var offset, length uint32
	g := newGuestWith(func(m *module) []uint32 {
		const env = "extism:host/env"
		offset = m.importFunc(env, "input_offset", sig(0, i64))
		length = m.importFunc(env, "input_length", sig(0, i64))
		return nil
	})
	g.exportCall(nil, call(offset), call(length), call(g.outputSet))
	return g.bytes()
}
