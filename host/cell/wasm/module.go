package wasm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/ambithost/ambit/sdk/protocol"
)

// Module is what the header sections of a module say, read without compiling
// it.
type Module struct {
	Imports []Import
	Exports []string // functions that can be called: those without parameters
	// Memory in pages of 64 KiB; MaxPages 0: no maximum declared.
	MinPages, MaxPages uint32

	types     []signature
	functions []uint32 // their types, imported ones first
	exported  []export
}

// Import is one thing a module wants from its host.
type Import struct {
	Module, Name string
	Kind         byte // 0 function, 1 table, 2 memory, 3 global, 4 tag

	signature signature // of a function
}

func (i Import) String() string { return i.Module + "." + i.Name }

// Refusal is the error of a module that asks for what no plugin gets.
type Refusal struct {
	Import string // as "module.name"; empty for another reason
	Reason string
}

func (r *Refusal) Error() string {
	if r.Import == "" {
		return "module refused: " + r.Reason
	}
	return fmt.Sprintf("module refused: import %q: %s", r.Import, r.Reason)
}

// Unwrap gives the refusal its code.
func (r *Refusal) Unwrap() error { return &protocol.Error{Code: protocol.Invalid, Message: r.Reason} }

var (
	magic     = []byte("\x00asm")
	version1  = []byte{1, 0, 0, 0}
	component = []byte{1, 0} // the "layer" half of a component's version field
)

// Sections of a module: https://www.w3.org/TR/wasm-core-2/#sections
const (
	sectionType     = 1
	sectionImport   = 2
	sectionFunction = 3
	sectionMemory   = 5
	sectionExport   = 7
)

// maxItems caps imports and exports: far above any real module's, far below
// what would hurt.
const maxItems = 10_000

// Parse reads a module's imports, exports and memory. A module that is no
// core module, or wants an import that no plugin gets, is refused with a
// *[Refusal].
func Parse(b []byte) (*Module, error) {
	if len(b) < 8 || !bytes.Equal(b[:4], magic) {
		return nil, &Refusal{Reason: "not WebAssembly"}
	}
	if !bytes.Equal(b[4:8], version1) {
		if bytes.Equal(b[6:8], component) {
			return nil, &Refusal{Reason: "this is a component (component model), which the runtime can't execute; build a core module (for Go: GOOS=wasip1 -buildmode=c-shared, for Rust: target wasm32-wasip1)"}
		}
		return nil, &Refusal{Reason: fmt.Sprintf("WebAssembly version %x, want 1", b[4:8])}
	}
	m := new(Module)
	r := &reader{b: b[8:]}
	for len(r.b) > 0 && r.err == nil {
		id := r.byte()
		body := &reader{b: r.take(int(r.u32()))}
		if r.err != nil {
			break
		}
		m.section(id, body)
		if body.err != nil {
			return nil, &Refusal{Reason: fmt.Sprintf("malformed section %d: %v", id, body.err)}
		}
	}
	if r.err != nil {
		return nil, &Refusal{Reason: "malformed: " + r.err.Error()}
	}
	m.callable()
	return m, m.check()
}

func (m *Module) section(id byte, r *reader) {
	switch id {
	case sectionType:
		for range r.count() {
			m.types = append(m.types, r.signature())
		}
	case sectionImport:
		for range r.count() {
			i := Import{Module: r.name(), Name: r.name(), Kind: r.byte()}
			of := r.importType(i.Kind)
			if r.err != nil {
				return
			}
			if i.Kind == 0 {
				i.signature = m.signatureOf(of)
				m.functions = append(m.functions, of)
			}
			m.Imports = append(m.Imports, i)
		}
	case sectionFunction:
		for n := r.u32(); n > 0 && r.err == nil; n-- { // at least a byte each
			m.functions = append(m.functions, r.u32())
		}
	case sectionMemory:
		for range r.count() {
			m.MinPages, m.MaxPages = r.limits()
		}
	case sectionExport:
		for range r.count() {
			name, kind, index := r.name(), r.byte(), r.u32()
			if r.err == nil && kind == 0 {
				m.exported = append(m.exported, export{name, index})
			}
		}
	}
}

// check admits the Extism kernel, WASI preview 1, the one host function, and
// by name those of hyper-mcp.
func (m *Module) check() error {
	for _, i := range m.Imports {
		if i.Kind != 0 {
			return &Refusal{Import: i.String(), Reason: "only functions can be imported"}
		}
		switch i.Module {
		case moduleKernel:
			if !slices.Contains(kernelFunctions, i.Name) {
				return &Refusal{Import: i.String(), Reason: "the Extism kernel has no such function"}
			}
		case moduleUser:
			if err := checkUser(i); err != nil {
				return err
			}
		case moduleWASI: // which names exist, the compile step knows
		default:
			return &Refusal{Import: i.String(), Reason: "want an import of " + moduleKernel + ", " + moduleUser + " or " + moduleWASI}
		}
	}
	return nil
}

// reader decodes; after its first error it returns zeros.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.b = nil
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.fail(io.ErrUnexpectedEOF)
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

// u32 reads an unsigned LEB128 number.
func (r *reader) u32() uint32 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 || n > math.MaxUint32 {
		r.fail(errors.New("bad number"))
		return 0
	}
	r.b = r.b[size:]
	return uint32(n)
}

func (r *reader) count() int {
	n := r.u32()
	if n > maxItems {
		r.fail(fmt.Errorf("%d entries, the limit is %d", n, maxItems))
		return 0
	}
	return int(n)
}

func (r *reader) name() string {
	s := string(r.take(int(r.u32())))
	if !utf8.ValidString(s) {
		r.fail(errors.New("a name is not UTF-8"))
	}
	return s
}

func (r *reader) limits() (low, high uint32) {
	flags := r.byte()
	low = r.u32()
	if flags&1 != 0 {
		high = r.u32()
	}
	return low, high
}

// importType skips what follows an import's kind; of a function it is its type.
func (r *reader) importType(kind byte) (of uint32) {
	switch kind {
	case 0:
		of = r.u32()
	case 1:
		r.byte()
		r.limits()
	case 2:
		r.limits()
	case 3:
		r.take(2)
	case 4:
		r.byte()
		r.u32()
	default:
		r.fail(fmt.Errorf("import of kind %d", kind))
	}
	return of
}
