package hostile

import (
	"encoding/binary"
	"slices"
)

// A small writer of the WebAssembly binary format (W3C Core Specification 2.0,
// chapter 5): what the corpus needs and no more. The modules are made here and
// not by a compiler so that every byte of an attack is meant, and so that the
// tests need no tool chain.

// valType is a value type, written as its byte in the binary format.
type valType byte

const (
	i32     valType = 0x7f
	i64     valType = 0x7e
	funcRef valType = 0x70
)

// signature of a function.
type signature struct{ params, results []valType }

// sig makes a signature; a zero in the list parts parameters from results.
func sig(types ...valType) signature {
	if n := slices.Index(types, 0); n >= 0 {
		return signature{types[:n], types[n+1:]}
	}
	return signature{params: types}
}

type function struct {
	typ    uint32
	locals []valType
	body   []byte
}

type export struct {
	name  string
	kind  byte
	index uint32
}

// module collects the parts of a module; bytes writes it.
type module struct {
	types     []signature
	imports   []byte
	imported  uint32
	functions []function
	tables    []uint32 // sizes
	pages     *limits
	exports   []export
	start     *uint32
}

type limits struct{ min, max uint32 } // max 0: none

func (m *module) typeOf(s signature) uint32 {
	for i, t := range m.types {
		if slices.Equal(t.params, s.params) && slices.Equal(t.results, s.results) {
			return uint32(i)
		}
	}
	m.types = append(m.types, s)
	return uint32(len(m.types) - 1)
}

// importFunc adds an import and returns its function index. Imports come before
// the module's own functions, whose indexes follow them.
func (m *module) importFunc(from, name string, s signature) uint32 {
	if len(m.functions) > 0 {
		panic("hostile: import after a function")
	}
	m.imports = append(m.imports, join(str(from), str(name), []byte{0}, uleb(uint64(m.typeOf(s))))...)
	m.imported++
	return m.imported - 1
}

// fn adds a function and returns its index.
func (m *module) fn(s signature, locals []valType, code ...[]byte) uint32 {
	m.functions = append(m.functions, function{m.typeOf(s), locals, join(code...)})
	return m.next() - 1
}

// next is the index that the next function gets.
func (m *module) next() uint32 { return m.imported + uint32(len(m.functions)) }

// exportCall makes a function of no parameters and one i32 the plugin's "call",
// beside a "ping" that does nothing.
func (m *module) exportCall(locals []valType, code ...[]byte) {
	m.exports = append(m.exports, export{"ping", 0, m.fn(sig(0, i32), nil, i32c(0))})
	m.exports = append(m.exports, export{"call", 0, m.fn(sig(0, i32), locals, join(code...), i32c(0))})
}

// bytes writes the module.
func (m *module) bytes() []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	out = append(out, section(1, len(m.types), func(i int) []byte {
		return join([]byte{0x60}, vec(m.types[i].params), vec(m.types[i].results))
	})...)
	if m.imported > 0 {
		out = append(out, frame(2, join(uleb(uint64(m.imported)), m.imports))...)
	}
	out = append(out, section(3, len(m.functions), func(i int) []byte { return uleb(uint64(m.functions[i].typ)) })...)
	out = append(out, section(4, len(m.tables), func(i int) []byte {
		return join([]byte{byte(funcRef), 0}, uleb(uint64(m.tables[i])))
	})...)
	if m.pages != nil {
		out = append(out, section(5, 1, func(int) []byte { return m.pages.bytes() })...)
		m.exports = append(m.exports, export{"memory", 2, 0})
	}
	out = append(out, section(7, len(m.exports), func(i int) []byte {
		e := m.exports[i]
		return join(str(e.name), []byte{e.kind}, uleb(uint64(e.index)))
	})...)
	if m.start != nil {
		out = append(out, frame(8, uleb(uint64(*m.start)))...)
	}
	return append(out, section(10, len(m.functions), func(i int) []byte { return m.functions[i].bytes() })...)
}

func (l limits) bytes() []byte {
	if l.max == 0 {
		return join([]byte{0}, uleb(uint64(l.min)))
	}
	return join([]byte{1}, uleb(uint64(l.min)), uleb(uint64(l.max)))
}

func (f function) bytes() []byte {
	var locals [][]byte // runs of one type, as the format wants them
	for i := 0; i < len(f.locals); {
		n := i
		for n < len(f.locals) && f.locals[n] == f.locals[i] {
			n++
		}
		locals = append(locals, join(uleb(uint64(n-i)), []byte{byte(f.locals[i])}))
		i = n
	}
	body := join(uleb(uint64(len(locals))), join(locals...), f.body, []byte{0x0b})
	return join(uleb(uint64(len(body))), body)
}

// section writes a section that is a vector; an empty one is left out.
func section(id byte, n int, item func(int) []byte) []byte {
	if n == 0 {
		return nil
	}
	content := uleb(uint64(n))
	for i := range n {
		content = append(content, item(i)...)
	}
	return frame(id, content)
}

func frame(id byte, content []byte) []byte {
	return join([]byte{id}, uleb(uint64(len(content))), content)
}

func vec(types []valType) []byte {
	out := uleb(uint64(len(types)))
	for _, t := range types {
		out = append(out, byte(t))
	}
	return out
}

func str(s string) []byte { return join(uleb(uint64(len(s))), []byte(s)) }

func join(parts ...[]byte) []byte { return slices.Concat(parts...) }

func uleb(v uint64) []byte { return binary.AppendUvarint(nil, v) }

// sleb is signed LEB128, which numbers in code use.
func sleb(v int64) (out []byte) {
	for {
		b := byte(v & 0x7f)
		v >>= 7
		if v == 0 && b&0x40 == 0 || v == -1 && b&0x40 != 0 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}

// Instructions, named as in the specification's text format.

func i32c(v int32) []byte      { return join([]byte{0x41}, sleb(int64(v))) }
func i64c(v int64) []byte      { return join([]byte{0x42}, sleb(v)) }
func call(f uint32) []byte     { return join([]byte{0x10}, uleb(uint64(f))) }
func get(local uint32) []byte  { return join([]byte{0x20}, uleb(uint64(local))) }
func set(local uint32) []byte  { return join([]byte{0x21}, uleb(uint64(local))) }
func br(depth uint32) []byte   { return join([]byte{0x0c}, uleb(uint64(depth))) }
func brIf(depth uint32) []byte { return join([]byte{0x0d}, uleb(uint64(depth))) }

func loop(code ...[]byte) []byte { return join([]byte{0x03, 0x40}, join(code...), []byte{0x0b}) }

// op is an instruction without operands, or with ones already encoded.
func op(b ...byte) []byte { return b }

var (
	unreachable = op(0x00)
	drop        = op(0x1a)
	i32Eqz      = op(0x45)
	i32Add      = op(0x6a)
	i32Sub      = op(0x6b)
	i64Add      = op(0x7c)
	i64LtU      = op(0x54)
	i32Store    = op(0x36, 2, 0)
	i32Load     = op(0x28, 2, 0)
	memoryGrow  = op(0x40, 0)
	memoryFill  = op(0xfc, 0x0b, 0)
)
