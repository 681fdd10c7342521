package wasm

import "fmt"

// typeI64 is how a module writes the type i64, in which Extism passes handles.
const typeI64 = 0x7e

// signature is what a function takes and returns, as the module writes it.
type signature struct{ params, results []byte }

// export is an exported function; index counts the imported ones first.
type export struct {
	name  string
	index uint32
}

// signature reads a function's type.
func (r *reader) signature() signature {
	if form := r.byte(); form != 0x60 && r.err == nil {
		r.fail(fmt.Errorf("a type of form %#x", form))
	}
	return signature{params: r.take(int(r.u32())), results: r.take(int(r.u32()))}
}

// signatureOf is the type with that number; what there is not takes nothing, and
// compiling refuses it.
func (m *Module) signatureOf(n uint32) signature {
	if uint64(n) >= uint64(len(m.types)) {
		return signature{}
	}
	return m.types[n]
}

// callable lists the exports that a host can call: all that a function gets, it
// gets as its input.
func (m *Module) callable() {
	for _, e := range m.exported {
		if uint64(e.index) >= uint64(len(m.functions)) {
			continue // compiling refuses it
		}
		if s := m.signatureOf(m.functions[e.index]); len(s.params) == 0 && len(s.results) <= 1 {
			m.Exports = append(m.Exports, e.name)
		}
	}
}
