package main

import "fmt"

// row is one line of the table.
type row struct {
	what    string
	value   string // key of the results
	unit    unit
	base    string  // key of what it is compared with; empty: nothing
	against string  // what base is, for people
	scale   float64 // of base's unit in value's; 0: the same
	minus   bool    // the difference counts, not the ratio
	atLeast bool    // the aim is a lower bound
	goal    float64 // the aim, of the ratio if there is one; 0: none
}

// unit is what a value counts.
type unit string

const (
	micros  unit = "µs"
	nanos   unit = "ns"
	perSec  unit = "/s"
	million unit = "MB"
	factor  unit = "x"
)

// text shows a value with three digits.
func (u unit) text(v float64) string {
	switch {
	case u == nanos:
		return micros.text(v / 1e3)
	case u == micros && v >= 10_000:
		return fmt.Sprintf("%.3g ms", v/1e3)
	case u == perSec:
		return fmt.Sprintf("%.0f/s", v)
	case u == factor:
		return fmt.Sprintf("%.2fx", v)
	case v >= 1000:
		return fmt.Sprintf("%.0f %s", v, u)
	}
	return fmt.Sprintf("%.3g %s", v, u)
}

const raw = "wasm Raw ns/op"

var rows = []row{
	{what: "call of a no-op tool, in process, Extism", value: raw, unit: nanos},
	{what: "the same through a cell, p50", value: "host Tool/bare p50-µs", unit: micros, base: raw, scale: 1e-3, against: "in process"},
	{what: "gated and audited, a read, p50", value: "host Tool/read p50-µs", unit: micros, base: raw, scale: 1e-3, against: "in process"},
	{what: "gated and audited, a write, p50", value: "host Tool/write p50-µs", unit: micros, base: raw, scale: 1e-3, against: "in process"},
	{what: "gate, policy and audit add to a read", value: "host Tool/read p50-µs", unit: micros, base: "host Tool/bare p50-µs", against: "bare cell", minus: true, goal: 60},
	{what: "and to a write", value: "host Tool/write p50-µs", unit: micros, base: "host Tool/read p50-µs", against: "a read", minus: true},
	{what: "one fdatasync here, p50", value: "host Tool/fdatasync p50-µs", unit: micros},
	{what: "processor work in a cell", value: "cell Compute ns/op", unit: nanos, base: "wasm RawCompute/plain ns/op", against: "in process", goal: 1.1},
	{what: "processor work, in process with a timeout", value: "wasm RawCompute/with_a_timeout ns/op", unit: nanos, base: "cell Compute ns/op", against: "in a cell", goal: 5, atLeast: true},
	{what: "policy decision, 1 plugin", value: "policy Decide/plugins=1 ns/op", unit: nanos, goal: 25_000},
	{what: "policy decision, 100 plugins", value: "policy Decide/plugins=100 ns/op", unit: nanos, goal: 25_000},
	{what: "policy decision, 10,000 plugins", value: "policy Decide/plugins=10000 ns/op", unit: nanos, goal: 25_000},
	{what: "10,000 plugins against 1, medians", value: "policy DecideScaling 10000/1", unit: factor, goal: 1.1},
	{what: "durable audit records, 1 caller", value: "audit AppendDurable/callers=1 records/s", unit: perSec},
	{what: "durable audit records, 16 callers", value: "audit AppendDurable/callers=16 records/s", unit: perSec, goal: 20_000, atLeast: true},
	{what: "durable audit records, 256 callers", value: "audit AppendDurable/callers=256 records/s", unit: perSec},
	{what: "kill, one evading cell, p50", value: "cell Kill/one p50-µs", unit: micros},
	{what: "kill, one evading cell, p99", value: "cell Kill/one p99-µs", unit: micros, goal: 5000},
	{what: "kill, ten evading cells, p50", value: "cell Kill/ten p50-µs", unit: micros},
	{what: "kill, ten evading cells, p99", value: "cell Kill/ten p99-µs", unit: micros, goal: 15_000},
	{what: "revoke, with its effect in flight, p50", value: "host Revoke p50-µs", unit: micros},
	{what: "revoke, with its effect in flight, p99", value: "host Revoke p99-µs", unit: micros, goal: 1000},
	{what: "host start to ready, 10 plugins, p50", value: "ambit Ready p50-µs", unit: micros, goal: 50_000},
	{what: "idle host, PSS", value: "ambit Ready host-MB", unit: million, goal: 40},
	{what: "idle cell of a Go guest, PSS", value: "ambit Ready cell-MB", unit: million},
	{what: "idle host, 20 plugins, 5 channels polling, with all cells", value: "ambit Idle all-MB", unit: million, goal: 60},
	{what: "1,000 sessions, 100 messages a second: answered", value: "ambit Load answers/s", unit: perSec, goal: 95, atLeast: true},
	{what: "from a message to its answer, p50", value: "ambit Load p50-µs", unit: micros},
	{what: "from a message to its answer, p99", value: "ambit Load p99-µs", unit: micros},
	{what: "processor time of a message, host and model's cell", value: "ambit Load cpu-µs", unit: micros},
	{what: "the host meanwhile, PSS", value: "ambit Load host-MB", unit: million},
	{what: "and its cells, PSS", value: "ambit Load cells-MB", unit: million},
	{what: "SIGKILL to an answer again, 1,000 sessions stored, p50", value: "ambit Load again-p50-µs", unit: micros},
	{what: "SIGKILL to an answer again, 1,000 sessions stored, p99", value: "ambit Load again-p99-µs", unit: micros, goal: 1e6},
	{what: "processor time of such a start, host and model's cell", value: "ambit Load again-cpu-µs", unit: micros},
	{what: "cell start to first call, small guest", value: "cell Start/small ns/op", unit: nanos, goal: 15e6},
	{what: "cell start to first call, Go guest", value: "cell Start/go ns/op", unit: nanos, goal: 70e6},
	{what: "cell start to first call, native", value: "cell Start/native ns/op", unit: nanos},
}
