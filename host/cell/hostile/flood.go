package hostile

import (
	"strings"

	"github.com/ambithost/ambit/sdk/protocol"
)

// Modules that say too much, or say it to the wrong reader.

// outputFlood returns more than a call may.
func outputFlood() []byte {
	g := newGuest()
	p := part{"flooding", (protocol.MaxOutput + 1<<20) / 8}
	g.exportCall(nil, g.output(g.write(p), size(p)))
	return g.bytes()
}

// outputLie claims an output of a TiB that is not there.
func outputLie() []byte {
	g := newGuest()
	g.exportCall(nil, i64c(8), call(g.alloc), i64c(1<<40), call(g.outputSet))
	return g.bytes()
}

// logFlood logs a line of 64 KiB without end.
func logFlood() []byte {
	g := newGuest()
	line := g.write(part{"flooding", 8 << 10})
	g.exportCall(nil, forever(call(line), call(g.logInfo)))
	return g.bytes()
}

// Injection is what logInjection logs: escapes that would clear the screen,
// rename the window, write to the clipboard, and lines that look like another's.
const Injection = "hello\x1b[2J\x1b]0;owned\x07\x1b]52;c;cm0gLXJm\x07\r\n" +
	"2026-01-01T00:00:00Z [ERROR] host: audit log verified\u202e\u2028\u0085\x9b31m\x00end"

// logInjection logs the Injection, by Extism's log and by the effect, and
// fails with it.
func logInjection() []byte {
	g := newGuest()
	p := part{Injection, 1}
	text := g.write(p)
	args := g.write(part{`{"name":"log.write","args":{"level":"info","message":"` + jsonEscape(Injection) + `"}}`, 1})
	g.exportCall(nil,
		call(text), call(g.logInfo),
		call(args), call(g.effect), drop,
		call(text), call(g.errorSet), i32c(1), op(0x0f)) // return 1: the call failed
	return g.bytes()
}

// jsonEscape writes what JSON does not allow raw as \u00XX.
func jsonEscape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case c < 0x20:
			b.WriteString(`\u00` + string("0123456789abcdef"[c>>4]) + string("0123456789abcdef"[c&15]))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// deep is JSON nested four million levels.
func deep() []part {
	const levels = 4 << 20
	return []part{{"[[[[[[[[", levels / 8}, {"]]]]]]]]", levels / 8}}
}

// deepOutput returns deep JSON.
func deepOutput() []byte {
	g := newGuest()
	p := deep()
	g.exportCall(nil, g.output(g.write(p...), size(p...)))
	return g.bytes()
}

// deepArgs asks for an effect with deep JSON and returns the answer's length.
func deepArgs() []byte {
	g := newGuest()
	p := append(append([]part{{`{"name":"log.write","args":`, 1}}, deep()...), part{"}", 1})
	g.exportCall(nil, call(g.write(p...)), call(g.effect), i64c(8), call(g.outputSet))
	return g.bytes()
}

// argsFlood asks for an effect with arguments larger than allowed.
func argsFlood() []byte {
	g := newGuest()
	p := []part{{`{"name":"log.write","args":"`, 1}, {"flooding", (protocol.MaxArgs + 1<<20) / 8}, {`"}`, 1}}
	g.exportCall(nil, call(g.write(p...)), call(g.effect), i64c(8), call(g.outputSet))
	return g.bytes()
}

// effectStorm asks for one effect after the other without end.
func effectStorm() []byte {
	g := newGuest()
	ask := g.write(part{`{"name":"clock.read","args":{}}`, 1})
	g.exportCall(nil, forever(call(ask), call(g.effect), drop))
	return g.bytes()
}

// emitFlood emits pieces of output of 256 KiB without end.
func emitFlood() []byte {
	g := newGuest()
	ask := g.write(part{`{"name":"emit","args":"`, 1}, part{"flooding", 32 << 10}, part{`"}`, 1})
	const block = 0 // written once: a block a piece would meet the memory limit first
	g.exportCall([]valType{i64}, call(ask), set(block), forever(get(block), call(g.effect), drop))
	return g.bytes()
}
