//go:build !unix

package effects

const openNonblock = 0
