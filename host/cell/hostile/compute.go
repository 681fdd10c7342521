package hostile

import "bytes"

// Modules that do not want to stop. The engine looks for an interruption only
// where a loop jumps back, so the first three cannot be stopped in-process.

// callTree calls without a loop: each of 35 functions calls the next twice,
// 2^35 calls.
func callTree() []byte {
	g := newGuest()
	const depth = 35
	first := g.next()
	for i := range uint32(depth) {
		code := join(call(first+i+1), call(first+i+1))
		if i == depth-1 {
			code = nil
		}
		g.fn(sig(), nil, code)
	}
	g.exportCall(nil, call(first))
	return g.bytes()
}

// fib is the naive recursion at 60, some 10^12 calls.
func fib() []byte {
	g := newGuest()
	self := g.next()
	g.fn(sig(i64, 0, i64), nil,
		get(0), i64c(2), i64LtU,
		op(0x04, byte(i64)), get(0), op(0x05), // if n < 2 then n else
		get(0), i64c(-1), i64Add, call(self),
		get(0), i64c(-2), i64Add, call(self), i64Add,
		op(0x0b))
	g.exportCall(nil, i64c(60), call(self), drop)
	return g.bytes()
}

// fill is a straight line of memory.fill: each is one instruction, during which
// nothing can interrupt. The line is called 50 times, without a loop.
func fill() []byte {
	g := newGuest()
	const pages, times = 512, 400 // 32 MiB each time
	g.pages = &limits{min: pages, max: pages}
	one := join(i32c(0), i32c(0x5a), i32c(pages<<16-1), memoryFill)
	code := make([][]byte, times)
	for i := range code {
		code[i] = one
	}
	line := g.fn(sig(), nil, code...)
	g.exportCall(nil, bytes.Repeat(call(line), 50))
	return g.bytes()
}

// spin is the plain endless loop.
func spin() []byte {
	g := newGuest()
	g.exportCall(nil, forever())
	return g.bytes()
}

// startSpin never gets as far as its first call: it spins while it is
// instantiated.
func startSpin() []byte {
	g := newGuest()
	start := g.fn(sig(), nil, forever())
	g.start = &start
	g.exportCall(nil)
	return g.bytes()
}

// stackOverflow recurses without end.
func stackOverflow() []byte {
	g := newGuest()
	self := g.next()
	g.fn(sig(), nil, call(self))
	g.exportCall(nil, call(self))
	return g.bytes()
}

// compileBomb is small to send and dear to compile: a few thousand functions
// of 50,000 locals each.
func compileBomb() []byte {
	g := newGuest()
	locals := make([]valType, 50000)
	for i := range locals {
		locals[i] = i64
	}
	var last uint32
	for range 4000 {
		last = g.fn(sig(), locals, get(49999), set(0))
	}
	g.exportCall(nil, call(last))
	return g.bytes()
}
