package hostile

import "github.com/ambithost/ambit/sdk/protocol"

// Stage is how far an attack gets.
type Stage int

// The stages of a plugin's life.
const (
	Install Stage = iota // refused when inspected
	Load                 // ended before its first call
	Call                 // ended, refused or contained during a call
)

func (s Stage) String() string {
	switch s {
	case Install:
		return "at install"
	case Load:
		return "at start"
	}
	return "in the call"
}

// Attack is one entry of the corpus.
type Attack struct {
	Name  string
	Does  string // what it tries
	Stops string // what stops it
	Stage Stage
	Code  protocol.Code // the error the caller gets; empty: the call succeeds and did no harm
	Or    protocol.Code // another code that the caller may get first, when limits race; empty: none
	// Output is what a call that succeeds returns, if that is fixed.
	Output string
	// Malformed is set when the module is not a valid one on purpose.
	Malformed bool
	// Lives is set when the cell survives and serves on.
	Lives bool
	// Module makes a Wasm attack's module.
	Module func() []byte
	// Export is the native attack's export in the program in native; Broken is
	// the name under which that program does not keep the protocol.
	Export, Broken string
}

// Wasm returns the attacks that are Wasm modules.
func Wasm() []Attack {
	return []Attack{
		{Name: "call tree", Module: callTree, Stage: Call, Code: protocol.Timeout,
			Does: "2^35 calls without a loop", Stops: "deadline, SIGKILL"},
		{Name: "recursion", Module: fib, Stage: Call, Code: protocol.Timeout,
			Does: "fib(60), naively", Stops: "deadline, SIGKILL"},
		{Name: "memory fill", Module: fill, Stage: Call, Code: protocol.Timeout,
			Does: "20,000 `memory.fill` of 32 MiB without a loop", Stops: "deadline, SIGKILL"},
		{Name: "endless loop", Module: spin, Stage: Call, Code: protocol.Timeout,
			Does: "`loop br 0`", Stops: "deadline, SIGKILL"},
		{Name: "spin at start", Module: startSpin, Stage: Load, Code: protocol.Timeout,
			Does: "spins in the start function, before any call", Stops: "deadline, SIGKILL"},
		{Name: "compile bomb", Module: compileBomb, Stage: Install, Code: protocol.Limit, Or: protocol.Timeout,
			Does: "4,000 functions of 50,000 locals", Stops: "compilation in a cell of its own, under its deadline and memory limit"},
		{Name: "stack overflow", Module: stackOverflow, Stage: Call, Code: protocol.Failed, Lives: true,
			Does: "recursion without end", Stops: "the engine's stack limit"},

		{Name: "memory bomb", Module: memoryBomb, Stage: Call, Code: protocol.Limit, Lives: true,
			Does: "grows and touches memory for ever", Stops: "memory limit"},
		{Name: "memory claim", Module: memoryClaim, Stage: Install, Code: protocol.Invalid,
			Does: "declares 4 GiB", Stops: "memory limit, at install"},
		{Name: "table bomb", Module: tableBomb, Stage: Load, Code: protocol.Limit,
			Does: "declares 256 tables of 10 million entries", Stops: "memory limit of the process"},
		{Name: "handles", Module: handles, Stage: Call, Code: protocol.Timeout,
			Does: "takes kernel blocks of 1 byte without end, frees none", Stops: "memory limit: the kernel gives no more; deadline, SIGKILL"},
		{Name: "big handles", Module: bigHandles, Stage: Call, Code: protocol.Limit, Lives: true,
			Does: "takes and writes kernel blocks of 1 MiB", Stops: "memory limit"},
		{Name: "scribble", Module: scribble, Stage: Call, Lives: true,
			Does: "overwrites the Extism kernel's book-keeping, then uses it", Stops: "the kernel is in the cell and checks bounds: empty output"},

		{Name: "output flood", Module: outputFlood, Stage: Call, Code: protocol.Limit, Lives: true,
			Does: "returns 17 MiB", Stops: "output cap"},
		{Name: "output lie", Module: outputLie, Stage: Call, Lives: true,
			Does: "claims an output of 1 TiB", Stops: "the kernel checks bounds: empty output"},
		{Name: "log flood", Module: logFlood, Stage: Call, Code: protocol.Timeout,
			Does: "logs 64 KiB lines without end", Stops: "line cap, rate limit, deadline"},
		{Name: "log injection", Module: logInjection, Stage: Call, Code: protocol.Failed, Lives: true,
			Does: "logs terminal escapes and forged lines", Stops: "control characters are escaped"},
		{Name: "deep output", Module: deepOutput, Stage: Call, Lives: true,
			Does: "returns JSON nested 4 million levels", Stops: "the parser's depth limit"},
		{Name: "deep arguments", Module: deepArgs, Stage: Call, Lives: true,
			Does: "asks for an effect with JSON nested 4 million levels", Stops: "the parser's depth limit"},
		{Name: "argument flood", Module: argsFlood, Stage: Call, Lives: true,
			Does: "asks for an effect with 17 MiB of arguments", Stops: "argument cap"},
		{Name: "effect storm", Module: effectStorm, Stage: Call, Code: protocol.Timeout,
			Does: "asks for effects without end", Stops: "one at a time; deadline, SIGKILL"},
		{Name: "emit flood", Module: emitFlood, Stage: Call, Code: protocol.Limit,
			Does: "emits pieces of output without end", Stops: "cap on what one call emits"},

		{Name: "forbidden import", Module: forbiddenImport, Stage: Install, Code: protocol.Invalid,
			Does: "imports `env.spawn`", Stops: "import table, by name"},
		{Name: "socket import", Module: forbiddenWASI, Stage: Install, Code: protocol.Invalid,
			Does: "imports `wasi_snapshot_preview1.sock_open`", Stops: "import table, by name"},
		{Name: "WASI files", Module: wasiProbe, Stage: Call, Lives: true, Output: "refused ",
			Does: "opens files, makes folders, reads environment and arguments through WASI", Stops: "no preopened folder, empty environment"},
		{Name: "component", Module: component, Stage: Install, Code: protocol.Invalid, Malformed: true,
			Does: "is a component-model file", Stops: "header check, which says so"},
		{Name: "empty file", Module: func() []byte { return nil }, Stage: Install, Code: protocol.Invalid, Malformed: true,
			Does: "is empty", Stops: "header check"},
	}
}

// Evading returns a module whose call can't be interrupted by an engine in
// the same process: no loop, 2^35 calls.
func Evading() []byte { return callTree() }
