package hostile

// Modules that want more memory than they may have.

// memoryBomb grows its memory a MiB at a time and touches every page of it,
// until it is stopped or refused; refused, it traps.
func memoryBomb() []byte {
	g := newGuest()
	g.pages = &limits{min: 1}
	const page = 0
	g.exportCall([]valType{i32}, forever(
		i32c(16), memoryGrow, set(page),
		get(page), i32c(-1), op(0x46), op(0x04, 0x40), unreachable, op(0x0b),
		get(page), i32c(16), op(0x74), // offset = page << 16
		i32c(1), i32c(16<<16-1), memoryFill,
	))
	return g.bytes()
}

// memoryClaim declares 4 GiB before it does anything.
func memoryClaim() []byte {
	g := newGuest()
	g.pages = &limits{min: 65536}
	g.exportCall(nil)
	return g.bytes()
}

// tableBomb declares tables, which are not memory to a limit on memories: 256
// of 10 million entries, 20 GB.
func tableBomb() []byte {
	g := newGuest()
	for range 256 {
		g.tables = append(g.tables, 10_000_000)
	}
	g.exportCall(nil)
	return g.bytes()
}

// handles takes kernel blocks of a byte and never gives one back.
func handles() []byte {
	g := newGuest()
	g.exportCall(nil, forever(i64c(1), call(g.alloc), drop))
	return g.bytes()
}

// bigHandles takes kernel blocks of a MiB and writes to each, and traps when it
// gets no more.
func bigHandles() []byte {
	g := newGuest()
	const p = 0
	g.exportCall([]valType{i64}, forever(
		i64c(1<<20), call(g.alloc), set(p),
		get(p), op(0x50), op(0x04, 0x40), unreachable, op(0x0b), // i64.eqz
		get(p), i64c(-1), call(g.store64),
	))
	return g.bytes()
}

// scribble overwrites the kernel's own book-keeping, then uses it.
func scribble() []byte {
	g := newGuest()
	const p, left = 0, 1
	g.exportCall([]valType{i64, i32},
		i64c(1<<12), call(g.alloc), drop,
		i32c(8<<10), set(left),
		loop(get(p), i64c(-1), call(g.store64), get(p), i64c(8), i64Add, set(p), countDown(left)),
		i64c(64), call(g.alloc), call(g.effect), call(g.logInfo),
		i64c(-8), i64c(1<<40), call(g.outputSet))
	return g.bytes()
}
