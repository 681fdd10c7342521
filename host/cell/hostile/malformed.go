package hostile

import "encoding/binary"

// Modules that are not what they should be, and modules that ask for powers by
// import.

// forbiddenImport wants a host function that does not exist for plugins.
func forbiddenImport() []byte {
	m := &module{}
	spawn := m.importFunc("env", "spawn", sig(i32, 0, i32))
	m.exportCall(nil, i32c(0), call(spawn), drop)
	return m.bytes()
}

// forbiddenWASI wants sockets, which some runtimes add to WASI preview 1.
func forbiddenWASI() []byte {
	m := &module{}
	open := m.importFunc("wasi_snapshot_preview1", "sock_open", sig(i32, i32, i32, 0, i32))
	m.exportCall(nil, i32c(1), i32c(1), i32c(0), call(open), drop)
	return m.bytes()
}

// component is the start of a component-model file.
func component() []byte {
	return []byte("\x00asm\x0d\x00\x01\x00\x01\x08\x00asm\x01\x00\x00\x00")
}

// wasiProbe tries what WASI has for files and the environment and returns
// "refused " or, if any of it succeeded, "allowed ".
func wasiProbe() []byte {
	g := newGuestWith(func(m *module) []uint32 {
		const wasi = "wasi_snapshot_preview1"
		return []uint32{
			m.importFunc(wasi, "path_open", sig(i32, i32, i32, i32, i32, i64, i64, i32, i32, 0, i32)),
			m.importFunc(wasi, "fd_prestat_get", sig(i32, i32, 0, i32)),
			m.importFunc(wasi, "path_create_directory", sig(i32, i32, i32, 0, i32)),
			m.importFunc(wasi, "environ_sizes_get", sig(i32, i32, 0, i32)),
			m.importFunc(wasi, "args_sizes_get", sig(i32, i32, 0, i32)),
		}
	})
	pathOpen, prestat, mkdir, environ, args := g.wasi[0], g.wasi[1], g.wasi[2], g.wasi[3], g.wasi[4]
	g.pages = &limits{min: 1}
	const allowed, path, result = 0, 64, 1024
	text := "/etc/passwd\x00"
	var code [][]byte
	for i := 0; i < len(text); i += 4 {
		code = append(code, i32c(int32(path+i)), i32c(int32(binary.LittleEndian.Uint32([]byte(text[i:])))), i32Store)
	}
	// count adds 1 to allowed when the error number on the stack is 0.
	count := join(i32Eqz, get(allowed), i32Add, set(allowed))
	for fd := range int32(8) {
		for _, skip := range []int32{0, 1} { // "/etc/passwd" and "etc/passwd"
			code = append(code, i32c(fd), i32c(1), i32c(path+skip), i32c(int32(len(text))-1-skip), i32c(0),
				i64c(-1), i64c(-1), i32c(0), i32c(result), call(pathOpen), count)
		}
		code = append(code, i32c(fd), i32c(path+1), i32c(3), call(mkdir), count)
		if fd > 2 { // wazero calls standard input and output preopened; they are no folders
			code = append(code, i32c(fd), i32c(result), call(prestat), count)
		}
	}
	code = append(code, // these succeed; what they count must be nothing
		i32c(result), i32c(result+4), call(environ), drop, i32c(result), i32Load, get(allowed), i32Add, set(allowed),
		i32c(result), i32c(result+4), call(args), drop, i32c(result), i32Load, i32c(1), op(0x4b), get(allowed), i32Add, set(allowed),
		get(allowed), op(0x04, 0x40), g.output(g.write(part{"allowed ", 1}), 8), op(0x05),
		g.output(g.write(part{"refused ", 1}), 8), op(0x0b))
	g.exportCall([]valType{i32}, code...)
	return g.bytes()
}

// Truncations returns the module cut off at n places, from within the header
// to one byte before the end.
func Truncations(module []byte, n int) (cut [][]byte) {
	for i := range n {
		cut = append(cut, module[:1+(len(module)-2)*i/(n-1)])
	}
	return cut
}

// Flips returns n copies of the module with a bit wrong in each, spread over
// its length.
func Flips(module []byte, n int) (flipped [][]byte) {
	for i := range n {
		m := append([]byte(nil), module...)
		m[len(m)*i/n] ^= 1 << (i % 8)
		flipped = append(flipped, m)
	}
	return flipped
}
