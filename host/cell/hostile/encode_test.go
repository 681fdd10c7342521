package hostile

import (
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// TestEncoder holds the writer to an independent reader: what it writes
// validates, and computes what it says.
func TestEncoder(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(api.CoreFeaturesV2))
	defer r.Close(ctx)

	m := &module{tables: []uint32{3}, pages: &limits{1, 2}}
	self := m.next()
	m.fn(sig(i64, 0, i64), nil, // n < 2 ? n : f(n-1) + f(n-2)
		get(0), i64c(2), i64LtU, op(0x04, byte(i64)), get(0), op(0x05),
		get(0), i64c(-1), i64Add, call(self), get(0), i64c(-2), i64Add, call(self), i64Add, op(0x0b))
	m.exports = append(m.exports, export{"fib", 0, self})
	const counter, turns = 0, 1
	sum := m.fn(sig(0, i32), []valType{i32, i32, i64}, i32c(300), set(turns),
		loop(get(counter), i32c(-7), i32Add, set(counter), countDown(turns)), get(counter))
	m.exports = append(m.exports, export{"sum", 0, sum})

	mod, err := r.Instantiate(ctx, m.bytes())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := mod.ExportedFunction("fib").Call(ctx, 20); err != nil || got[0] != 6765 {
		t.Errorf("fib(20) = %v, %v; want 6765", got, err)
	}
	if got, err := mod.ExportedFunction("sum").Call(ctx); err != nil || int32(got[0]) != -2100 {
		t.Errorf("sum() = %v, %v; want -2100", got, err)
	}
}

// TestModulesAreValid: an attack that the decoder refuses would prove nothing
// about what was meant to stop it.
func TestModulesAreValid(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer r.Close(ctx)
	for _, a := range Wasm() {
		if a.Malformed || a.Name == "compile bomb" {
			continue
		}
		c, err := r.CompileModule(ctx, a.Module())
		if err != nil {
			t.Errorf("%s: %v", a.Name, err)
			continue
		}
		if c.ExportedFunctions()["call"] == nil {
			t.Errorf("%s does not export call", a.Name)
		}
		c.Close(ctx)
	}
}
